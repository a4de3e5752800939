//! The texts that prove the rules: each rule file says what its rules must hit and must miss.

use super::book::{BookError, RuleBook};
use super::pack::embedded;
use super::scan::Scan;
use crate::channel::Channel;
use crate::measure::Share;
use crate::normalize::Normalized;

/// How the rules that come with the guard do on their own texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suite {
    /// Rules.
    pub rules: usize,
    /// Texts that a rule must hit, and how many it hits.
    pub hits: Share,
    /// Texts that a rule must not hit, and how many it hits.
    pub alarms: Share,
    /// What is not as it should be: the rule and the text.
    pub wrong: Vec<(String, String)>,
}

impl Suite {
    /// Runs every rule over its texts.
    ///
    /// # Errors
    /// When the rules of this build are broken.
    pub fn run() -> Result<Self, BookError> {
        let (_, packs) = embedded().map_err(|error| BookError::Pack(error.to_string()))?;
        let book = RuleBook::embedded()?;
        let mut scan = Scan::default();
        let mut suite = Self::default();
        for rule in packs.iter().flat_map(|pack| &pack.rule) {
            suite.rules += 1;
            let channel = rule.channels.first().copied().unwrap_or(Channel::User);
            let mut is_hit = |text: &str| {
                book.scan(Normalized::of(text).text(), channel, &mut scan);
                let mut hits = scan.hits().iter();
                hits.any(|hit| {
                    let found = book.rules().get(usize::from(hit.rule));
                    found.is_some_and(|found| found.id == rule.id)
                })
            };
            for (texts, wanted, share) in [
                (&rule.hits, true, &mut suite.hits),
                (&rule.misses, false, &mut suite.alarms),
            ] {
                for text in texts {
                    let hit = is_hit(text);
                    share.of += 1;
                    share.hits += usize::from(hit);
                    if hit != wanted {
                        suite.wrong.push((rule.id.clone(), text.clone()));
                    }
                }
            }
        }
        Ok(suite)
    }
}
