//! Stores and their models.

use serde_json::{Value as Json, json};
use ztag_fga::CheckRequest;
use ztag_fga_api::StoreId;

use super::{MODEL, UNKNOWN, filled, refusal};
use crate::world::World;

#[test]
fn stores() {
    let world = World::open();
    let (status, store) = world.call("POST", "/stores", &json!({"name": "first"}));
    assert_eq!(status, 201);
    let path = format!("/stores/{}", store["id"].as_str().unwrap());
    let (status, found) = world.call("GET", &path, &Json::Null);
    assert_eq!((status, &found["name"]), (200, &json!("first")));
    assert_eq!(found["deleted_at"], Json::Null);
    for name in ["second", "third"] {
        world.call("POST", "/stores", &json!({ "name": name }));
    }
    let (_, page) = world.call("GET", "/stores?page_size=2", &Json::Null);
    assert_eq!(page["stores"].as_array().unwrap().len(), 2);
    let token = page["continuation_token"].as_str().unwrap();
    let next = format!("/stores?page_size=2&continuation_token={token}");
    let (_, page) = world.call("GET", &next, &Json::Null);
    assert_eq!(page["stores"].as_array().unwrap().len(), 1);
    assert_eq!(page["continuation_token"], "");
    let (_, page) = world.call("GET", "/stores?name=second", &Json::Null);
    assert_eq!(page["stores"][0]["name"], "second");
    for _ in 0..2 {
        assert_eq!(world.send("DELETE", &path, "").status, 204);
    }
    let (status, gone) = world.call("GET", &path, &Json::Null);
    assert_eq!((status, &gone["code"]), (404, &json!("store_id_not_found")));
}

#[test]
fn names_and_pages_are_checked() {
    let world = World::open();
    let (status, answer) = world.call("POST", "/stores", &json!({"name": "x"}));
    assert_eq!((status, &answer["code"]), (400, &json!("validation_error")));
    let message = r#"invalid CreateStoreRequest.Name: value does not match regex pattern "^[a-zA-Z0-9\\s\\.\\-\\/^_&@]{3,64}$""#;
    assert_eq!(answer["message"], message);
    for (query, code) in [
        ("page_size=0", "page_size_invalid"),
        ("page_size=101", "page_size_invalid"),
        ("page_size=x", "validation_error"),
        ("continuation_token=%21", "invalid_continuation_token"),
        ("continuation_token=YQ", "invalid_continuation_token"),
    ] {
        let (status, answer) = world.call("GET", &format!("/stores?{query}"), &Json::Null);
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{query}");
    }
    let (status, answer) = world.call("GET", "/stores/nothing", &Json::Null);
    assert_eq!((status, &answer["code"]), (400, &json!("validation_error")));
}

#[test]
fn models() {
    let world = World::open();
    let store = world.store();
    let path = format!("{store}/authorization-models");
    assert_eq!(
        refusal(&world, &path, &json!({"schema_version": "1.1"})),
        (400, "type_definitions_too_few_items".into())
    );
    let (first, second) = (world.model(&store, MODEL), world.model(&store, MODEL));
    let (status, found) = world.call("GET", &format!("{path}/{first}"), &Json::Null);
    assert_eq!(status, 200);
    let model = &found["authorization_model"];
    assert_eq!(
        (&model["id"], &model["schema_version"]),
        (&json!(first), &json!("1.1"))
    );
    assert_eq!(model["conditions"]["in_time"]["name"], "in_time");
    let (_, page) = world.call("GET", &format!("{path}?page_size=1"), &Json::Null);
    assert_eq!(page["authorization_models"][0]["id"], second);
    let token = page["continuation_token"].as_str().unwrap();
    let next = format!("{path}?page_size=1&continuation_token={token}");
    let (_, page) = world.call("GET", &next, &Json::Null);
    assert_eq!(page["authorization_models"][0]["id"], first);
    assert_eq!(page["continuation_token"], "");
    let (status, answer) = world.call("GET", &format!("{path}/{UNKNOWN}"), &Json::Null);
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("authorization_model_not_found"))
    );
    let broken = json!({"schema_version": "1.1", "type_definitions": [
        {"type": "doc", "relations": {"viewer": {"computedUserset": {"relation": "none"}}}},
    ]});
    assert_eq!(
        refusal(&world, &path, &broken),
        (400, "invalid_authorization_model".into())
    );
}

#[test]
fn models_may_be_written_in_both_cases() {
    let world = World::open();
    let store = world.store();
    let model = json!({"schemaVersion": "1.1", "typeDefinitions": [
        {"type": "user"},
        {"type": "doc", "unknownField": 1,
         "relations": {"owner": {"this": {}}, "viewer": {"computed_userset": {"object": "", "relation": "owner"}}},
         "metadata": {"relations": {"owner": {"directlyRelatedUserTypes": [{"type": "user"}]}}}},
    ]});
    let (status, answer) = world.call("POST", &format!("{store}/authorization-models"), &model);
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn a_store_that_does_not_exist_is_as_empty_as_a_new_one() {
    let world = World::open();
    let store = format!("/stores/{UNKNOWN}");
    let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    let (status, answer) = world.call(
        "POST",
        &format!("{store}/check"),
        &json!({ "tuple_key": key }),
    );
    assert_eq!(status, 400);
    assert_eq!(answer["code"], "latest_authorization_model_not_found");
    assert_eq!(
        answer["message"],
        format!("No authorization models found for store '{UNKNOWN}'")
    );
    let (status, answer) = world.call("POST", &format!("{store}/read"), &json!({}));
    assert_eq!(
        (status, answer),
        (200, json!({"tuples": [], "continuation_token": ""}))
    );
    let model = json!({"schema_version": "1.1", "type_definitions": [{"type": "user"}]});
    assert_eq!(
        refusal(&world, &format!("{store}/authorization-models"), &model),
        (404, "store_id_not_found".into())
    );
}

#[test]
fn the_engine_and_the_api_share_stores() {
    let (world, store) = filled();
    let id = store.strip_prefix("/stores/").and_then(StoreId::parse);
    let found = world.stores.find(&id.unwrap()).unwrap();
    let question = CheckRequest::new("user:zoe", "owner", "doc:9");
    assert_eq!(found.store().check(&question), Ok(false));
    world.write(
        &store,
        &json!([{"user": "user:zoe", "relation": "owner", "object": "doc:9"}]),
    );
    assert_eq!(found.store().check(&question), Ok(true));
}
