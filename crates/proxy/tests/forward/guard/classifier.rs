//! Routes whose guardrail asks a classifier about marked texts.

use super::{JSON, chat, response, result};
use crate::gate::Gate;
use crate::origin::Origin;
use crate::{ask, get};

/// Reads chats and what tools answer.
const ASKING: &str = r#""public": true, "guard": {"guardrail": "asking",
    "request": {"json": {"presets": ["openai-chat"]}},
    "response": {"json": {"presets": ["mcp-calls"]}}}"#;

#[test]
fn attack_52_a_request_waits_for_what_a_classifier_says_of_it() {
    let origin = Origin::answering(|_| response(&[JSON], "{}"));
    let gate = Gate::route(origin.address, ASKING);
    for (text, status) in [
        ("the weather is fine today", 200),
        ("an attack of hay fever", 403),
        ("perhaps the weather is fine", 200),
    ] {
        assert_eq!(ask(gate.address, chat(text)).status(), status, "{text}");
    }
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn attack_52_an_answer_waits_for_what_a_classifier_says_of_it() {
    for (text, status) in [
        ("the weather is fine today", 200),
        ("an attack of hay fever", 403),
    ] {
        let answer = result(text);
        let origin = Origin::answering(move |_| answer.clone());
        let gate = Gate::route(origin.address, ASKING);
        let answer = ask(gate.address, get("/", &[]));
        assert_eq!(answer.status(), status, "{text}");
        // What is cleared passes as it came, what is marked does not.
        assert_eq!(answer.text().contains(text), status == 200);
    }
    let answer = result("perhaps the weather is fine");
    let origin = Origin::answering(move |_| answer.clone());
    let answer = ask(Gate::route(origin.address, ASKING).address, get("/", &[]));
    assert!(answer.text().contains("Text between"), "{}", answer.text());
}

#[test]
fn attack_52_long_bodies_are_asked_about_beside_the_workers() {
    let origin = Origin::answering(|_| response(&[JSON], "{}"));
    let gate = Gate::route(origin.address, ASKING);
    let long = "the weather is fine today ".repeat(6000);
    // Too long to be read whole, and so not cleared; the worst of it is found.
    assert_eq!(ask(gate.address, chat(&long)).status(), 200);
    let long = format!("an attack of hay fever {long}");
    assert_eq!(ask(gate.address, chat(&long)).status(), 403);
}
