//! Stores to test with.

use std::sync::Arc;

use serde_json::Value as Json;
use ztag_fga::{CheckRequest, Error, ErrorCode, Fields, Limits, Store, Tuple, WriteRequest, dsl};
use ztag_types::ManualClock;

pub(crate) const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user, user:*, group#member]
type doc
  relations
    define parent: [folder]
    define owner: [user]
    define blocked: [user]
    define viewer: [user, user with recent, group#member] or owner or viewer from parent
    define reader: viewer but not blocked
    define editor: [user] and owner
condition recent(age: int, limit: int) {
  age < limit
}
";

/// A store with the model above, these limits and a clock that stands still.
pub(crate) fn store_within(limits: Limits) -> (Store, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let store = Store::with_clock(limits, clock.clone());
    store.write_model(dsl::parse(MODEL).unwrap()).unwrap();
    (store, clock)
}

pub(crate) fn store() -> Store {
    store_within(Limits::default()).0
}

/// `object#relation@user`.
pub(crate) fn tuple(text: &str) -> Tuple {
    let (set, user) = text.split_once('@').unwrap();
    let (object, relation) = set.split_once('#').unwrap();
    Tuple::new(user, relation, object)
}

pub(crate) fn write(store: &Store, tuples: &[&str]) {
    store
        .write(&WriteRequest::writes(tuples.iter().map(|text| tuple(text))))
        .unwrap();
}

pub(crate) fn check(store: &Store, text: &str) -> Result<bool, ErrorCode> {
    let Tuple {
        user,
        relation,
        object,
        ..
    } = tuple(text);
    store
        .check(&CheckRequest::new(user, relation, object))
        .map_err(|error| error.code())
}

pub(crate) fn fields(json: &Json) -> Fields {
    json.as_object().cloned().unwrap()
}

pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.unwrap_err().code()
}
