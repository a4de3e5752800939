//! Texts in JSON.

use std::hint::black_box;

use ztag_ai_security::Channel;
use ztag_ai_security::extract::{Extractor, Selector};

use crate::meter::linear;

/// Forms of bodies: what they begin with, what comes again and again, and what they end with.
const BODIES: &[(&str, &str, &str)] = &[
    ("[", "[],", "0]"),
    ("[", "{},", "0]"),
    ("[", "1,", "0]"),
    ("[", "\"a\",", "0]"),
    ("[", " ", "]"),
    ("\"", "a", "\""),
    ("\"", "\\u0041", "\""),
    ("\"", "\\ud83d\\ude00", "\""),
    ("\"", "é", "\""),
    ("\"", "a", ""),
    ("", "[", ""),
    ("[", "{\"text\":\"a\"},", "0]"),
    ("[", "{\"type\":\"text\",\"text\":\"a\"},", "0]"),
    ("[", "{\"text\":[{\"text\":\"a\"}]},", "0]"),
    ("{\"text\":[", "{\"a\":{\"text\":\"a\"}},", "0]}"),
    ("[0", ",1e99", "]"),
];

/// Selectors that look everywhere, as often as they may.
const SELECTORS: &[&str] = &[
    "$..text",
    "$..*",
    "$..*..*..*",
    "$..text..text",
    "$[*]..*",
    "$..[1]",
    "$[?(@.type=='text')].text",
];

fn each(what: &str, read: impl Fn(&Extractor, &str)) {
    for (head, piece, tail) in BODIES {
        for selector in SELECTORS {
            let selected = Selector::compile(selector).unwrap();
            let extractor = Extractor::new(vec![(selected, Channel::User)], 1 << 24);
            let make = |times| format!("{head}{}{tail}", piece.repeat(times));
            let name = format!("{what} with {selector} of {head}{piece}{tail}");
            linear(&name, 256, make, |body: &String| read(&extractor, body));
        }
    }
}

#[test]
fn selecting() {
    each("selecting", |extractor, body| {
        black_box(extractor.read(body.as_bytes()).is_ok());
    });
}

#[test]
fn rewriting() {
    each("rewriting", |extractor, body| {
        if let Ok(texts) = extractor.read(body.as_bytes()) {
            black_box(texts.rewrite(|_, text| Some(format!("{text}\n"))));
        }
    });
}

/// Members with names of their own, which are compared to find those that are there twice.
#[test]
fn objects_of_many_members() {
    let selected = Selector::compile("$..*").unwrap();
    let extractor = Extractor::new(vec![(selected, Channel::User)], 1 << 24);
    for name in ["a", "é", "A\\u0041", ""] {
        let make = |count: usize| {
            let members = (0..count).map(|at| format!("\"{name}{at}\":\"a\""));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        linear(
            &format!("members named {name}"),
            256,
            make,
            |body: &String| {
                assert!(extractor.read(body.as_bytes()).is_ok());
            },
        );
    }
}

/// As deep as may be, and deeper.
#[test]
fn nested_bodies() {
    let selected = Selector::compile("$..*..*..*").unwrap();
    let extractor = Extractor::new(vec![(selected, Channel::User)], 1 << 24);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let make = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        linear(open, 64, make, |body: &String| {
            black_box(extractor.read(body.as_bytes()).is_ok());
        });
    }
}
