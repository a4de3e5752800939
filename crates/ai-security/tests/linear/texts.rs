//! Texts that are there whole.

use std::fs;
use std::hint::black_box;
use std::sync::LazyLock;

use ztag_ai_security::filter::spec::{TokenSpec, WordListSpec};
use ztag_ai_security::filter::{Action, Filter, FilterSpec, Vault};
use ztag_ai_security::normalize::Normalized;
use ztag_ai_security::output::{LinkSpec, OutputSpec, SystemText};
use ztag_ai_security::rules::{RuleBook, Scan};
use ztag_ai_security::spec::LimitsSpec;
use ztag_ai_security::spotlight::{self, Mark};
use ztag_ai_security::view::{ViewLimits, Views};
use ztag_ai_security::{Channel, Guard, GuardSpec, Taint};
use ztag_types::{ConfigPath, Findings};

use crate::meter::linear;

/// What texts begin with, and what then comes again and again: beginnings of everything that is looked
/// for, and of nothing else.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("", "a"),
    ("", "A"),
    ("", "1"),
    ("", " "),
    ("", "a "),
    ("", "1 "),
    ("", "-"),
    ("", "_"),
    ("", "."),
    ("", "="),
    ("", "+"),
    ("", "@"),
    ("", "a."),
    ("", "a@"),
    ("", "a@b."),
    ("a", "@a.example"),
    ("", "\n"),
    ("", "\r\n"),
    ("", "a\n"),
    ("", "\t"),
    ("", "\""),
    ("", "'"),
    ("", "`"),
    ("", "\\"),
    ("", "("),
    ("", "["),
    ("", "]("),
    ("", "![a]("),
    ("![a](https://evil.example/", "a"),
    ("[", "a"),
    ("", "<"),
    ("", "<a "),
    ("<img ", "src="),
    ("<!--", "-"),
    ("", "://"),
    ("", "https://a/"),
    ("https://", "a"),
    ("https://a?", "a=a&"),
    ("", "&#"),
    ("", "&#97;"),
    ("", "%41"),
    ("", "\\u0041"),
    ("", "é"),
    ("", "e\u{301}"),
    ("a", "\u{301}"),
    ("", "\u{200b}"),
    ("", "a\u{200b}"),
    ("", "\u{e0041}"),
    ("a", "\u{fe0f}"),
    ("", "\u{202e}"),
    ("", "密"),
    ("", "а"),
    ("", "pа"),
    ("", "ﷺ"),
    ("", "\u{1b}["),
    ("\u{1b}]", "a"),
    ("", "QUJD"),
    ("", "QUJD\n"),
    ("", "SWdub3JlIGFsbA== "),
    ("", "4a"),
    ("", "0x41 "),
    ("", "01100001 "),
    ("", "97 "),
    ("", "-... "),
    ("", "gur "),
    ("", "eht "),
    ("", "1gn0r3 "),
    ("", "i g n o r e "),
    ("", "i-g-n-"),
    ("", "ig nore "),
    ("", "ignore "),
    ("", "ignore all previous "),
    ("", "not "),
    ("never ", "ignore all previous instructions "),
    ("", "you are now "),
    ("", "AKIA"),
    ("", "AKIA2E0A8F3B244C9986 "),
    ("", "sk_live_"),
    ("", "eyJ"),
    ("eyJ", "a"),
    ("eyJ", "a."),
    ("", "xox"),
    ("", "password"),
    ("", "password="),
    ("password=", "a"),
    ("password: \"", "a"),
    ("", "secret key "),
    ("", "-----BEGIN "),
    ("", "-----BEGIN PRIVATE KEY-----"),
    ("-----BEGIN PRIVATE KEY-----\n", "MIIE"),
    ("", "postgres://u:"),
    ("postgres://u:", "a"),
    ("postgres://", "a:"),
    ("", "+44 20 "),
    ("", "tel "),
    ("", "tel. 0532 289 002 "),
    ("", "+44 20 7946 0108 "),
    ("", "DE89 "),
    ("DE89", " 3704"),
    ("", "4111 "),
    ("", "4111-1111-1111-1111 "),
    ("", "219-"),
    ("", "219-09-1234 "),
    ("", "81.2."),
    ("", "81.2.69.142 "),
    ("", "2a00:"),
    ("", "::"),
    ("", "a.b@example.org "),
    ("", "[EMAIL_1]"),
    ("", "[EMAIL_"),
    ("", "blue "),
    ("", "blue heron "),
    ("", "acme-"),
    ("acme-", "a"),
    ("", "to be or not "),
    ("", "{\"a\":"),
];

/// So many bytes of each, and many times that.
fn each(what: &str, bytes: usize, read: impl Fn(&String)) {
    each_of(TEXTS, what, bytes, read);
}

pub(crate) fn each_of(texts: &[(&str, &str)], what: &str, bytes: usize, read: impl Fn(&String)) {
    for (head, piece) in texts {
        let make = |bytes: usize| format!("{head}{}", piece.repeat(bytes / piece.len()));
        let what = format!("{what} of {head:?} and {piece:?}");
        linear(&what, bytes, make, &read);
    }
}

pub(crate) static FILTER: LazyLock<Filter> = LazyLock::new(|| {
    let spec = FilterSpec {
        words: vec![WordListSpec {
            name: "WORDS".to_owned(),
            action: Action::Mask,
            words: ["blue heron", "straße", "秘密"].map(str::to_owned).into(),
        }],
        tokens: vec![TokenSpec {
            kind: "ACME_KEY".to_owned(),
            keywords: vec!["acme-".to_owned()],
            pattern: "acme-[a-z0-9]{6,200}".to_owned(),
            ..TokenSpec::default()
        }],
        output: OutputSpec {
            system_prompt: Action::Mask,
            links: Some(LinkSpec {
                hosts: vec!["*.example.com".to_owned()],
                action: Action::Mask,
            }),
            control_sequences: Action::Mask,
            hidden_text: Action::Mask,
            ..OutputSpec::default()
        },
        ..FilterSpec::default()
    };
    Filter::compile(&spec, &ConfigPath::root(), &mut Findings::new()).unwrap()
});

pub(crate) static SYSTEM: LazyLock<SystemText> =
    LazyLock::new(|| SystemText::of(&"to be or not to be that is the question a a a ".repeat(20)));

#[test]
fn folding() {
    each("folding", 4096, |text| {
        black_box(Normalized::of(text));
    });
    // Back to the original, from everywhere.
    each("places", 1024, |text| {
        let folded = Normalized::of(text);
        for at in 0..folded.text().len() {
            black_box(folded.original(at..at));
        }
    });
}

#[test]
fn views() {
    let limits = ViewLimits {
        views: 16,
        bytes: 1 << 20,
    };
    each("views", 4096, |text| {
        let folded = Normalized::of(text);
        let mut views = Views::default();
        views.search(text, &folded, limits);
        views.search_hidden(text, &folded, limits);
        for index in 0..views.as_slice().len() {
            let folded = Normalized::of(views.as_slice()[index].text());
            views.search_view(index, &folded, limits);
        }
    });
}

#[test]
fn rules_of_every_pack() {
    let book = RuleBook::embedded().unwrap();
    each("rules", 4096, |text| {
        let mut scan = Scan::default();
        book.scan(text, Channel::Tool, &mut scan);
        black_box(scan.hits().len());
    });
}

/// Each rule, by what it must hit: again and again, whole and all but its end.
#[test]
fn every_rule() {
    let book = RuleBook::embedded().unwrap();
    let mut rules = 0;
    for hit in hits() {
        rules += 1;
        let folded = Normalized::of(&hit);
        let part = folded
            .text()
            .floor_char_boundary(folded.text().len() * 3 / 4);
        let (begun, _) = folded.text().split_at(part);
        for piece in [folded.text(), begun] {
            let make = |times| format!("{piece} ").repeat(times);
            linear(piece, 16, make, |text: &String| {
                let mut scan = Scan::default();
                book.scan(text, Channel::Document, &mut scan);
            });
        }
    }
    assert_eq!(rules, book.rules().len());
}

/// Of each rule that comes with the guard, the first text that it must hit.
fn hits() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let packs = files.filter(|path| path.is_file() && !path.ends_with("words.toml"));
    let packs = packs.map(|path| {
        fs::read_to_string(path)
            .unwrap()
            .parse::<toml::Table>()
            .unwrap()
    });
    let rules = packs.flat_map(|pack| pack["rule"].as_array().unwrap().clone());
    let hit = |rule: toml::Value| rule["hits"][0].as_str().unwrap().to_owned();
    rules.map(hit).collect()
}

/// The guard as a whole, with room enough to read everything.
#[test]
fn inspections() {
    let spec = GuardSpec {
        limits: LimitsSpec {
            max_bytes: 1 << 20,
            max_views: 16,
            max_view_bytes: 1 << 16,
            ..LimitsSpec::default()
        },
        ..GuardSpec::default()
    };
    let guard = Guard::compile(&spec, &ConfigPath::root(), &mut Findings::new()).unwrap();
    each("inspection", 2048, |text| {
        black_box(guard.inspect(text, Channel::Document).score);
    });
}

#[test]
fn secrets_and_personal_data() {
    each("finding", 4096, |text| {
        black_box(FILTER.find_beside(text, Some(&SYSTEM)));
    });
    each("masking", 4096, |text| {
        black_box(FILTER.apply(text, Some(&SYSTEM), &mut Vault::new()).is_ok());
    });
}

#[test]
fn many_values_and_their_placeholders() {
    let many = |count: usize| -> String {
        let values = (0..count).map(|at| format!("u{at}@example.org"));
        values.collect::<Vec<_>>().join(", ")
    };
    linear("values", 64, many, |text| {
        let mut vault = Vault::new();
        let masked = FILTER.mask(text, &mut vault);
        black_box(vault.restore(&masked));
    });
    each("restoring", 4096, |text| {
        let mut vault = Vault::new();
        FILTER.mask("a.b@example.org", &mut vault);
        black_box(vault.restore(text));
    });
}

#[test]
fn system_texts() {
    each("system text", 4096, |text| {
        black_box(SystemText::of(text).is_empty());
    });
}

#[test]
fn spotlighting() {
    let mark = Mark::of([1, 2, 3, 4]);
    each("spotlighting", 4096, |text| {
        let lit = mark.mark_words(text);
        black_box((
            mark.unmark(&lit),
            spotlight::strip(&lit),
            mark.delimit(text),
        ));
    });
}

#[test]
fn taint() {
    each("taint", 4096, |text| {
        let mut taint = Taint::default();
        taint.distrust(text);
        black_box(taint.check(text));
    });
}
