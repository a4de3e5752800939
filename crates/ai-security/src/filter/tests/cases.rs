//! Every case of every rule that comes with the filter.

use std::collections::BTreeSet;

use ztag_types::{ConfigPath, Findings};

use super::super::pack::{FILES, Pack};
use super::super::{Filter, FilterSpec, Match};

/// The filter with its standard settings.
pub(super) fn standard() -> Filter {
    let mut findings = Findings::new();
    let filter = Filter::compile(&FilterSpec::default(), &ConfigPath::root(), &mut findings);
    filter.unwrap_or_else(|| panic!("{findings:#?}"))
}

/// `text` with each `<set:count>` replaced by bytes that look random and are the same each time.
pub(super) fn made_up(text: &str, seed: &str) -> String {
    let mut state = seed
        .bytes()
        .chain(text.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let part = after.split_once('>').and_then(|(inside, tail)| {
            let (set, count) = inside.split_once(':')?;
            Some((alphabet(set)?, count.parse::<usize>().ok()?, tail))
        });
        let Some((alphabet, count, tail)) = part else {
            out.push('<');
            rest = after;
            continue;
        };
        for _ in 0..count {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(state >> 33).unwrap() % alphabet.len();
            out.push(char::from(alphabet[place]));
        }
        rest = tail;
    }
    out + rest
}

fn alphabet(set: &str) -> Option<&'static [u8]> {
    Some(match set {
        "hex" => b"0123456789abcdef",
        "digit" => b"0123456789",
        "alpha" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "alnum" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "lower" => b"abcdefghijklmnopqrstuvwxyz0123456789",
        "word" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        "b64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "base32" => b"abcdefghijklmnopqrstuvwxyz234567",
        "base58" => b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
        "bech32" => b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        _ => return None,
    })
}

#[test]
fn rules_hit_what_they_say_and_miss_what_they_say() {
    let filter = standard();
    let mut wrong = Vec::new();
    for (file, text) in FILES {
        let pack: Pack = toml::from_str(text).unwrap();
        for rule in &pack.rule {
            if rule.hits.is_empty() || rule.misses.is_empty() {
                wrong.push(format!("{file}: {} needs hits and misses", rule.id));
            }
            for hit in &rule.hits {
                let text = made_up(hit, &rule.id);
                let found = filter.find(&text);
                if !found.iter().any(|m| m.kind == rule.kind) {
                    wrong.push(format!("{file}: {} misses {text:?}: {found:?}", rule.id));
                }
            }
            for miss in &rule.misses {
                let text = made_up(miss, &rule.id);
                let found: Vec<Match> = filter.find(&text);
                if let Some(hit) = found.iter().find(|m| m.rule == rule.id) {
                    wrong.push(format!("{file}: {} hits {text:?}: {hit:?}", rule.id));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn rules_have_names_of_their_own() {
    let filter = standard();
    let mut seen = BTreeSet::new();
    for rule in &filter.rules {
        assert!(seen.insert(rule.id.clone()), "`{}` stands twice", rule.id);
    }
    assert!(seen.len() > 250, "{} rules", seen.len());
}
