//! Answers that are read while they are passed on.

use std::io::Write;

use super::{ATTACK, BOTH, MAIL, TOOLS, chat};
use crate::gate::Gate;
use crate::origin::{Origin, driven};
use crate::{Message, Wire, ask, get};

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const KEY: &str = "ghp_n4Qx7VbT2mKs9LwRz8Yd6Jf3Hp5Gc1Av0BeU";

/// The events of a chat that says these pieces.
fn events(pieces: &[&str]) -> String {
    let pieces = pieces.iter().map(|piece| {
        let piece = serde_json::to_string(piece).unwrap();
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{piece}}}}}]}}\n\n")
    });
    pieces.collect::<String>()
        + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
}

/// `body` in chunks of `by` bytes.
fn chunked(body: &str, by: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.as_bytes().chunks(by) {
        out.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        out.extend(piece);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// What a chat said in events.
fn said(answer: &Message) -> String {
    let data = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let data = data.filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    data.filter_map(|data| Some(data["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

/// A model that answers with these bytes behind the head of a stream of events.
fn model(body: Vec<u8>) -> Origin {
    Origin::raw(move |mut wire| {
        while wire.message(false).is_some() {
            wire.write(EVENTS);
            wire.write(&body);
        }
    })
}

#[test]
fn attack_52_secrets_cut_over_events_and_chunks_are_hidden_and_values_come_back() {
    let (first, second) = KEY.split_at(11);
    let answer = events(&[
        "Hi [EMA",
        "IL_1]! The key: ",
        first,
        second,
        " – ütf",
        " tim@corp-",
        "mail.net",
    ]);
    let lengths = [1, 2, 3, 5, 7, 11, 13, 64, 101, answer.len()];
    for by in lengths {
        let origin = model(chunked(&answer, by));
        let gate = Gate::route(origin.address, BOTH);
        let got = ask(gate.address, chat(&format!("I am {MAIL}")));
        assert_eq!(got.status(), 200);
        let expected = format!("Hi {MAIL}! The key: [GITHUB_TOKEN_1] – ütf [EMAIL_2]");
        assert_eq!(said(&got), expected, "chunks of {by}");
        assert!(got.text().ends_with("data: [DONE]\n\n"));
        assert_eq!(got.all("cache-control"), ["private, no-cache"]);
    }
}

#[test]
fn attack_52_a_stream_that_is_blocked_ends_with_an_error_and_no_finish() {
    let route = TOOLS.replace("mcp-calls", "openai-chat");
    let answer = events(&[
        "Your account is DE89 3704 ",
        "0044 0532 0130 00.",
        " All is well.",
    ]);
    let origin = model(chunked(&answer, 40));
    let mut gate = Gate::route(origin.address, &route);
    let got = ask(gate.address, get("/", &[]));
    assert_eq!(got.status(), 200);
    let text = got.text();
    assert!(
        text.contains("event: error\ndata: {\"type\":\"error\""),
        "{text}"
    );
    assert!(text.contains("content_blocked"), "{text}");
    for never in ["DE89", "0130", "All is well", "[DONE]", "\"stop\""] {
        assert!(!text.contains(never), "{never} in {text}");
    }
    let told = gate.log("response read");
    assert!(told.contains(r#""end":"stopped""#), "{told}");
    assert!(told.contains(r#""guard_verdict":"block""#), "{told}");
}

#[test]
fn attack_52_results_of_tools_in_events_are_read_in_their_channel() {
    let message = |text: &str| {
        let text = serde_json::to_string(text).unwrap();
        format!(
            "event: message\ndata: {{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {{\"content\": [{{\"type\": \"text\", \"text\": {text}}}]}}}}\n\n"
        )
    };
    for (text, passes) in [("it rains today", true), (ATTACK, false)] {
        let origin = model(chunked(&message(text), 9));
        let gate = Gate::route(origin.address, TOOLS);
        let got = ask(gate.address, get("/", &[]));
        assert_eq!(got.text().contains(text), passes, "{text}");
        assert_eq!(got.text() == message(text), passes, "{text}");
    }
}

#[test]
fn attack_52_events_arrive_one_by_one_as_they_are_sent() {
    let (address, connections) = driven();
    let gate = Gate::route(address, BOTH);
    let mut client = Wire::open(gate.address);
    client.write(chat("hello"));
    let mut upstream = connections.recv().unwrap();
    upstream.message(false);
    upstream.write(EVENTS);
    client.head().unwrap();
    for number in 0..50 {
        let event = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"word {number}. \"}}}}]}}\n\n"
        );
        upstream.write(format!("{:x}\r\n{event}\r\n", event.len()));
        // The next event is not written before this one arrived.
        let chunk = client.chunk().unwrap();
        assert!(chunk.starts_with(b"data: "), "{chunk:?}");
    }
    upstream.write("0\r\n\r\n");
    while client.chunk().is_some_and(|chunk| !chunk.is_empty()) {}
}

#[test]
fn attack_52_an_upstream_that_dies_leaves_no_whole_answer() {
    let answer = events(&["The key: ", KEY.get(..30).unwrap()]);
    let (half, _) = answer
        .split_once("data: {\"choices\":[{\"index\":0,\"delta\":{},")
        .unwrap();
    let body = format!("{:x}\r\n{half}\r\n", half.len());
    let origin = Origin::raw(move |mut wire| {
        wire.message(false);
        wire.write(EVENTS);
        wire.write(&body);
    });
    let mut gate = Gate::route(origin.address, BOTH);
    let mut client = Wire::open(gate.address);
    client.write(chat("hello"));
    client.head().unwrap();
    let mut got = Vec::new();
    let ended = loop {
        match client.chunk() {
            Some(chunk) if chunk.is_empty() => break true,
            Some(chunk) => got.extend(chunk),
            None => break false,
        }
    };
    assert!(!ended, "half an answer passes for a whole one");
    assert!(!String::from_utf8_lossy(&got).contains("ghp_"));
    assert!(gate.log("response read").contains(r#""end":"broken""#));
}

#[test]
fn a_client_that_leaves_takes_the_upstream_with_it_and_what_was_found_is_told() {
    let (address, connections) = driven();
    let mut gate = Gate::route(address, BOTH);
    let mut client = Wire::open(gate.address);
    client.write(chat("hello"));
    let mut upstream = connections.recv().unwrap();
    upstream.message(false);
    let event = events(&[&format!("ask {MAIL} now")]);
    upstream.write(EVENTS);
    upstream.write(format!("{:x}\r\n{event}\r\n", event.len()));
    client.head().unwrap();
    client.chunk().unwrap();
    drop(client);
    let piece = "data: {\"a\":\"b\"}\n\n".repeat(4_000);
    let piece = format!("{:x}\r\n{piece}\r\n", piece.len());
    while upstream.0.write_all(piece.as_bytes()).is_ok() {}
    let told = gate.log("response read");
    assert!(told.contains(r#""end":"left""#), "{told}");
    assert!(told.contains(r#""guard_masked":1"#), "{told}");
}

#[test]
fn attack_52_text_that_comes_in_pieces_is_read_like_a_whole_one() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = |body: Vec<u8>| {
        Origin::raw(move |mut wire| {
            wire.message(false);
            wire.write(head);
            wire.write(&body);
        })
    };
    for by in [1, 4, 9, 1000] {
        let origin = answer(chunked(&format!("Grüße an {MAIL} – bye"), by));
        let gate = Gate::route(origin.address, BOTH);
        let got = ask(gate.address, get("/", &[]));
        assert_eq!(got.text(), "Grüße an [EMAIL_1] – bye");
    }
    // Something that is blocked ends it as if it broke off.
    let route = TOOLS.replace("\"tool\"", "\"output\"");
    let origin = answer(chunked("pay to DE89 3704 0044 0532 0130 00 at once", 5));
    let gate = Gate::route(origin.address, &route);
    let mut client = Wire::open(gate.address);
    client.write(get("/", &[]));
    client.head().unwrap();
    let mut got = Vec::new();
    let ended = loop {
        match client.chunk() {
            Some(chunk) if chunk.is_empty() => break true,
            Some(chunk) => got.extend(chunk),
            None => break false,
        }
    };
    assert!(!ended);
    assert!(!String::from_utf8(got).unwrap().contains("DE89"));
}

#[test]
fn lines_of_json_are_read_like_events() {
    let lines = "{\"message\":{\"content\":\"ask tim@corp-\"},\"done\":false}\n{\"message\":{\"content\":\"mail.net\"},\"done\":true}\n";
    let origin = Origin::answering(move |_| {
        let length = lines.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n{lines}"
        )
    });
    let got = ask(Gate::route(origin.address, BOTH).address, get("/", &[]));
    let said: String = got
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["message"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said, "ask [EMAIL_1]");
}

#[test]
fn trailers_are_not_read_and_so_not_passed_on() {
    let origin =
        Origin::answering(|_| format!("{EVENTS}9\r\ndata: 1\n\n\r\n0\r\nX-Secret: {KEY}\r\n\r\n"));
    let gate = Gate::route(origin.address, BOTH);
    let mut client = Wire::open(gate.address);
    client.write(get("/", &["TE: trailers", "Connection: TE"]));
    client.head().unwrap();
    assert!(!client.chunk().unwrap().is_empty());
    while client.chunk().is_some_and(|chunk| !chunk.is_empty()) {}
    assert_eq!(client.line().unwrap_or_default(), "");
}
