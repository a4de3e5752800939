//! What a search for secrets and personal data costs: `filter-cost FILE.jsonl ...`, lines with `text`.
//! Prints the median and the 99th percentile of the time by length, and the time for hostile texts, for
//! whole texts and for streams in small pieces. Build it with `--release`.
#![expect(clippy::print_stdout, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::Value;
use ztag_ai_security::filter::{Filter, FilterSpec, Vault};
use ztag_ai_security::stream::StreamGuard;
use ztag_types::{ConfigPath, Findings};

/// Pieces of which hostile texts are made.
const HOSTILE: [(&str, &str); 14] = [
    ("letters", "a"),
    ("digits", "1"),
    ("groups of digits", "4111 "),
    ("signs", "@"),
    ("colons", "a:"),
    ("names", "password "),
    ("assignments", "token="),
    ("token starts", "sk-"),
    ("web tokens", ".eyJ"),
    ("key lines", "-----BEGIN PRIVATE KEY-----\n"),
    ("addresses", "a.b@c."),
    ("logins", "a://b:"),
    ("groups of hex", "a0:"),
    ("prose", "The quick brown fox jumps over the lazy dog. "),
];
/// Bytes of a hostile text.
const LONG: usize = 64 * 1024;
/// Bytes of a piece of a stream: about a word of a model.
const PIECE: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut findings = Findings::new();
    let filter = Filter::compile(&FilterSpec::default(), &ConfigPath::root(), &mut findings)
        .ok_or("the standard filter does not compile")?;
    println!("compiled in {:?}", began.elapsed());
    for file in std::env::args().skip(1) {
        let mut costs: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
        for line in std::fs::read_to_string(&file)?.lines() {
            let row: Value = serde_json::from_str(line)?;
            let text = row.get("text").and_then(Value::as_str).unwrap_or_default();
            let class = text.len().next_power_of_two();
            costs.entry(class).or_default().push(cost(|| {
                black_box(filter.find(black_box(text)));
            }));
        }
        println!("{file}");
        for (class, mut costs) in costs {
            costs.sort_unstable();
            let at = |share: usize| {
                costs
                    .get(costs.len() * share / 100)
                    .copied()
                    .unwrap_or_default()
            };
            println!(
                "  up to {class} bytes, {}: p50 {:?}, p99 {:?}",
                costs.len(),
                at(50),
                at(99)
            );
        }
    }
    for (name, piece) in HOSTILE {
        let text = piece.repeat(LONG / piece.len());
        let whole = cost(|| {
            black_box(filter.find(black_box(&text)));
        });
        let stream = cost(|| stream(&filter, &text));
        let rate = |time: Duration| time.as_nanos() / text.len() as u128;
        println!(
            "{name}: {} ns a byte, {} in pieces",
            rate(whole),
            rate(stream)
        );
    }
    Ok(())
}

fn stream(filter: &Filter, text: &str) {
    let mut guard = StreamGuard::new(filter);
    let (mut vault, mut out) = (Vault::new(), Vec::new());
    for piece in text.as_bytes().chunks(PIECE) {
        let _ = guard.push(piece, &mut vault, &mut out);
        out.clear();
    }
    let _ = guard.finish(&mut vault, &mut out);
}

/// The best of three.
fn cost(run: impl Fn()) -> Duration {
    let times = (0..3).map(|_| {
        let began = Instant::now();
        run();
        began.elapsed()
    });
    times.min().unwrap_or_default()
}
