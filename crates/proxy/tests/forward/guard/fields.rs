//! Header fields and trailers of requests along a route with a guardrail.

use super::{ATTACK, JSON, MAIL, chat, response, said, says};
use crate::gate::Gate;
use crate::origin::Origin;
use crate::{ask, get, request};

/// Reads a field beside the chat, and gives back what it masked.
const QUESTION: &str = r#""endpoint": "open", "guard": {"guardrail": "all", "restore": true,
    "request": {"json": {"presets": ["openai-chat"]}, "headers": ["X-Question"]},
    "response": {"json": {"presets": ["openai-chat"]}}}"#;

/// Reads a field and nothing else.
const ALONE: &str =
    r#""endpoint": "open", "guard": {"guardrail": "all", "request": {"headers": ["x-question"]}}"#;

#[test]
fn attack_52_an_injection_in_a_named_field_never_reaches_the_upstream() {
    let (first, rest) = ATTACK.split_at(ATTACK.find(" instructions").unwrap());
    for route in [QUESTION, ALONE] {
        let origin = Origin::answering(|_| response(&[JSON], "{}"));
        let gate = Gate::route(origin.address, route);
        let whole = format!("X-Question: {ATTACK}");
        let (one, other) = (
            format!("x-question: {first}"),
            format!("X-QUESTION: {rest}"),
        );
        for lines in [vec![&*whole], vec![&*one, &*other]] {
            assert_eq!(
                ask(gate.address, get("/", &lines)).status(),
                403,
                "{lines:?}"
            );
            let asked = chat("What is the capital of France?").replacen(
                "\r\n",
                &format!("\r\n{}\r\n", lines.join("\r\n")),
                1,
            );
            assert_eq!(ask(gate.address, asked).status(), 403, "{lines:?}");
        }
        assert!(origin.requests().is_empty());
        // Nobody asked for the others to be read.
        let other = format!("X-Other: {ATTACK}");
        let asked = get(
            "/",
            &["X-Question: What is the capital of France?", &*other],
        );
        assert_eq!(ask(gate.address, asked).status(), 200);
        let sent = origin.only();
        assert_eq!(sent.all("x-question"), ["What is the capital of France?"]);
    }
}

/// What is found in a field counts, whatever becomes of the body.
#[test]
fn attack_52_a_body_that_nobody_can_read_hides_no_field() {
    let origin = Origin::answering(|_| response(&[JSON], "{}"));
    let route = QUESTION.replace("\"restore\"", "\"onUnreadable\": \"allow\", \"restore\"");
    let gate = Gate::route(origin.address, &route);
    let asked = |question: &str| {
        let lines = [
            &*format!("X-Question: {question}"),
            "Content-Encoding: gzip",
            JSON,
        ];
        request("POST", "/", &[&lines[..], &["Content-Length: 1"]].concat()) + "x"
    };
    assert_eq!(ask(gate.address, asked(ATTACK)).status(), 403);
    assert!(origin.requests().is_empty());
    assert_eq!(
        ask(gate.address, asked(&format!("I am {MAIL}"))).status(),
        200
    );
    let sent = origin.only();
    assert_eq!(
        (sent.all("x-question"), sent.text()),
        (vec!["I am [EMAIL_1]"], "x")
    );
}

#[test]
fn attack_52_a_named_field_goes_on_masked_and_its_values_come_back() {
    let origin = Origin::answering(|_| says("You are [EMAIL_1], not [EMAIL_2]."));
    let gate = Gate::route(origin.address, QUESTION);
    let two = [
        &*format!("X-Question: I am {MAIL}"),
        "X-Question: and \u{e9}",
    ];
    let asked = chat(&format!("Who is {MAIL}, who tim@corp-mail.net?"));
    let asked = asked.replacen("\r\n", &format!("\r\n{}\r\n", two.join("\r\n")), 1);
    let answer = ask(gate.address, asked);
    assert_eq!(
        said(&answer),
        format!("You are {MAIL}, not tim@corp-mail.net.")
    );
    let sent = origin.only();
    assert_eq!(sent.all("x-question"), ["I am [EMAIL_1], and \u{e9}"]);
    assert!(
        sent.text().contains("Who is [EMAIL_1], who [EMAIL_2]?"),
        "{}",
        sent.text()
    );
    // What holds nothing goes on as it came.
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, ALONE);
    let lines = ["X-Question: one", "X-Question: two"];
    assert_eq!(ask(gate.address, get("/", &lines)).status(), 200);
    assert_eq!(origin.only().all("x-question"), ["one", "two"]);
}

#[test]
fn attack_52_trailers_bring_no_text_past_the_guard() {
    let pieces = format!("2\r\n{{}}\r\n0\r\nX-Question: {ATTACK}\r\nX-Key: x\r\n\r\n");
    for route in [QUESTION, ALONE] {
        let origin = Origin::answering(|_| response(&[JSON], "{}"));
        let gate = Gate::route(origin.address, route);
        let lines = [
            JSON,
            "Transfer-Encoding: chunked",
            "Trailer: X-Question, X-Key",
        ];
        let asked = request("POST", "/", &lines) + &pieces;
        assert_eq!(ask(gate.address, asked).status(), 200);
        let sent = origin.only();
        assert_eq!(sent.text(), "{}");
        for name in ["x-question", "x-key", "trailer"] {
            assert!(sent.all(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn in_shadow_fields_go_on_as_they_came() {
    let origin = Origin::fine();
    let route = ALONE.replace("\"request\"", "\"shadow\": true, \"request\"");
    let gate = Gate::route(origin.address, &route);
    for question in [ATTACK, MAIL] {
        let line = format!("X-Question: {question}");
        assert_eq!(ask(gate.address, get("/", &[&line])).status(), 200);
    }
    let sent = origin.requests();
    let fields: Vec<_> = sent.iter().flat_map(|own| own.all("x-question")).collect();
    assert_eq!(fields, [ATTACK, MAIL]);
}
