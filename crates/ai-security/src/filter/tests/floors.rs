//! What is found in the development data, kind by kind, and what is found where nothing is.
//!
//! The data lie outside the project; without them nothing is measured, and the test says so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::super::{Family, Match};
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
            let value = row.text.get(m.span).unwrap().chars().take(90).collect();
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
    let mut seen = Measured::default();
    for line in data.lines() {
        let row: Row = serde_json::from_str(line).unwrap();
        seen.take(&row, &filter.find(&row.text));
    }
    seen.print();
    let below = seen
        .kinds
        .iter()
        .filter(|(kind, r)| r.found * 1000 < r.all * floor(kind));
    let below: Vec<_> = below.map(|(kind, _)| kind).collect();
    assert!(below.is_empty(), "below their floors: {below:?}");
    assert!(
        seen.false_hits.is_empty(),
        "{} clean texts are hit",
        seen.false_hits.len()
    );
    assert!(
        seen.beside.len() <= 4,
        "beside the labels: {:?}",
        seen.beside
    );
}

#[derive(Default)]
struct Measured {
    kinds: BTreeMap<String, Recall>,
    /// Labels that nothing covers.
    missed: Vec<String>,
    /// Finds in texts without a label.
    false_hits: Vec<String>,
    /// Finds in texts with labels, outside of these.
    beside: Vec<String>,
    clean: usize,
}

impl Measured {
    fn take(&mut self, row: &Row, found: &[Match]) {
        let say = |m: &Match| format!("{} in {:?}", m.rule, row.text);
        if row.spans.is_empty() {
            self.clean += 1;
            self.false_hits.extend(found.first().map(say));
            return;
        }
        for span in &row.spans {
            let covers = |m: &&Match| {
                m.kind == span.kind && m.span.start <= span.bstart && m.span.end >= span.bend
            };
            let recall = self.kinds.entry(span.kind.clone()).or_default();
            recall.all += 1;
            match found.iter().find(covers) {
                Some(_) => recall.found += 1,
                None => self.missed.push(format!("{} in {:?}", span.kind, row.text)),
            }
        }
        let labelled = |m: &&Match| {
            let inside = |s: &Span| s.bstart <= m.secret.start && m.secret.end <= s.bend;
            row.spans.iter().any(inside)
        };
        self.beside
            .extend(found.iter().filter(|m| !labelled(m)).map(say));
    }

    fn print(&self) {
        for (kind, recall) in &self.kinds {
            println!("{kind}: {} of {}", recall.found, recall.all);
        }
        println!("{} clean texts, {} hit", self.clean, self.false_hits.len());
        for text in self.missed.iter().chain(&self.false_hits).take(40) {
            println!("{text}");
        }
    }
}
