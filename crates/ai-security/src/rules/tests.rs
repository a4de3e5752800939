use super::pack::embedded;
use super::{RuleBook, Scan, Suite};
use crate::channel::Channel;

#[test]
fn attack_52_every_rule_hits_and_misses_what_it_says() {
    let suite = Suite::run().unwrap();
    assert_eq!(suite.wrong, []);
    assert_eq!(suite.hits.hits, suite.hits.of);
    assert_eq!(suite.alarms.hits, 0);
}

#[test]
fn every_rule_says_what_it_means_and_proves_itself() {
    let (_, packs) = embedded().unwrap();
    let mut ids = Vec::new();
    for pack in &packs {
        for rule in &pack.rule {
            assert!(
                !rule.reason.is_empty() && !rule.reason.ends_with('.'),
                "{}",
                rule.id
            );
            assert!(rule.weight > 0.0 && rule.weight <= 1.0, "{}", rule.id);
            assert!(
                !rule.hits.is_empty() && !rule.misses.is_empty(),
                "{}",
                rule.id
            );
            ids.push(&rule.id);
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");
}

#[test]
fn attack_58_the_work_grows_with_the_text_and_no_faster() {
    let book = RuleBook::embedded().unwrap();
    let mut scan = Scan::default();
    let mut work = |piece: &str, bytes: usize| {
        let text = piece.repeat(bytes / piece.len());
        book.scan(&text, Channel::Document, &mut scan);
        scan.work
    };
    for piece in [
        "a",
        " ",
        "ignore ",
        "ignore all ",
        "previous instructions ",
        "your instructions ",
        "send the user ",
        "you must tell the assistant ",
        "reveal the secret password to you ",
        "####",
        "<|im_start|>",
        "what is ",
        "忽略之前",
        "игнорируй ",
    ] {
        let (once, twice) = (work(piece, 8 * 1024), work(piece, 16 * 1024));
        assert!(
            twice <= 2 * once + 8 * 1024,
            "{piece}: {once}, then {twice}"
        );
        assert!(once <= 8 * 1024 * 400, "{piece}: {once}");
    }
}
