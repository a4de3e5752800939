//! Every call: what it answers, and how it refuses.

use serde_json::{Value as Json, json};
use ztag_fga::CheckRequest;
use ztag_fga_api::StoreId;

use crate::world::{World, read};

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
fn checks() {
    let (world, store) = filled();
    assert!(world.allows(&store, "user:ada", "viewer", "doc:1"));
    assert!(world.allows(&store, "user:ben", "viewer", "doc:1"));
    assert!(!world.allows(&store, "user:zoe", "viewer", "doc:1"));
    let path = format!("{store}/check");
    let key = json!({"user": "user:ada", "relation": "viewer", "object": "doc:1"});
    let response = world.send("POST", &path, &json!({ "tuple_key": key }).to_string());
    assert_eq!(read(&response), json!({"allowed": true, "resolution": ""}));
    let header = |name: &str| response.headers.value(name).unwrap_or_default();
    assert_eq!(header("Openfga-Authorization-Model-Id").len(), 26);
    assert_eq!(format!("/stores/{}", header("Openfga-Store-Id")), store);
    assert!(!header("X-Request-Id").is_empty());
    for consistency in [
        json!("HIGHER_CONSISTENCY"),
        json!("MINIMIZE_LATENCY"),
        json!(200),
        Json::Null,
    ] {
        let body =
            json!({"tupleKey": key, "consistency": consistency, "trace": false, "context": null});
        assert_eq!(
            refusal(&world, &path, &body),
            (200, String::new()),
            "{body}"
        );
    }
    for (body, code) in [
        (json!({}), "tuple_key_value_not_specified"),
        (
            json!({"tuple_key": {"user": "user:ada", "object": "doc:1"}}),
            "validation_error",
        ),
        (
            json!({"tuple_key": key, "consistency": "SOMETIMES"}),
            "validation_error",
        ),
        (
            json!({"tuple_key": key, "authorization_model_id": "x"}),
            "validation_error",
        ),
        (
            json!({"tuple_key": key, "authorization_model_id": UNKNOWN}),
            "authorization_model_not_found",
        ),
        (
            json!({"tuple_key": key, "contextual_tuples": {"tuple_keys": [
            {"user": "doc:1", "relation": "owner", "object": "doc:1"}]}}),
            "invalid_tuple",
        ),
    ] {
        assert_eq!(refusal(&world, &path, &body), (400, code.into()), "{body}");
    }
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
fn batches() {
    let (world, store) = filled();
    let path = format!("{store}/batch-check");
    let item = |id: &str, user: &str, relation: &str| {
        let key = json!({"user": user, "relation": relation, "object": "doc:1"});
        json!({"tuple_key": key, "correlation_id": id})
    };
    let body = json!({"checks": [
        item("a", "user:ada", "viewer"), item("b", "user:zoe", "viewer"), item("c", "user:ada", "none"),
    ]});
    let (status, answer) = world.call("POST", &path, &body);
    assert_eq!(status, 200);
    let result = &answer["result"];
    assert_eq!(
        (&result["a"], &result["b"]),
        (&json!({"allowed": true}), &json!({"allowed": false}))
    );
    assert_eq!(result["c"]["error"]["input_error"], "validation_error");
    for checks in [
        json!([]),
        json!([
            item("a", "user:ada", "viewer"),
            item("a", "user:ben", "viewer")
        ]),
        json!([item("no spaces", "user:ada", "viewer")]),
        Json::Array(
            (0..51)
                .map(|n| item(&n.to_string(), "user:ada", "viewer"))
                .collect(),
        ),
    ] {
        let body = json!({ "checks": checks });
        assert_eq!(
            refusal(&world, &path, &body),
            (400, "validation_error".into())
        );
    }
}

#[test]
fn expansions() {
    let (world, store) = filled();
    let path = format!("{store}/expand");
    let ask = |relation: &str| {
        let body = json!({"tuple_key": {"relation": relation, "object": "doc:1"}});
        world.call("POST", &path, &body)
    };
    let users = json!({"users": {"users": ["group:eng#member"]}});
    let computed = json!({"computed": {"userset": "doc:1#owner"}});
    let parents = json!({"tupleToUserset": {
        "tupleset": "doc:1#parent", "computed": [{"userset": "folder:top#viewer"}]}});
    let leaf = |leaf: &Json| json!({"name": "doc:1#viewer", "leaf": leaf});
    let union = json!({"nodes": [leaf(&users), leaf(&computed), leaf(&parents)]});
    let expected = json!({"tree": {"root": {"name": "doc:1#viewer", "difference": {
        "base": {"name": "doc:1#viewer", "union": union},
        "subtract": leaf(&json!({"computed": {"userset": "doc:1#blocked"}})),
    }}}});
    assert_eq!(ask("viewer"), (200, expected));
    assert_eq!(ask("none").1["code"], "relation_not_found");
    assert_eq!(ask("").1["code"], "validation_error");
}

#[test]
fn lists() {
    let (world, store) = filled();
    let objects = json!({"type": "doc", "relation": "viewer", "user": "user:ben"});
    let (_, answer) = world.call("POST", &format!("{store}/list-objects"), &objects);
    assert_eq!(answer, json!({"objects": ["doc:1"]}));
    let streamed = world.send(
        "POST",
        &format!("{store}/streamed-list-objects"),
        &objects.to_string(),
    );
    assert_eq!(streamed.text(), "{\"result\":{\"object\":\"doc:1\"}}\n");
    let users = json!({
        "object": {"type": "doc", "id": "1"}, "relation": "viewer", "user_filters": [{"type": "user"}],
    });
    let (_, answer) = world.call("POST", &format!("{store}/list-users"), &users);
    let mut users: Vec<_> = answer["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["object"]["id"].as_str().unwrap())
        .collect();
    users.sort_unstable();
    assert_eq!(users, ["ada", "ben", "eve"]);
    for (call, body, code) in [
        (
            "list-objects",
            json!({"type": "none", "relation": "viewer", "user": "user:a"}),
            "type_not_found",
        ),
        (
            "list-objects",
            json!({"type": "doc", "relation": "none", "user": "user:a"}),
            "relation_not_found",
        ),
        (
            "list-objects",
            json!({"type": "doc", "relation": "viewer"}),
            "validation_error",
        ),
        (
            "list-objects",
            json!({"type": "d:c", "relation": "viewer", "user": "user:a"}),
            "type_invalid_pattern",
        ),
        (
            "streamed-list-objects",
            json!({"type": "none", "relation": "viewer", "user": "user:a"}),
            "type_not_found",
        ),
        (
            "list-users",
            json!({"object": {"type": "doc", "id": "1"}, "relation": "viewer"}),
            "validation_error",
        ),
    ] {
        assert_eq!(
            refusal(&world, &format!("{store}/{call}"), &body),
            (400, code.into()),
            "{body}"
        );
    }
}

#[test]
fn a_stream_is_not_capped() {
    let (world, store) = filled();
    for first in (0..1_200).step_by(100) {
        let tuples = (first..first + 100).map(
            |id| json!({"user": "user:many", "relation": "owner", "object": format!("doc:m{id}")}),
        );
        world.write(&store, &Json::Array(tuples.collect()));
    }
    let body = json!({"type": "doc", "relation": "owner", "user": "user:many"});
    let streamed = world.send(
        "POST",
        &format!("{store}/streamed-list-objects"),
        &body.to_string(),
    );
    assert_eq!(streamed.text().lines().count(), 1_200);
    let (_, listed) = world.call("POST", &format!("{store}/list-objects"), &body);
    assert_eq!(listed["objects"].as_array().unwrap().len(), 1_000);
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

#[test]
fn what_is_not_a_call_is_refused() {
    let (world, store) = filled();
    let (status, answer) = world.call("GET", "/nothing", &Json::Null);
    assert_eq!(
        (status, &answer["code"]),
        (404, &json!("undefined_endpoint"))
    );
    let (status, answer) = world.call("GET", &format!("{store}/check"), &Json::Null);
    assert_eq!((status, &answer["code"]), (404, &json!("unimplemented")));
    for body in ["{", "[]", "{\"tuple_key\": 1}", "\u{0}"] {
        let response = world.send("POST", &format!("{store}/check"), body);
        assert_eq!(read(&response)["code"], "validation_error", "{body}");
    }
    let (_, health) = world.call("GET", "/healthz", &Json::Null);
    assert_eq!(health, json!({"status": "SERVING"}));
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

#[test]
fn bodies_are_bounded() {
    let (world, store) = filled();
    let body = format!("{{\"tuple_key\": \"{}\"}}", "x".repeat(700_000));
    let response = world.send("POST", &format!("{store}/check"), &body);
    assert_eq!(response.status, 400);
    assert_eq!(read(&response)["code"], "exceeded_entity_limit");
}

#[test]
fn deep_json_is_refused_not_followed() {
    let (world, store) = filled();
    let deep = format!(
        "{}{}",
        "{\"union\":{\"child\":[".repeat(5_000),
        "]}}".repeat(5_000)
    );
    let body = format!(
        "{{\"schema_version\":\"1.1\",\"type_definitions\":[{{\"type\":\"a\",\"relations\":{{\"r\":{deep}}}}}]}}"
    );
    let response = world.send("POST", &format!("{store}/authorization-models"), &body);
    assert_eq!(response.status, 400);
}
