//! Texts that come in pieces, byte by byte and all at once.

use std::hint::black_box;
use std::sync::LazyLock;

use ztag_ai_security::filter::Vault;
use ztag_ai_security::guardrail::{Digests, Guardrail, Kept};
use ztag_ai_security::stream::sse::Splitter;
use ztag_ai_security::stream::{EventGuard, StreamGuard, TextGuard};
use ztag_types::{ConfigPath, Findings};

use crate::meter::linear;
use crate::texts::{FILTER, SYSTEM, TEXTS, each_of};

/// Looks for everything, and gives values back.
static GUARDRAIL: LazyLock<Guardrail> = LazyLock::new(|| {
    let spec = r#"{"content": {"output": {"controlSequences": "mask"}}, "spotlight": "words"}"#;
    let spec = serde_json::from_str(spec).unwrap();
    let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
    Guardrail::compile(&spec, digests, &at, &mut Findings::new()).unwrap()
});

/// Pieces that streams come in.
const PIECES: [usize; 2] = [1, usize::MAX];

/// Byte by byte, each byte may be a look at all that is held: dear enough for a few texts only.
const SLOW: &[(&str, &str)] = &[
    ("", "a"),
    ("", "a@b."),
    ("postgres://u:", "a"),
    ("-----BEGIN PRIVATE KEY-----\n", "MIIE"),
    ("![a](https://evil.example/", "a"),
    ("", "\u{e0041}"),
];

#[test]
fn filtered_streams() {
    let read = |by: usize| {
        move |text: &String| {
            let mut guard = StreamGuard::beside(&FILTER, &SYSTEM);
            let (mut vault, mut out) = (Vault::new(), Vec::new());
            for piece in text.as_bytes().chunks(by) {
                guard.push(piece, &mut vault, &mut out).unwrap();
            }
            guard.finish(&mut vault, &mut out).unwrap();
        }
    };
    each_of(TEXTS, "stream by 64", 1024, read(64));
    each_of(SLOW, "stream by 1", 1280, read(1));
}

#[test]
fn guarded_texts() {
    let read = |by: usize| {
        move |text: &String| {
            let mut reading = GUARDRAIL.begin_answer(kept(), true);
            let (mut guard, mut out) = (TextGuard::new(), Vec::new());
            for piece in text.as_bytes().chunks(by) {
                guard.push(piece, &mut reading, &mut out).unwrap();
            }
            guard.finish(&mut reading, &mut out).unwrap();
        }
    };
    each_of(TEXTS, "text by 64", 1024, read(64));
    each_of(&SLOW[..2], "text by 1", 640, read(1));
}

/// What is kept of a request: a value, and a mark.
fn kept() -> Kept {
    let mut request = GUARDRAIL.begin();
    let _ = request.read(
        "I am a.b@example.org",
        ztag_ai_security::Channel::User,
        "text",
    );
    request.finish().1
}

/// Streams of events: what begins them, and what comes again and again.
const EVENTS: &[(&str, &str)] = &[
    ("", "\n"),
    ("", "\r"),
    ("", "\r\n"),
    ("", ":\n"),
    ("", "data\n"),
    ("", "data: a\n"),
    ("", "data: a\n\n"),
    ("", "data: {}\n\n"),
    ("data: ", "a"),
    ("data: \"", "a"),
    ("event: ", "a"),
    (
        "",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a.b@\"}}]}\n\n",
    ),
    (
        "",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n",
    ),
    (
        "",
        "data: {\"delta\":{\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
    ),
    (
        "",
        "data: {\"jsonrpc\":\"2.0\",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}}\n\n",
    ),
    ("data: {\"delta\":[", "{\"content\":\"a\"},"),
    ("data: {\"content\":[", "\"a\","),
];

fn each_stream(what: &str, read: impl Fn(&String)) {
    for (head, piece) in EVENTS {
        let make = |bytes: usize| format!("{head}{}", piece.repeat(bytes.div_ceil(piece.len())));
        linear(
            &format!("{what} of {head:?} and {piece:?}"),
            4096,
            make,
            &read,
        );
    }
}

#[test]
fn splitting() {
    for by in PIECES {
        for new in [Splitter::new, Splitter::lines] {
            each_stream(&format!("splitting by {by}"), |text| {
                let mut splitter = new(1 << 24);
                for piece in text.as_bytes().chunks(by) {
                    splitter.push(piece);
                    while let Some(event) = splitter.next_event().unwrap() {
                        black_box((event.data(), event.with_data("b")));
                    }
                }
                black_box(splitter.last_event());
            });
        }
    }
}

#[test]
fn guarded_events() {
    for by in PIECES {
        for new in [EventGuard::new, EventGuard::of_lines] {
            each_stream(&format!("events by {by}"), |text| {
                let mut reading = GUARDRAIL.begin_answer(kept(), true);
                let (mut guard, mut out) = (new(None), Vec::new());
                for piece in text.as_bytes().chunks(by) {
                    let _ = guard.push(piece, &mut reading, &mut out);
                }
                let _ = guard.finish(&mut reading, &mut out);
            });
        }
    }
}

/// As many texts at a time as there may be, and pieces of all of them in one event.
#[test]
fn texts_at_the_same_time() {
    let make = |events: usize| {
        let piece = |at: usize| format!("{{\"index\":{at},\"delta\":{{\"content\":\"a\"}}}}");
        let all: Vec<_> = (0..200).map(piece).collect();
        format!("data: {{\"choices\":[{}]}}\n\n", all.join(",")).repeat(events)
    };
    linear("texts", 1, make, |text: &String| {
        let (mut guard, mut reading) = (EventGuard::new(None), GUARDRAIL.begin());
        let mut out = Vec::new();
        guard.push(text.as_bytes(), &mut reading, &mut out).unwrap();
        guard.finish(&mut reading, &mut out).unwrap();
    });
}
