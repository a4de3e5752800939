//! Answers that are read whole.

use super::{ATTACK, BOTH, JSON, MAIL, TOOLS, chat, error, response, result, said, says};
use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Message, ask, get, request};

/// What a client gets of what an upstream answers along `route`.
fn passed(route: &str, answer: String) -> Message {
    let origin = Origin::answering(move |_| answer.clone());
    ask(Gate::route(origin.address, route).address, get("/", &[]))
}

#[test]
fn attack_52_answers_are_masked_and_measured_anew() {
    let lines = [
        JSON,
        "ETag: \"a\"",
        "Content-MD5: x",
        "Digest: x",
        "Content-Digest: x",
        "Accept-Ranges: bytes",
        "Cache-Control: public, max-age=600",
        "X-Own: stays",
    ];
    let body =
        format!(r#"{{ "choices": [{{"message": {{"content": "ask {MAIL}"}}}}], "n": 1.50 }}"#);
    let answer = passed(BOTH, response(&lines, &body));
    let expected = body.replace(MAIL, "[EMAIL_1]");
    assert_eq!((answer.status(), answer.text()), (200, &*expected));
    assert_eq!(answer.all("content-length"), [expected.len().to_string()]);
    assert_eq!(answer.all("cache-control"), ["private, no-cache"]);
    for name in [
        "etag",
        "content-md5",
        "digest",
        "content-digest",
        "accept-ranges",
    ] {
        assert!(answer.all(name).is_empty(), "{name}");
    }
    assert_eq!(answer.all("x-own"), ["stays"]);
    // What holds nothing passes as it came.
    let body = r#"{"choices": [{"message": {"content": "ask her"}}]}"#;
    let answer = passed(BOTH, response(&lines, body));
    assert_eq!((answer.status(), answer.text()), (200, body));
    assert_eq!(answer.all("etag"), ["\"a\""]);
    assert_eq!(answer.all("cache-control"), ["public, max-age=600"]);
}

#[test]
fn attack_52_what_is_blocked_is_not_passed_on() {
    for answer in [
        result(ATTACK),
        result("the account is DE89 3704 0044 0532 0130 00"),
        response(&["Content-Type: text/html"], ATTACK),
        response(
            &[JSON, "X-Own: x"],
            &format!(r#"{{"error": {{"message": "{ATTACK}"}}}}"#),
        ),
    ] {
        let got = passed(TOOLS, answer.clone());
        assert_eq!(got.status(), 403, "{answer}");
        assert_eq!(
            error(&got),
            ["content_blocked", "response blocked"],
            "{answer}"
        );
        assert!(got.all("x-own").is_empty());
    }
    let got = passed(TOOLS, result("it rains today"));
    assert_eq!(got.status(), 200);
}

#[test]
fn attack_52_what_cannot_be_read_is_not_passed_on_unless_that_is_wanted() {
    let secret = r#"{"choices": [{"message": {"content": "secret"}}]}"#;
    let chunked = "Transfer-Encoding: chunked";
    let (long, half) = (
        format!(r#"{{"a": "{}"}}"#, "secret".repeat(900)),
        "9\r\n{\"a\": [1,secret",
    );
    let json_only = r#""endpoint": "open", "guard": {"guardrail": "content", "maxBytes": 4000,
        "response": {"json": {"presets": ["openai-chat"]}}}"#;
    let open = json_only.replace("\"maxBytes\"", "\"onUnreadable\": \"allow\", \"maxBytes\"");
    let part = response(&[JSON, "Content-Range: bytes 0-9/99"], secret);
    for (answer, passes) in [
        (response(&[JSON, "Content-Encoding: gzip"], secret), true),
        (part.replace("200 OK", "206 Partial Content"), true),
        (response(&["Content-Type: image/png"], secret), true),
        (response(&["Content-Type: application/grpc"], secret), true),
        (response(&[], secret), true),
        (response(&[JSON, JSON], secret), true),
        (
            response(&["Content-Type: application/json; charset=utf-16"], secret),
            true,
        ),
        (
            response(&["Content-Type: text/event-stream; charset=utf-7"], secret),
            true,
        ),
        (response(&[JSON], &long), true),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{JSON}\r\n{chunked}\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
                long.len()
            ),
            true,
        ),
        (response(&[JSON], r#"{"a": "secret""#), true),
        (response(&[JSON], r#"{"a": 1, "a": "secret"}"#), true),
        // Of what broke off, nobody has the rest.
        (
            format!("HTTP/1.1 200 OK\r\n{JSON}\r\n{chunked}\r\n\r\n{half}"),
            false,
        ),
    ] {
        let got = passed(json_only, answer.clone());
        assert_eq!(got.status(), 502, "{answer}");
        let told = ["content_unreadable", "response withheld"];
        assert_eq!(error(&got), told, "{answer}");
        let got = passed(&open, answer.clone());
        assert_eq!(got.status() < 300, passes, "{answer}");
        assert_eq!(got.text().contains("secret"), passes, "{answer}");
    }
}

#[test]
fn answers_without_a_body_pass() {
    for answer in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
    ] {
        let got = passed(BOTH, answer.into());
        assert!(matches!(got.status(), 204 | 304), "{answer}");
    }
    let empty = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(passed(BOTH, empty.into()).status(), 401);
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nETag: \"a\"\r\nContent-Length: 99\r\n\r\n"
            .into()
    });
    let gate = Gate::route(origin.address, BOTH);
    let got = ask(gate.address, request("HEAD", "/", &[]));
    assert_eq!(got.status(), 200);
    assert!(got.all("etag").is_empty() && got.all("content-length").is_empty());
}

#[test]
fn attack_17_upstreams_are_asked_for_bodies_that_can_be_read() {
    let origin = Origin::answering(|_| says("hello"));
    let gate = Gate::route(origin.address, BOTH);
    let lines = [
        "Accept-Encoding: gzip",
        "Range: bytes=0-9",
        "If-None-Match: \"a\"",
    ];
    assert_eq!(ask(gate.address, get("/", &lines)).status(), 200);
    let sent = origin.only();
    assert_eq!(sent.all("accept-encoding"), ["identity"]);
    assert!(sent.all("range").is_empty() && sent.all("if-none-match").is_empty());
}

#[test]
fn attack_52_values_are_given_back_to_the_one_who_sent_them() {
    // A model that repeats what it is told, and knows somebody else.
    let origin = Origin::answering(|request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let text = body["messages"][0]["content"].as_str().unwrap();
        says(&format!(
            "you said: {text}; tim@corp-mail.net; [EMAIL_2]; https://x.example/[EMAIL_1]"
        ))
    });
    let gate = Gate::route(origin.address, BOTH);
    let answer = ask(gate.address, chat(&format!("I am {MAIL}")));
    let expected =
        format!("you said: I am {MAIL}; [EMAIL_2]; [EMAIL_2]; https://x.example/[EMAIL_1]");
    assert_eq!(said(&answer), expected);
    // Another one has no values.
    let answer = ask(gate.address, chat("tell me [EMAIL_1]"));
    assert!(
        said(&answer).starts_with("you said: tell me [EMAIL_1];"),
        "{}",
        said(&answer)
    );
    let seen = origin.requests();
    assert!(seen.iter().all(|request| !request.text().contains(MAIL)));
}

#[test]
fn large_answers_are_read_beside_the_workers() {
    let text = format!("{} {MAIL}", "all is well. ".repeat(9_000));
    let route = BOTH.replace("\"maxBytes\": 4000", "\"maxBytes\": 400000");
    let answer = passed(&route, says(&text));
    assert_eq!(said(&answer), text.replace(MAIL, "[EMAIL_1]"));
}

#[test]
fn a_shadow_waits_for_nothing_and_tells_what_it_found() {
    let shadow = TOOLS.replace("\"guardrail\"", "\"shadow\": true, \"guardrail\"");
    let origin = Origin::answering(|_| result(ATTACK));
    let mut gate = Gate::route(origin.address, &shadow);
    let answer = ask(gate.address, get("/", &[]));
    assert_eq!(answer.status(), 200);
    assert!(answer.text().contains(ATTACK));
    let told = gate.log("response read");
    assert!(told.contains(r#""guard_verdict":"block""#), "{told}");
    assert!(told.contains(r#""guard_shadow":true"#), "{told}");
}
