//! How often each rule hits labelled texts: `rule-hits FILE.jsonl ...`, lines with `text`, `label`
//! (`attack` or `benign`), `channel`, `kind` and `source`.
#![expect(clippy::print_stdout, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use serde::Deserialize;
use ztag_ai_security::Channel;
use ztag_ai_security::normalize::Normalized;
use ztag_ai_security::rules::{RuleBook, Scan};

#[derive(Deserialize)]
struct Row {
    text: String,
    label: String,
    channel: Channel,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    source: String,
}

/// The rules in the folder that `RULES` names, or those built in.
fn book() -> Result<Arc<RuleBook>, Box<dyn Error>> {
    let Ok(folder) = std::env::var("RULES") else {
        return Ok(RuleBook::embedded()?);
    };
    let (mut words, mut packs) = (String::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        if path.ends_with("words.toml") {
            words = text;
        } else {
            packs.push(text);
        }
    }
    let packs: Vec<_> = packs.iter().map(String::as_str).collect();
    Ok(Arc::new(RuleBook::from_toml(&words, &packs)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let book = book()?;
    let (mut scan, mut folded) = (Scan::default(), Normalized::new());
    let mut by_rule: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut by_kind: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let shown = std::env::var("SHOW").unwrap_or_default();
    for path in std::env::args().skip(1) {
        for line in BufReader::new(File::open(path)?).lines() {
            let row: Row = serde_json::from_str(&line?)?;
            folded.read(&row.text);
            let hits = book.scan(folded.text(), row.channel, &mut scan);
            if shown == "all" {
                let ids = hits
                    .iter()
                    .filter_map(|hit| book.rules().get(usize::from(hit.rule)));
                println!(
                    "{}\t{}\t{:?}",
                    row.label,
                    row.kind,
                    ids.map(|rule| rule.id.as_str()).collect::<Vec<_>>()
                );
            }
            let side = usize::from(row.label == "benign");
            let best = hits
                .iter()
                .filter_map(|hit| book.rules().get(usize::from(hit.rule)));
            let best = best.fold(0.0_f32, |best, rule| {
                by_rule.entry(&rule.id).or_default()[side] += 1;
                if shown == rule.id.as_str() && side == 1 {
                    println!(
                        "{} {}\n",
                        row.source,
                        row.text.chars().take(600).collect::<String>()
                    );
                }
                best.max(rule.weights[row.channel.index()])
            });
            let kind = by_kind
                .entry(format!("{} {} {:.40}", row.label, row.kind, row.source))
                .or_default();
            kind[0] += usize::from(best >= 0.5);
            kind[1] += 1;
            if (shown == "missed" && side == 0 && best < 0.5)
                || (shown == "wrong" && side == 1 && best >= 0.5)
            {
                println!(
                    "{} {:?}",
                    row.source,
                    row.text.chars().take(400).collect::<String>()
                );
            }
        }
    }
    for (rule, [attacks, benign]) in &by_rule {
        println!("{attacks:6} {benign:6}  {rule}");
    }
    for (kind, [hit, all]) in &by_kind {
        println!("{hit:6} of {all:6}  {kind}");
    }
    println!(
        "{} rules, automaton {} KiB",
        book.rules().len(),
        book.memory() / 1024
    );
    Ok(())
}
