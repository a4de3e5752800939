//! Cleaning up, and edits of many tuples.

use std::sync::Arc;
use std::time::Duration;

use ztag_fga::{
    ChangesRequest, DeleteRequest, Edit, ErrorCode, RelatedUser, ReplaceRequest, TupleFilter,
    WriteRequest,
};
use ztag_fga_store::{NamedStore, Settings, Stores};
use ztag_types::{Clock, ManualClock};

use crate::house::{House, changes, changes_by, documents, settings, stored, until, viewer};

#[tokio::test]
async fn what_has_expired_is_cleaned_up() {
    for house in House::each() {
        what_has_expired_is_cleaned_up_in(&house).await;
    }
}

async fn what_has_expired_is_cleaned_up_in(house: &House) {
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
    clock.advance(Duration::from_mins(1));
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

/// A store whose changes are kept for 100 seconds, with some that are older.
async fn aged(house: &House, clock: &Arc<ManualClock>) -> (Stores, Arc<NamedStore>, String) {
    let stores = house.open_with(keeping(clock));
    let store = documents(&stores).await;
    for round in 0..5 {
        let both = [viewer("x", round), viewer("y", round)];
        let [gone, _] = both.clone();
        store.write(WriteRequest::writes(both)).await.unwrap();
        store.write(WriteRequest::deletes([gone])).await.unwrap();
    }
    let first = ChangesRequest {
        page_size: Some(3),
        ..ChangesRequest::default()
    };
    let page = store.store().read_changes(&first).unwrap();
    clock.advance(Duration::from_secs(200));
    let since = WriteRequest::deletes([viewer("y", 4)]);
    store.write(since).await.unwrap();
    (stores, store, page.continuation_token)
}

fn keeping(clock: &Arc<ManualClock>) -> Settings {
    Settings {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        keep_changes: Some(Duration::from_secs(100)),
        ..settings()
    }
}

#[tokio::test]
async fn old_changes_are_folded() {
    for house in House::each() {
        old_changes_are_folded_in(&house).await;
    }
}

async fn old_changes_are_folded_in(house: &House) {
    let clock = Arc::new(ManualClock::new());
    let (stores, store, old) = aged(house, &clock).await;
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
    assert_eq!(changes_by(store.store(), 2), kept);
    stores.close();

    let again = house.open_with(keeping(&clock));
    let found = again.find(store.id()).unwrap();
    assert_eq!(stored(found.store()), before);
    assert_eq!(changes(found.store()), kept);
    clock.advance(Duration::from_secs(200));
    again.tidy().await.unwrap();
    let left = changes(found.store()).len();
    assert_eq!(left, 4, "a deletion takes back what was folded before");
    again.close();
    let found = house.open().find(store.id()).unwrap();
    assert_eq!(changes(found.store()).len(), 4);
}

#[tokio::test]
async fn edits_of_many_tuples() {
    for house in House::each() {
        edits_of_many_tuples_in(&house).await;
    }
}

async fn edits_of_many_tuples_in(house: &House) {
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
