//! Tuples written, read and changed, and assertions.

use serde_json::{Value as Json, json};

use super::{MODEL, UNKNOWN, filled, refusal};
use crate::world::read;

#[test]
fn tuples_are_read_page_by_page() {
    let (world, store) = filled();
    let path = format!("{store}/read");
    let (_, page) = world.call("POST", &path, &json!({"page_size": 3}));
    assert_eq!(page["tuples"].as_array().unwrap().len(), 3);
    let first = &page["tuples"][0];
    assert_eq!(
        first["key"],
        json!({"user": "user:ada", "relation": "owner", "object": "doc:1", "condition": null})
    );
    assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));
    let token = &page["continuation_token"];
    let next = json!({"pageSize": 3, "continuationToken": token});
    let (_, page) = world.call("POST", &path, &next);
    assert_eq!(page["tuples"].as_array().unwrap().len(), 2);
    assert_eq!(page["continuation_token"], "");
    let filter = json!({"tuple_key": {"user": "user:ada", "object": "doc:"}});
    let (_, page) = world.call("POST", &path, &filter);
    assert_eq!(page["tuples"].as_array().unwrap().len(), 1);
    for (body, code) in [
        (json!({"tuple_key": {"object": "doc:"}}), "validation_error"),
        (json!({"page_size": 101}), "page_size_invalid"),
        (
            json!({"continuation_token": "!"}),
            "invalid_continuation_token",
        ),
    ] {
        assert_eq!(refusal(&world, &path, &body), (400, code.into()), "{body}");
    }
}

#[test]
fn writes() {
    let (world, store) = filled();
    let path = format!("{store}/write");
    let key = json!({"user": "user:ada", "relation": "owner", "object": "doc:1"});
    let writes = |extra: Json| {
        let mut writes = json!({ "tuple_keys": [key] });
        writes
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        json!({ "writes": writes })
    };
    let failed = (400, "write_failed_due_to_invalid_input".to_owned());
    assert_eq!(refusal(&world, &path, &writes(json!({}))), failed);
    let ignored = writes(json!({"on_duplicate": "ignore"}));
    assert_eq!(refusal(&world, &path, &ignored), (200, String::new()));
    let other = writes(json!({"on_duplicate": "replace"}));
    assert_eq!(
        refusal(&world, &path, &other),
        (400, "validation_error".into())
    );
    let missing = json!({"user": "user:zoe", "relation": "owner", "object": "doc:1"});
    let delete = json!({"deletes": {"tuple_keys": [missing]}});
    assert_eq!(refusal(&world, &path, &delete), failed);
    let delete = json!({"deletes": {"tuple_keys": [missing], "onMissing": "ignore"}});
    assert_eq!(refusal(&world, &path, &delete), (200, String::new()));
    for (body, code) in [
        (json!({}), "invalid_write_input"),
        (json!({"writes": {"tuple_keys": []}}), "validation_error"),
        (
            json!({"writes": {"tuple_keys": [missing, missing]}}),
            "cannot_allow_duplicate_tuples_in_one_request",
        ),
        (
            json!({"writes": {"tuple_keys": [{"user": "doc:1", "relation": "owner", "object": "doc:1"}]}}),
            "validation_error",
        ),
        (
            json!({"writes": {"tuple_keys": [missing]}, "authorization_model_id": UNKNOWN}),
            "authorization_model_not_found",
        ),
        (
            json!({"writes": {"tuple_keys": vec![missing.clone(); 101]}}),
            "exceeded_entity_limit",
        ),
    ] {
        assert_eq!(refusal(&world, &path, &body), (400, code.into()), "{body}");
    }
}

#[test]
fn an_ignored_duplicate_that_differs_is_a_conflict() {
    let (world, store) = filled();
    let path = format!("{store}/write");
    let write = |end: &str| {
        let condition = json!({"name": "in_time", "context": {"end": end}});
        let key = json!({"user": "user:ada", "relation": "timed", "object": "doc:1",
            "condition": condition});
        json!({"writes": {"tuple_keys": [key], "on_duplicate": "ignore"}})
    };
    assert_eq!(
        refusal(&world, &path, &write("2030-01-01T00:00:00Z")).0,
        200
    );
    assert_eq!(
        refusal(&world, &path, &write("2031-01-01T00:00:00Z")),
        (409, "Aborted".into())
    );
}

#[test]
fn changes() {
    let (world, store) = filled();
    let key = json!({"user": "user:ada", "relation": "owner", "object": "doc:1"});
    let delete = json!({"deletes": {"tuple_keys": [key]}});
    assert_eq!(refusal(&world, &format!("{store}/write"), &delete).0, 200);
    let read = |query: &str| world.call("GET", &format!("{store}/changes?{query}"), &Json::Null);
    let (_, page) = read("page_size=100");
    let changes = page["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 6);
    assert_eq!(changes[0]["operation"], "TUPLE_OPERATION_WRITE");
    assert_eq!(changes[5]["operation"], "TUPLE_OPERATION_DELETE");
    assert_eq!(changes[5]["tuple_key"]["user"], "user:ada");
    let token = page["continuation_token"].as_str().unwrap();
    let (_, rest) = read(&format!("continuation_token={token}"));
    assert_eq!(rest, json!({"changes": [], "continuation_token": token}));
    let (_, docs) = read("type=group");
    assert_eq!(docs["changes"].as_array().unwrap().len(), 1);
    let (_, mixed) = read(&format!("type=group&continuation_token={token}"));
    assert_eq!(
        mixed["code"],
        "query_string_type_continuation_token_mismatch"
    );
    assert_eq!(
        read("start_time=2000-01-01T00:00:00Z").1["changes"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert_eq!(
        read("start_time=2999-01-01T00:00:00Z").1["changes"],
        json!([])
    );
    assert_eq!(read("start_time=now").0, 400);
}

#[test]
fn assertions() {
    let (world, store) = filled();
    let model = world.model(&store, MODEL);
    let path = format!("{store}/assertions/{model}");
    let (_, none) = world.call("GET", &path, &Json::Null);
    assert_eq!(
        none,
        json!({"authorization_model_id": model, "assertions": []})
    );
    let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    let body = json!({"assertions": [{"tuple_key": key, "expectation": true}]});
    assert_eq!(world.send("PUT", &path, &body.to_string()).status, 204);
    let (_, written) = world.call("GET", &path, &Json::Null);
    assert_eq!(written["assertions"][0]["tuple_key"], key);
    assert_eq!(written["assertions"][0]["expectation"], true);
    let unknown = format!("{store}/assertions/{UNKNOWN}");
    let refused = world.send("PUT", &unknown, &body.to_string());
    assert_eq!(read(&refused)["code"], "authorization_model_not_found");
}
