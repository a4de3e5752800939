//! What is no call, or too much of one.

use serde_json::{Value as Json, json};

use super::filled;
use crate::world::read;

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
