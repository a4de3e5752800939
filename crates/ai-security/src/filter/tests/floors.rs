//! What is found in the development data, kind by kind, and what is found where nothing is.
//!
//! The data lie outside the project; without them nothing is measured, and the test says so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::super::Family;
use super::cases::standard;

#[derive(Deserialize)]
struct Row {
    text: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    #[serde(rename = "type")]
    kind: String,
    bstart: usize,
    bend: usize,
}

/// Spans of a kind, and those found whole under their own name.
#[derive(Default)]
struct Recall {
    all: u32,
    found: u32,
}

/// Least share found whole, in thousandths.
fn floor(kind: &str) -> u32 {
    match kind {
        "EMAIL" | "CREDIT_CARD" | "IBAN" | "US_SSN" | "IP_ADDRESS" => 1000,
        "PHONE" => 900,
        _ => 990,
    }
}

fn data(file: &str) -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ai-security");
    let data = std::fs::read_to_string(folder.join(file));
    if data.is_err() {
        println!("skipped: the development data are not here");
    }
    data.ok()
}

#[derive(Deserialize)]
struct Plain {
    text: String,
}

/// Prose, code, manuals and tool descriptions hold addresses and sample keys, but few secrets.
#[test]
fn ordinary_texts_are_seldom_taken_for_secrets() {
    let Some(data) = data("benign.jsonl") else {
        return;
    };
    let filter = standard();
    let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut secrets = 0;
    let mut texts = 0;
    for line in data.lines() {
        let row: Plain = serde_json::from_str(line).unwrap();
        let found = filter.find(&row.text);
        texts += 1;
        secrets += usize::from(found.iter().any(|m| m.family == Family::Secret));
        for m in found {
            let value = row.text[m.span].chars().take(90).collect();
            rules.entry(m.rule.to_string()).or_default().push(value);
        }
    }
    for (rule, values) in &rules {
        let some: Vec<_> = values.iter().step_by(values.len().div_ceil(8)).collect();
        println!("{rule} {} times, as {some:?}", values.len());
    }
    println!("{secrets} of {texts} texts hold what looks like a secret");
    assert!(secrets * 100 <= texts, "{secrets} of {texts}");
}

#[test]
fn kinds_are_found_and_clean_texts_stay_clean() {
    let Some(data) = data("pii-secrets.jsonl") else {
        return;
    };
    let filter = standard();
    let mut kinds: BTreeMap<String, Recall> = BTreeMap::new();
    let mut false_hits = Vec::new();
    let mut strangers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut missed = Vec::new();
    let mut clean = 0;
    for line in data.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        let found = filter.find(&row.text);
        clean += usize::from(row.spans.is_empty());
        if row.spans.is_empty() && !found.is_empty() {
            false_hits.push(format!("{:?} in {:?}", found[0].kind, row.text));
        }
        for span in &row.spans {
            let recall = kinds.entry(span.kind.clone()).or_default();
            recall.all += 1;
            let whole = found.iter().any(|m| {
                m.kind == span.kind && m.span.start <= span.bstart && m.span.end >= span.bend
            });
            recall.found += u32::from(whole);
            if !whole {
                missed.push(format!("{} in {:?}", span.kind, row.text));
            }
        }
        let labelled = |m: &super::super::Match| {
            let inside = |s: &Span| s.bstart <= m.secret.start && m.secret.end <= s.bend;
            row.spans.iter().any(inside)
        };
        for stranger in found
            .iter()
            .filter(|m| !row.spans.is_empty() && !labelled(m))
        {
            let value = row.text[stranger.span.clone()].to_owned();
            strangers
                .entry(stranger.rule.to_string())
                .or_default()
                .push(value);
        }
    }
    for (kind, recall) in &kinds {
        println!("{kind}: {} of {}", recall.found, recall.all);
    }
    for (rule, values) in &strangers {
        println!(
            "beside the labels: {rule} {} times, as {:?}",
            values.len(),
            values[0]
        );
    }
    println!("{clean} clean texts, {} hit", false_hits.len());
    for text in missed.iter().chain(&false_hits).take(40) {
        println!("{text}");
    }
    let below = kinds
        .iter()
        .filter(|(kind, recall)| recall.found * 1000 < recall.all * floor(kind));
    let below: Vec<_> = below.map(|(kind, _)| kind).collect();
    assert!(below.is_empty(), "below their floors: {below:?}");
    assert!(
        false_hits.is_empty(),
        "{} clean texts are hit",
        false_hits.len()
    );
    let beside: usize = strangers.values().map(Vec::len).sum();
    assert!(beside <= 4, "{beside} finds beside the labels");
}
