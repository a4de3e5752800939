//! Stores through restarts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use ztag_fga::{
    Assertion, ChangesRequest, CheckRequest, DeleteRequest, Edit, ErrorCode, Fields, RelatedUser,
    ReplaceRequest, Revision, Tuple, TupleChange, TupleFilter, WriteRequest,
};
use ztag_fga_store::{OpenError, Settings, Stores, backup, restore};
use ztag_types::{Clock, ManualClock};

use crate::house::{House, documents, model, settings, stored, viewer};

fn until(time: &str) -> Option<Fields> {
    json!({ "expires_at": time }).as_object().cloned()
}

fn changes(store: &ztag_fga::Store) -> Vec<TupleChange> {
    let mut found = Vec::new();
    let mut request = ChangesRequest::default();
    loop {
        let page = store.read_changes(&request).unwrap();
        if page.changes.is_empty() {
            return found;
        }
        found.extend(page.changes);
        request.continuation_token = page.continuation_token;
    }
}

#[tokio::test]
async fn everything_is_there_again() {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    let model = store.store().model(None).unwrap();
    let conditioned = viewer("ben", 1).when("in_time", until("2030-01-01T00:00:00Z"));
    for write in [
        WriteRequest::writes([viewer("ada", 1), conditioned]),
        WriteRequest::writes([
            viewer("eve", 1),
            Tuple::new("group:a#member", "viewer", "doc:2"),
        ]),
        WriteRequest::deletes([viewer("eve", 1)]),
    ] {
        store.write(write).await.unwrap();
    }
    let assertion = Assertion {
        tuple_key: viewer("ada", 1),
        expectation: true,
        contextual_tuples: Vec::new(),
        context: None,
    };
    let assertions = vec![assertion];
    store
        .write_assertions(model.id(), assertions.clone())
        .await
        .unwrap();
    let (before, log) = (stored(store.store()), changes(store.store()));
    assert_eq!((before.len(), log.len()), (3, 5));
    stores.close();

    let again = house.open();
    let found = again.find(store.id()).unwrap();
    assert_eq!(
        (found.name(), found.created()),
        (store.name(), store.created())
    );
    assert_eq!(stored(found.store()), before);
    assert_eq!(changes(found.store()), log);
    assert_eq!(found.store().revision(), store.store().revision());
    assert_eq!(found.store().model(None).unwrap().spec(), model.spec());
    assert_eq!(found.store().read_assertions(model.id()), assertions);
    let next = found.write(WriteRequest::writes([viewer("new", 1)])).await;
    assert_eq!(
        next.unwrap().number(),
        store.store().revision().number() + 1
    );
    again.close();
}

#[tokio::test]
async fn models_make_room_and_deleted_stores_stay_away() {
    let house = House::new();
    let mut few = settings();
    few.limits.models = 2;
    let stores = house.open_with(few.clone());
    let store = documents(&stores).await;
    let first = store.store().model(None).unwrap().id().clone();
    store.write_assertions(&first, Vec::new()).await.unwrap();
    for _ in 0..2 {
        store.write_model(model()).await.unwrap();
    }
    let gone = documents(&stores).await;
    gone.write(WriteRequest::writes([viewer("ada", 1)]))
        .await
        .unwrap();
    assert_eq!(stores.delete(gone.id()).await, Ok(true));
    let write = gone.write(WriteRequest::writes([viewer("ben", 1)])).await;
    assert_eq!(write.unwrap_err().code(), ErrorCode::StoreNotFound);
    let latest = store.store().model(None).unwrap().id().clone();
    stores.tidy().await.unwrap();
    stores.close();

    let again = house.open_with(few);
    assert!(again.find(gone.id()).is_none());
    let found = again.find(store.id()).unwrap();
    assert_eq!(found.store().model(None).unwrap().id(), &latest);
    assert_eq!(found.store().models(None, 9).len(), 2);
    assert!(found.store().model(Some(&first)).is_err());
    let new = documents(&again).await;
    assert!(
        stored(new.store()).is_empty(),
        "numbers of stores are not given again"
    );
    again.close();
}

#[tokio::test]
async fn only_the_journal_writes() {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    let write = WriteRequest::writes([viewer("ada", 1)]);
    assert_eq!(
        store.store().write(&write).unwrap_err().code(),
        ErrorCode::Internal
    );
    assert!(store.store().load(None, &write.writes).is_err());
    assert!(store.store().write_model(model()).is_err());
    let id = store.store().model(None).unwrap().id().clone();
    assert!(store.store().write_assertions(&id, Vec::new()).is_err());
    stores.close();
    let late = store.write(write).await;
    assert_eq!(late.unwrap_err().code(), ErrorCode::Unavailable);
}

#[tokio::test]
async fn files_are_private_and_used_by_one() {
    let house = House::new();
    let folder = house.path().join("new");
    let stores = Stores::open(&folder, settings()).unwrap();
    documents(&stores).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let second = Stores::open(&folder, settings());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    stores.close();
    Stores::open(&folder, settings()).unwrap().close();
}

#[tokio::test]
async fn backups_are_whole_and_nothing_is_overwritten() {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    store
        .write(WriteRequest::writes([viewer("ada", 1)]))
        .await
        .unwrap();
    let copy = house.path().join("copy.db");
    stores.backup(&copy).await.unwrap();
    assert!(
        stores.backup(&copy).await.is_err(),
        "a backup takes nobody's place"
    );
    store
        .write(WriteRequest::writes([viewer("ben", 1)]))
        .await
        .unwrap();
    // As another process does it, while this one has the folder.
    let later = house.path().join("later.db");
    backup(house.path(), &later).await.unwrap();
    let in_use = restore(&copy, house.path()).await;
    assert!(matches!(in_use, Err(OpenError::InUse(_))));
    stores.close();
    let taken = restore(&copy, house.path()).await;
    assert!(matches!(taken, Err(OpenError::Exists(_))));

    for (copy, count) in [(copy, 1), (later, 2)] {
        let folder = house.path().join(format!("restored-{count}"));
        restore(&copy, &folder).await.unwrap();
        let stores = Stores::open(&folder, settings()).unwrap();
        let found = stores.find(store.id()).unwrap();
        assert_eq!(stored(found.store()).len(), count);
        stores.close();
    }
}

#[tokio::test]
async fn damaged_and_foreign_files_are_refused() {
    let house = House::new();
    let stores = house.open();
    documents(&stores).await;
    let copy = house.path().join("copy.db");
    stores.backup(&copy).await.unwrap();
    stores.close();
    let good = fs::read(&copy).unwrap();
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut scrambled = good.clone();
    for byte in scrambled.iter_mut().skip(4096).step_by(7) {
        *byte ^= 0x5a;
    }
    let texts: [&[u8]; 4] = [
        &torn,
        &scrambled,
        b"",
        b"not a database at all, however long this text is made",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let bad = house.path().join(format!("bad-{number}.db"));
        fs::write(&bad, text).unwrap();
        let folder = house.path().join(format!("from-{number}"));
        assert!(restore(&bad, &folder).await.is_err(), "{number}");
        assert!(!folder.join("stores.db").exists(), "{number}");
        fs::write(folder.join("stores.db"), text).unwrap();
        // An empty file is a new one.
        assert_eq!(
            Stores::open(&folder, settings()).is_ok(),
            text.is_empty(),
            "{number}"
        );
    }
}

#[tokio::test]
async fn what_has_expired_is_cleaned_up() {
    let house = House::new();
    let clock = Arc::new(ManualClock::new());
    let stores = house.open_with(Settings {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        expire_by: Some("expires_at".into()),
        ..settings()
    });
    let store = documents(&stores).await;
    // The clock starts with the year 2026.
    store
        .write(WriteRequest::writes([
            viewer("soon", 1).when("in_time", until("2026-01-01T00:00:10Z")),
            viewer("late", 1).when("in_time", until("2026-01-01T01:00:00+00:30")),
            viewer("always", 1),
        ]))
        .await
        .unwrap();
    stores.tidy().await.unwrap();
    assert_eq!(stored(store.store()).len(), 3);
    clock.advance(Duration::from_secs(60));
    stores.tidy().await.unwrap();
    let left: Vec<_> = stored(store.store())
        .into_iter()
        .map(|own| own.tuple.user)
        .collect();
    assert_eq!(left, ["user:late", "user:always"]);
    assert!(changes(store.store()).last().unwrap().is_delete);
    stores.close();
    assert_eq!(
        stored(house.open().find(store.id()).unwrap().store()).len(),
        2
    );
}

#[tokio::test]
async fn old_changes_are_folded() {
    let house = House::new();
    let clock = Arc::new(ManualClock::new());
    let keeping = Settings {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        keep_changes: Some(Duration::from_secs(100)),
        ..settings()
    };
    let stores = house.open_with(keeping.clone());
    let store = documents(&stores).await;
    for round in 0..5 {
        store
            .write(WriteRequest::writes([
                viewer("x", round),
                viewer("y", round),
            ]))
            .await
            .unwrap();
        store
            .write(WriteRequest::deletes([viewer("x", round)]))
            .await
            .unwrap();
    }
    let first = ChangesRequest {
        page_size: Some(3),
        ..ChangesRequest::default()
    };
    let old = store
        .store()
        .read_changes(&first)
        .unwrap()
        .continuation_token;
    clock.advance(Duration::from_secs(200));
    store
        .write(WriteRequest::deletes([viewer("y", 4)]))
        .await
        .unwrap();
    let before = stored(store.store());
    stores.tidy().await.unwrap();
    assert_eq!(stored(store.store()), before);
    // Five tuples that were there at the fold, and the deletion since.
    let kept = changes(store.store());
    assert_eq!(kept.iter().filter(|own| !own.is_delete).count(), 5);
    assert_eq!(kept.len(), 6);
    let resumed = ChangesRequest {
        continuation_token: old,
        ..ChangesRequest::default()
    };
    let refused = store.store().read_changes(&resumed).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidContinuationToken);
    // Who begins anew goes on through the folded part page by page.
    let mut paged = ChangesRequest {
        page_size: Some(2),
        ..ChangesRequest::default()
    };
    let mut seen = 0;
    while let Ok(page) = store.store().read_changes(&paged) {
        if page.changes.is_empty() {
            break;
        }
        seen += page.changes.len();
        paged.continuation_token = page.continuation_token;
    }
    assert_eq!(seen, 6);
    stores.close();

    let again = house.open_with(keeping);
    let found = again.find(store.id()).unwrap();
    assert_eq!(
        (stored(found.store()), changes(found.store())),
        (before, kept)
    );
    clock.advance(Duration::from_secs(200));
    again.tidy().await.unwrap();
    assert_eq!(
        changes(found.store()).len(),
        4,
        "a deletion takes back what was folded before"
    );
    again.close();
    assert_eq!(
        changes(house.open().find(store.id()).unwrap().store()).len(),
        4
    );
}

#[tokio::test]
async fn edits_of_many_tuples() {
    let house = House::new();
    let mut tight = settings();
    tight.limits.changes_per_edit = 3;
    let stores = house.open_with(tight);
    let store = documents(&stores).await;
    let all = (0..5).flat_map(|doc| ["ada", "ben"].map(|user| viewer(user, doc)));
    store.write(WriteRequest::writes(all)).await.unwrap();

    // Everything of one user, three at a time.
    let mut request = DeleteRequest {
        filter: TupleFilter {
            user: "user:ada".into(),
            ..TupleFilter::default()
        },
        ..DeleteRequest::default()
    };
    let first = store.edit(Edit::Delete(request.clone())).await.unwrap();
    assert_eq!(first.deleted, 3);
    request.continuation_token = first.continuation_token;
    let second = store.edit(Edit::Delete(request)).await.unwrap();
    assert_eq!(
        (second.deleted, second.continuation_token.as_str()),
        (2, "")
    );
    assert_eq!(stored(store.store()).len(), 5);

    // A relation as it shall be.
    let user = |name: &str| RelatedUser {
        user: format!("user:{name}"),
        condition: None,
    };
    let replace = ReplaceRequest {
        object: "doc:0".into(),
        relation: "viewer".into(),
        users: vec![user("eve"), user("ben")],
        ..ReplaceRequest::default()
    };
    let edited = store.edit(Edit::Replace(replace.clone())).await.unwrap();
    assert_eq!((edited.written, edited.deleted), (1, 0));
    let edited = store.edit(Edit::Replace(replace)).await.unwrap();
    assert_eq!((edited.written, edited.deleted), (0, 0));

    // A relation of every object of a type.
    let of_type = DeleteRequest {
        filter: TupleFilter {
            relation: "viewer".into(),
            object: "doc:".into(),
            ..TupleFilter::default()
        },
        ..DeleteRequest::default()
    };
    let first = store.edit(Edit::Delete(of_type.clone())).await.unwrap();
    assert_eq!(first.deleted, 3);
    assert!(!first.continuation_token.is_empty());
    store.edit(Edit::Delete(of_type)).await.unwrap();
    assert!(stored(store.store()).is_empty());
    let nothing = store.edit(Edit::Delete(DeleteRequest::default())).await;
    assert_eq!(nothing.unwrap_err().code(), ErrorCode::Validation);
    stores.close();
    assert!(stored(house.open().find(store.id()).unwrap().store()).is_empty());
}

#[tokio::test]
async fn a_check_can_demand_a_revision() {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    let revision = store
        .write(WriteRequest::writes([viewer("ada", 1)]))
        .await
        .unwrap();
    assert_eq!(store.at_least(revision, Duration::ZERO).await, Ok(()));
    let future = Revision::from_number(revision.number() + 1).unwrap();
    let refused = store
        .at_least(future, Duration::from_secs(60))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Validation);
    assert!(
        store
            .store()
            .check(&CheckRequest::new("user:ada", "viewer", "doc:1"))
            .unwrap()
    );
    stores.close();
}

/// Names are bound, never written into a statement.
#[tokio::test]
async fn attack_34_names_that_are_sql_stay_names() {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    let names = [
        "x');DROP/**/TABLE/**/changes;--",
        "'||(SELECT/**/spec/**/FROM/**/models)||'",
        "\"$1\"",
        "?1",
        "\\'\u{2019}",
    ];
    let tuples = names.map(|name| viewer(name, name));
    store
        .write(WriteRequest::writes(tuples.clone()))
        .await
        .unwrap();
    let named = stores.create("a'); DELETE FROM stores; --").await.unwrap();
    stores.close();
    let again = house.open();
    let found = stored(again.find(store.id()).unwrap().store());
    let found: Vec<_> = found.into_iter().map(|own| own.tuple).collect();
    assert_eq!(found, tuples);
    assert_eq!(again.find(named.id()).unwrap().name(), named.name());
    again.close();
}

/// What was revoked stays revoked: at once, after a start from the log, after one from an image that
/// is older.
#[tokio::test]
async fn attack_42_a_revoke_is_seen_at_once_and_after_every_start() {
    let house = House::new();
    let eager = Settings {
        image_after: 1,
        ..settings()
    };
    let stores = house.open_with(eager.clone());
    let store = documents(&stores).await;
    store
        .write(WriteRequest::writes([viewer("eve", 1)]))
        .await
        .unwrap();
    stores.tidy().await.unwrap();
    let check = CheckRequest::new("user:eve", "viewer", "doc:1");
    assert_eq!(store.store().check(&check), Ok(true));
    store
        .write(WriteRequest::deletes([viewer("eve", 1)]))
        .await
        .unwrap();
    assert_eq!(store.store().check(&check), Ok(false));
    stores.close();
    let image = house.path().join(format!("{}.image", store.id()));
    for has_image in [true, false] {
        assert_eq!(image.exists(), has_image);
        let again = house.open_with(settings());
        let found = again.find(store.id()).unwrap();
        assert_eq!(found.store().check(&check), Ok(false));
        again.close();
        let _ = fs::remove_file(&image);
    }
}
