//! Every call: what it answers, and how it refuses.

mod questions;
mod shape;
mod stores;
mod tuples;

use serde_json::{Value as Json, json};

use crate::world::World;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user]
type doc
  relations
    define parent: [folder]
    define owner: [user]
    define blocked: [user]
    define viewer: ([user, user:*, group#member] or owner or viewer from parent) but not blocked
    define timed: [user with in_time]

condition in_time(now: timestamp, end: timestamp) {
  now < end
}
";
const UNKNOWN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn filled() -> (World, String) {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    let tuple = |user: &str, relation: &str, object: &str| json!({"user": user, "relation": relation, "object": object});
    world.write(
        &store,
        &json!([
            tuple("user:ada", "owner", "doc:1"),
            tuple("group:eng#member", "viewer", "doc:1"),
            tuple("user:ben", "member", "group:eng"),
            tuple("folder:top", "parent", "doc:1"),
            tuple("user:eve", "viewer", "folder:top"),
        ]),
    );
    (world, store)
}

/// Posts; the status and the code of the refusal.
fn refusal(world: &World, path: &str, body: &Json) -> (u16, String) {
    let (status, answer) = world.call("POST", path, body);
    let code = answer["code"].as_str().unwrap_or_default().to_owned();
    (status, code)
}
