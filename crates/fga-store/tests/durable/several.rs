//! Many writers at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_fga::{ErrorCode, Revision, WriteRequest};
use ztag_fga_store::NamedStore;

use crate::house::{House, documents, stored, viewer};

/// Tasks that write at once.
const TASKS: usize = 32;
/// Rounds of each.
const ROUNDS: usize = 20;

/// A tuple is a register that holds or not: of all who write it while it is absent, one wins, and
/// of all who delete it while it is there, one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_linearizable() {
    for house in House::each() {
        writes_are_linearizable_in(&house).await;
    }
}

async fn writes_are_linearizable_in(house: &House) {
    let stores = house.open();
    let store = documents(&stores).await;
    let tasks = (0..TASKS).map(|task| tokio::spawn(write(store.clone(), task)));
    let tasks: Vec<_> = tasks.collect();
    let mut history = Vec::new();
    for task in tasks {
        history.extend(task.await.unwrap());
    }
    history.sort_unstable();
    let numbers: Vec<_> = history
        .iter()
        .map(|(revision, ..)| revision.number())
        .collect();
    let expected: Vec<_> = (1..=history.len() as u64).collect();
    assert_eq!(
        numbers, expected,
        "every accepted write has a number of its own"
    );
    let mut present = BTreeMap::new();
    for (revision, doc, is_delete) in history {
        let was = present.insert(doc, !is_delete).unwrap_or(false);
        assert_eq!(
            was, is_delete,
            "{revision}: writes and deletes of a tuple take turns"
        );
    }
    let left = present.values().filter(|is_present| **is_present).count();
    assert_eq!(stored(store.store()).len(), left);
    stores.close();
    assert_eq!(
        stored(house.open().find(store.id()).unwrap().store()).len(),
        left
    );
}

/// What one task had accepted: the revision, the tuple, and whether it deleted it.
type History = Vec<(Revision, usize, bool)>;

async fn write(store: Arc<NamedStore>, task: usize) -> History {
    let mut history = Vec::new();
    for round in 0..ROUNDS {
        let tuple = viewer("shared", round % 4);
        let is_delete = (task + round).is_multiple_of(2);
        let request = if is_delete {
            WriteRequest::deletes([tuple])
        } else {
            WriteRequest::writes([tuple])
        };
        let before = store.store().revision();
        match store.write(request).await {
            Ok(revision) => {
                assert!(revision > before, "it comes after what was there before");
                assert!(store.store().revision() >= revision, "and is seen now");
                history.push((revision, round % 4, is_delete));
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::WriteFailed),
        }
    }
    history
}
