//! The rules that come with the filter: data files, each rule with texts that it must hit and texts
//! that it must miss.

use regex_syntax::escape;
use serde::Deserialize;
use ztag_types::SmolStr;

use super::bytes::ByteSet;
use super::check::Check;
use super::keyword::{Gated, Lead};
use super::pattern::{Pattern, PatternError, Tests};
use super::rule::{CHECKED, Family, GENERIC, NAMED, Rule, SHAPE};
use super::spec::Action;

/// The files, by name.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("cloud", include_str!("../../rules/filter/cloud.toml")),
    ("code", include_str!("../../rules/filter/code.toml")),
    ("model", include_str!("../../rules/filter/model.toml")),
    ("message", include_str!("../../rules/filter/message.toml")),
    ("money", include_str!("../../rules/filter/money.toml")),
    ("service", include_str!("../../rules/filter/service.toml")),
    ("watch", include_str!("../../rules/filter/watch.toml")),
    ("generic", include_str!("../../rules/filter/generic.toml")),
    ("person", include_str!("../../rules/filter/person.toml")),
];

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// Whether its rules are about people; about secrets otherwise.
    #[serde(default)]
    pub(crate) personal: bool,
    /// Its rules.
    pub(crate) rule: Vec<RuleText>,
}

/// One rule as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    /// Its name.
    pub(crate) id: SmolStr,
    /// What it finds.
    pub(crate) kind: SmolStr,
    /// Literals that matches begin with, behind their lead, letter case ignored.
    #[serde(default)]
    keywords: Vec<String>,
    /// The whole match, from its lead on.
    #[serde(default)]
    pattern: Option<String>,
    /// The value behind a keyword that names it and a sign of assignment, instead of `pattern`.
    #[serde(default)]
    value: Option<String>,
    /// Bytes before the keyword: `digit`, `hex`, `word`, and how many at most.
    #[serde(default)]
    lead: Option<(LeadSet, usize)>,
    /// Least entropy of what is hidden, in bits a byte.
    #[serde(default)]
    entropy: f32,
    /// What else must hold of what is hidden.
    #[serde(default)]
    check: Option<Check>,
    /// Whether the keyword may stand inside a word.
    #[serde(default)]
    inside: bool,
    /// Whether many other values look like this one, so that any other rule knows better.
    #[serde(default)]
    generic: bool,
    /// Texts that it must hit; `<hex:32>` stands for 32 hexadecimal digits.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))]
    pub(crate) hits: Vec<String>,
    /// Texts that it must miss.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "read by tests"))]
    pub(crate) misses: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LeadSet {
    Digit,
    Hex,
    Word,
}

impl LeadSet {
    const fn bytes(self) -> ByteSet {
        match self {
            Self::Digit => ByteSet::empty().range(b'0', b'9'),
            Self::Hex => ByteSet::empty().range(b'0', b'9').range(b'a', b'f'),
            Self::Word => ByteSet::alphanumeric().all(b"-_~."),
        }
    }
}

/// What may stand between a name and its value: the rest of the name, quotes, a sign of assignment or
/// a space.
const GAP: &str = r#"[A-Za-z0-9_.-]{0,24}(?:\\?["'`])?[\])]?[ \t]{0,3}(?:=>|:=|==|[:=>,(]|[ \t]is:?[ \t]|[ \t])[ \t]{0,3}\\?["'`]?"#;

impl RuleText {
    /// What is known of it.
    pub(crate) fn rule(&self, personal: bool, action: Action) -> Rule {
        let family = if personal {
            Family::Personal
        } else {
            Family::Secret
        };
        let specificity = match (self.generic, &self.value, self.check) {
            (true, ..) => GENERIC,
            (false, Some(_), _) => NAMED,
            (false, None, Some(_)) => CHECKED,
            (false, None, None) => SHAPE,
        };
        Rule {
            id: self.id.clone(),
            kind: self.kind.clone(),
            family,
            action,
            specificity,
        }
    }

    /// What finds it.
    pub(crate) fn gated(&self, personal: bool, rule: usize) -> Result<Gated, PatternError> {
        let tests = Tests {
            entropy: self.entropy,
            check: self.check,
            no_samples: !personal && self.check != Some(Check::Password),
            word: !self.inside,
        };
        let pattern = match (&self.pattern, &self.value) {
            (Some(pattern), _) => Pattern::compile(pattern, tests)?,
            (None, value) => {
                // The first that fits is taken: the longest has to come first.
                let mut names: Vec<_> = self.keywords.iter().map(|it| escape(it)).collect();
                names.sort_by_key(|name| std::cmp::Reverse(name.len()));
                let head = format!("(?i:{}){GAP}", names.join("|"));
                Pattern::named(&head, value.as_deref().unwrap_or_default(), tests)?
            }
        };
        Ok(Gated {
            rule,
            keywords: self.keywords.clone(),
            lead: self.lead.map(|(set, most)| Lead {
                set: set.bytes(),
                most,
            }),
            pattern,
        })
    }
}
