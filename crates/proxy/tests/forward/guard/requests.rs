//! Requests that are read before they are sent on.

use super::{ATTACK, BOTH, JSON, MAIL, chat, error, post, response};
use crate::gate::Gate;
use crate::origin::Origin;
use crate::{ask, get, request};

/// Reads chats, and nothing of answers.
const CHATS: &str = r#""public": true, "guard": {"guardrail": "all", "maxBytes": 400,
    "request": {"json": {"presets": ["openai-chat"]}}}"#;

#[test]
fn attack_52_a_prompt_injection_never_reaches_the_upstream_of_a_public_route() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, CHATS);
    let answer = ask(gate.address, chat(ATTACK));
    assert_eq!(answer.status(), 403);
    assert_eq!(error(&answer), ["content_blocked", "request blocked"]);
    assert!(origin.requests().is_empty());
    assert_eq!(
        ask(gate.address, chat("What is the capital of France?")).status(),
        200
    );
    assert_eq!(ask(gate.address, get("/", &[])).status(), 200);
    assert_eq!(origin.requests().len(), 2);
}

#[test]
fn attack_52_requests_go_on_masked_and_measured_anew() {
    let origin = Origin::answering(|_| response(&[JSON], "{}"));
    let gate = Gate::route(origin.address, BOTH);
    let body = format!(r#"{{"messages": [{{"role": "user", "content": "I am {MAIL}"}}]}}"#);
    let chunked = "Transfer-Encoding: chunked";
    let pieces = body.as_bytes().chunks(3).map(|piece| {
        format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            std::str::from_utf8(piece).unwrap()
        )
    });
    let pieces: String = pieces.collect();
    let streamed = request("POST", "/", &[JSON, chunked]) + &pieces + "0\r\n\r\n";
    for asked in [
        post(&[JSON, "Content-Digest: sha-256=:x:"], &body),
        streamed,
    ] {
        assert_eq!(ask(gate.address, asked).status(), 200);
    }
    let expected = body.replace(MAIL, "[EMAIL_1]");
    for sent in origin.requests() {
        assert_eq!(sent.text(), expected);
        assert_eq!(sent.all("content-length"), [expected.len().to_string()]);
        assert!(sent.all("content-digest").is_empty());
        assert!(sent.all("transfer-encoding").is_empty());
    }
}

#[test]
fn attack_52_what_cannot_be_read_is_not_sent_on_unless_that_is_wanted() {
    let long = format!(r#"{{"messages": [], "a": "{}"}}"#, "x".repeat(500));
    let chunked = request("POST", "/", &[JSON, "Transfer-Encoding: chunked"])
        + &format!(
            "12c\r\n{}\r\n12c\r\n{}\r\n0\r\n\r\n",
            "a".repeat(300),
            "b".repeat(300)
        );
    let allow = CHATS.replace("\"maxBytes\"", "\"onUnreadable\": \"allow\", \"maxBytes\"");
    for (asked, status) in [
        (post(&[JSON, "Content-Encoding: gzip"], "x"), 415),
        (post(&["Content-Type: text/plain"], "x"), 415),
        (post(&[JSON], "{"), 400),
        (post(&[JSON], r#"{"messages": [], "messages": []}"#), 400),
        (post(&[JSON], &long), 413),
        (chunked, 413),
    ] {
        let origin = Origin::fine();
        let gate = Gate::route(origin.address, CHATS);
        assert_eq!(ask(gate.address, &asked).status(), status, "{asked}");
        assert!(origin.requests().is_empty());
        let gate = Gate::route(origin.address, &allow);
        assert_eq!(ask(gate.address, &asked).status(), 200, "{asked}");
        let body = asked.split_once("\r\n\r\n").unwrap().1;
        let sent = origin.only();
        if sent.is_chunked() {
            // From its beginning on.
            assert_eq!(sent.text(), "a".repeat(300) + &"b".repeat(300));
        } else {
            assert_eq!(sent.text(), body);
        }
    }
}

#[test]
fn attack_52_a_limit_of_the_route_holds_for_what_is_read() {
    let origin = Origin::fine();
    let route = CHATS.replace(
        "\"public\": true",
        "\"public\": true, \"maxBodyBytes\": 100",
    );
    let gate = Gate::route(origin.address, &route);
    let chunked = request("POST", "/", &[JSON, "Transfer-Encoding: chunked"])
        + &format!("12c\r\n{}\r\n0\r\n\r\n", "a".repeat(300));
    assert_eq!(ask(gate.address, chunked).status(), 413);
    assert!(origin.requests().is_empty());
}
