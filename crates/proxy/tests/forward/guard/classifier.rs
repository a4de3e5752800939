//! Routes whose guardrail asks a classifier about marked texts.

use super::{JSON, chat, response, result};
use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Message, ask, get};

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

/// What passes of a stream of events along a route of these settings.
fn streamed(settings: &str, events: &str) -> Message {
    let length = events.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream";
    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{events}");
    let origin = Origin::answering(move |_| answer.clone());
    ask(Gate::route(origin.address, settings).address, get("/", &[]))
}

/// The event in which a server sends the result of a tool.
fn message(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(
        "data: {{\"jsonrpc\":\"2.0\",\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}]}}}}\n\n"
    )
}

fn chunk(text: &str, reason: &str) -> String {
    let delta = format!("{{\"content\":\"{text}\"}}");
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
    )
}

#[test]
fn attack_52_an_event_waits_for_what_a_classifier_says_of_it() {
    let before = message("perhaps it rains");
    for (text, passes) in [
        ("perhaps the weather is fine", true),
        // Nothing of a stream is read again: what is harmless stays marked.
        ("the weather is fine today", true),
        ("an attack of hay fever", false),
    ] {
        let events = [&*before, &message(text), &message("and so on")].concat();
        let answer = streamed(ASKING, &events);
        assert_eq!(answer.status(), 200);
        let said = answer.text();
        for own in [text, "and so on"] {
            assert_eq!(said.contains(own), passes, "{said}");
        }
        assert_eq!(said.contains("content_blocked"), !passes, "{said}");
    }
}

#[test]
fn attack_52_the_end_of_an_answer_waits_for_what_a_classifier_says_of_it() {
    let done = "data: [DONE]\n\n";
    for (text, passes) in [
        ("perhaps fine weather", true),
        ("an attack of hay fever", false),
    ] {
        let (head, tail) = text.split_at(9);
        let events = [&chunk(head, "null"), &chunk(tail, "\"stop\""), done].concat();
        let answer = streamed(ASKING, &events);
        let said = answer.text();
        assert_eq!(said.ends_with(done), passes, "{said}");
        assert_eq!(said.contains("content_blocked"), !passes, "{said}");
        assert_eq!(said.contains(&*chunk(tail, "\"stop\"")), passes, "{said}");
    }
}

#[test]
fn who_only_listens_to_a_stream_asks_nobody_and_holds_nothing_up() {
    let shadow = ASKING.replacen("\"guardrail\"", "\"shadow\": true, \"guardrail\"", 1);
    let events = message("an attack of hay fever");
    assert_eq!(streamed(&shadow, &events).text(), events);
}
