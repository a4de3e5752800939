//! Stores through restarts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ztag_fga::{Assertion, CheckRequest, ErrorCode, Revision, Tuple, WriteRequest};
use ztag_fga_store::{OpenError, Settings, Stores, backup, restore};

use crate::house::{House, changes, documents, model, settings, stored, until, viewer};

#[tokio::test]
async fn everything_is_there_again() {
    for house in House::each() {
        everything_is_there_again_in(&house).await;
    }
}

async fn everything_is_there_again_in(house: &House) {
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
    for house in House::each() {
        models_make_room_and_deleted_stores_stay_away_in(&house).await;
    }
}

async fn models_make_room_and_deleted_stores_stay_away_in(house: &House) {
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
    for house in House::each() {
        only_the_journal_writes_in(&house).await;
    }
}

async fn only_the_journal_writes_in(house: &House) {
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
async fn a_check_can_demand_a_revision() {
    for house in House::each() {
        a_check_can_demand_a_revision_in(&house).await;
    }
}

async fn a_check_can_demand_a_revision_in(house: &House) {
    let stores = house.open();
    let store = documents(&stores).await;
    let revision = store
        .write(WriteRequest::writes([viewer("ada", 1)]))
        .await
        .unwrap();
    assert_eq!(store.at_least(revision, Duration::ZERO).await, Ok(()));
    let future = Revision::from_number(revision.number() + 1).unwrap();
    let refused = store
        .at_least(future, Duration::from_mins(1))
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
    for house in House::each() {
        attack_34_names_that_are_sql_stay_names_in(&house).await;
    }
}

async fn attack_34_names_that_are_sql_stay_names_in(house: &House) {
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
    for house in House::each() {
        attack_42_a_revoke_is_seen_at_once_and_after_every_start_in(&house).await;
    }
}

async fn attack_42_a_revoke_is_seen_at_once_and_after_every_start_in(house: &House) {
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
