//! Questions: checks, one and many, expansions and lists.

use serde_json::{Value as Json, json};

use super::{UNKNOWN, filled, refusal};
use crate::world::read;

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
