//! Stores that outlive the server, revisions, and edits of many tuples.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use ztag_fga::{CheckRequest, Store};
use ztag_fga_api::{Access, StoreId, Stores};
use ztag_fga_store::{Settings, SqliteSettings};

use crate::world::{World, read};

const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user, user with tall]
    define editor: [user]
condition tall(height: int) {
  height > 3
}
";

/// Bytes of a small disk.
const SMALL: u64 = 150_000;

fn settings() -> Settings {
    Settings {
        retry_after: std::time::Duration::ZERO,
        ..Settings::default()
    }
}

fn open(folder: &Path, settings: Settings) -> World {
    let stores = Stores::open(folder, settings).unwrap();
    World::over(Arc::new(stores), Access::open())
}

fn viewers(users: &[&str], doc: &str) -> Json {
    let key =
        |user: &&str| json!({"user": format!("user:{user}"), "relation": "viewer", "object": doc});
    users.iter().map(key).collect()
}

fn engine(world: &World, store: &str) -> Arc<Store> {
    let id = store.strip_prefix("/stores/").and_then(StoreId::parse);
    Arc::clone(world.stores.find(&id.unwrap()).unwrap().store())
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let world = open(folder.path(), settings());
    let store = world.store();
    let model = world.model(&store, MODEL);
    world.write(&store, &viewers(&["ada", "ben"], "doc:1"));
    let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    let body = json!({"assertions": [{"tuple_key": key, "expectation": true}]});
    let path = format!("{store}/assertions/{model}");
    assert_eq!(world.send("PUT", &path, &body.to_string()).status, 204);
    let gone = world.store();
    assert_eq!(world.send("DELETE", &gone, "").status, 204);
    let stores = Arc::clone(&world.stores);
    drop(world);
    stores.close();

    let world = open(folder.path(), settings());
    let (_, listed) = world.call("GET", "/stores", &Json::Null);
    assert_eq!(listed["stores"].as_array().unwrap().len(), 1);
    assert!(world.allows(&store, "user:ada", "viewer", "doc:1"));
    assert_eq!(
        world.call("GET", &path, &Json::Null).1["assertions"][0]["tuple_key"],
        key
    );
    world.write(&store, &viewers(&["eve"], "doc:1"));
    let (_, changes) = world.call("GET", &format!("{store}/changes"), &Json::Null);
    assert_eq!(changes["changes"].as_array().unwrap().len(), 3);
    world.stores.close();
}

#[test]
fn a_write_that_cannot_be_kept_is_a_503() {
    let folder = TempDir::new().unwrap();
    let small = Settings {
        sqlite: SqliteSettings {
            max_bytes: Some(SMALL),
            ..SqliteSettings::default()
        },
        ..settings()
    };
    let world = open(folder.path(), small);
    let store = world.store();
    world.model(&store, MODEL);
    world.write(&store, &viewers(&["ada"], "doc:1"));
    let refused = (0..).find_map(|number| {
        let users: Vec<_> = (0..90).map(|user| format!("{user}-{number}")).collect();
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        let body = json!({"writes": {"tuple_keys": viewers(&users, "doc:1")}});
        let response = world.send("POST", &format!("{store}/write"), &body.to_string());
        (response.status != 200).then_some(response)
    });
    let refused = refused.unwrap();
    assert_eq!(
        (refused.status, &read(&refused)["code"]),
        (503, &json!("Unavailable"))
    );
    assert!(
        world.allows(&store, "user:ada", "viewer", "doc:1"),
        "checks go on"
    );
    world.stores.close();
}

#[test]
fn revisions_are_told_and_demanded() {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    let body = json!({"writes": {"tuple_keys": viewers(&["ada"], "doc:1")}});
    let written = world.send("POST", &format!("{store}/write"), &body.to_string());
    let revision = written.headers.value("ztag-revision").unwrap();
    let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    let ask = |least: &str| {
        let path = format!("{store}/check");
        let body = json!({ "tuple_key": key }).to_string();
        world.send_with(&[("Ztag-Min-Revision", least)], "POST", &path, &body)
    };
    assert_eq!(read(&ask(&revision))["allowed"], true);
    let future = "rffff";
    for bad in [future, "", "nonsense", "r-1"] {
        let refused = ask(bad);
        assert_eq!(refused.status, 400, "{bad}");
        assert_eq!(read(&refused)["code"], "validation_error", "{bad}");
    }
}

#[test]
fn many_tuples_are_edited_at_once() {
    let world = World::open();
    let store = world.store();
    world.model(&store, MODEL);
    world.write(&store, &viewers(&["ada", "ben", "eve"], "doc:1"));
    world.write(&store, &viewers(&["ada"], "doc:2"));
    let post = |call: &str, body: &Json| world.call("POST", &format!("{store}/{call}"), body);

    let tall = json!({"name": "tall", "context": {"height": 7}});
    let users = json!([{"user": "user:ben"}, {"user": "user:zoe", "condition": tall}]);
    let body = json!({"object": "doc:1", "relation": "viewer", "users": users});
    let (status, edited) = post("replace-relation", &body);
    assert_eq!(
        (status, &edited["written"], &edited["deleted"]),
        (200, &json!(1), &json!(2))
    );
    let check =
        |user: &str| engine(&world, &store).check(&CheckRequest::new(user, "viewer", "doc:1"));
    let found = ["user:ada", "user:ben", "user:zoe"].map(check);
    assert_eq!(found, [Ok(false), Ok(true), Ok(true)]);
    // Refused as a whole, and so is leaving out who it is about.
    for users in [
        json!([{"user": "doc:1"}]),
        json!([{"user": "user:a"}, {"user": "user:a"}]),
        Json::Null,
    ] {
        let body = json!({"object": "doc:1", "relation": "viewer", "users": users});
        assert_eq!(post("replace-relation", &body).0, 400, "{users}");
    }
    assert_eq!(check("user:ben"), Ok(true));

    let (_, edited) = post("delete-tuples", &json!({"tuple_key": {"user": "user:ada"}}));
    assert_eq!(
        (&edited["deleted"], &edited["continuation_token"]),
        (&json!(1), &json!(""))
    );
    let (_, edited) = post("delete-tuples", &json!({"tuple_key": {"object": "doc:"}}));
    assert_eq!(edited["deleted"], 2);
    for body in [
        json!({}),
        json!({"tuple_key": {}}),
        json!({"tuple_key": {"relation": "viewer"}}),
    ] {
        assert_eq!(post("delete-tuples", &body).0, 400, "{body}");
    }
    let (_, changes) = world.call("GET", &format!("{store}/changes"), &Json::Null);
    assert_eq!(changes["changes"].as_array().unwrap().len(), 10);
}
