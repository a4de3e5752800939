//! How often each rule hits labelled texts: `rule-hits FILE.jsonl ...`, lines with `text`, `label`
//! (`attack` or `benign`), `channel`, `kind` and `source`.
//!
//! `RULES=FOLDER` reads packs there instead of those built in, so that they can be tried without
//! building. `SHOW=all` prints the rules that each text hits, `SHOW=<id>` the benign texts that a
//! rule hits, `SHOW=missed` the attacks that no rule with a weight of a half or more hits.
#![expect(clippy::print_stdout, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use serde::Deserialize;
use ztag_ai_security::Channel;
use ztag_ai_security::normalize::Normalized;
use ztag_ai_security::rules::{Rule, RuleBook, Scan};

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

/// Numbers of texts: attacks and benign ones, or those hit and all.
type Pair = (usize, usize);

#[derive(Default)]
struct Counts {
    by_rule: BTreeMap<String, Pair>,
    by_kind: BTreeMap<String, Pair>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let book = book()?;
    let (mut scan, mut folded) = (Scan::default(), Normalized::new());
    let shown = std::env::var("SHOW").unwrap_or_default();
    let mut counts = Counts::default();
    for path in std::env::args().skip(1) {
        for line in BufReader::new(File::open(path)?).lines() {
            let row: Row = serde_json::from_str(&line?)?;
            folded.read(&row.text);
            book.scan(folded.text(), row.channel, &mut scan);
            let hits = scan.hits().iter();
            let hits = hits.filter_map(|hit| book.rules().get(usize::from(hit.rule)));
            counts.add(&row, &hits.collect::<Vec<_>>(), &shown);
        }
    }
    for (rule, (attacks, benign)) in &counts.by_rule {
        println!("{attacks:6} {benign:6}  {rule}");
    }
    for (kind, (hit, all)) in &counts.by_kind {
        println!("{hit:6} of {all:6}  {kind}");
    }
    let (rules, memory) = (book.rules().len(), book.memory() / 1024);
    println!("{rules} rules, automaton {memory} KiB");
    Ok(())
}

impl Counts {
    fn add(&mut self, row: &Row, hits: &[&Rule], shown: &str) {
        let is_attack = row.label == "attack";
        for rule in hits {
            let (attacks, benign) = self.by_rule.entry(rule.id.to_string()).or_default();
            *attacks += usize::from(is_attack);
            *benign += usize::from(!is_attack);
        }
        let weights = hits
            .iter()
            .filter_map(|rule| rule.weights.get(row.channel.index()));
        let is_hit = weights.copied().any(|weight| weight >= 0.5);
        let name = format!("{} {} {:.40}", row.label, row.kind, row.source);
        let (hit, all) = self.by_kind.entry(name).or_default();
        *hit += usize::from(is_hit);
        *all += 1;
        let ids: Vec<&str> = hits.iter().map(|rule| rule.id.as_str()).collect();
        if shown == "all" {
            println!("{}\t{}\t{ids:?}", row.label, row.kind);
        } else if (shown == "missed" && is_attack && !is_hit)
            || (!is_attack && ids.contains(&shown))
        {
            println!(
                "{} {:?}",
                row.source,
                row.text.chars().take(600).collect::<String>()
            );
        }
    }
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
