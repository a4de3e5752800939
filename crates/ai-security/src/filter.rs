//! Secrets and personal data in text: found, named, masked.
//!
//! Rules are data (`rules/filter/*.toml`) or small readers of one shape each. Keywords gate patterns, checksums and
//! measures confirm them, what overlaps is decided by what says more. All of it is decided by a bounded
//! neighbourhood, so that [`StreamGuard`](crate::stream::StreamGuard) says the same of a stream as
//! [`Filter::mask`] of the whole text.

mod address;
pub(crate) mod bytes;
pub(crate) mod candidate;
mod card;
mod check;
mod compile;
mod context;
mod iban;
mod jwt;
mod key;
mod keyword;
pub(crate) mod latch;
mod login;
mod mail;
mod numbers;
mod pack;
mod pattern;
mod people;
mod person;
mod phone;
mod placeholder;
mod resolve;
pub(crate) mod restoring;
pub(crate) mod rule;
pub mod spec;
#[cfg(test)]
mod tests;
mod vault;
mod words;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use ahash::AHashSet;
use ztag_types::SmolStr;

use crate::output::SystemText;
use candidate::{Candidate, Finder, Found, Window};
use latch::Latch;
use resolve::{Resolver, Step};
use rule::Rule;

pub(crate) use pattern::{Pattern, Tests};
pub use rule::Family;
pub use spec::{Action, FilterSpec};
pub use vault::Vault;

/// Finds secrets and personal data. Compiled once, shared by everybody.
#[derive(Debug)]
pub struct Filter {
    rules: Vec<Rule>,
    finders: Vec<Box<dyn Finder>>,
    allow: AHashSet<Box<[u8]>>,
    /// Rule of overlaps with the system text, if they are looked for.
    system: Option<usize>,
}

/// Something found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What it is, such as `EMAIL`.
    pub kind: SmolStr,
    /// Name of the rule that found it, such as `github.personal`.
    pub rule: SmolStr,
    /// Which sort of content it is.
    pub family: Family,
    /// What becomes of it.
    pub action: Action,
    /// What it covers, in bytes of the text.
    pub span: Range<usize>,
    /// The part that is hidden, inside `span`: of an address with a password in it only that.
    pub secret: Range<usize>,
}

/// A text that may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text holds `{kind}`, which is blocked")]
pub struct Blocked {
    /// What it holds.
    pub kind: SmolStr,
    /// Name of the rule that found it.
    pub rule: SmolStr,
}

/// What finders say of a window.
#[derive(Debug)]
pub(crate) struct Scan {
    /// What counts, in order.
    pub(crate) settled: Vec<Candidate>,
    /// Reads on behind the last of them, which has not ended.
    pub(crate) latch: Option<Latch>,
    /// Everything before is decided.
    pub(crate) ready: usize,
}

impl Filter {
    /// What is found in `text`, in the order of what is hidden. Allocates nothing if nothing is.
    pub fn find(&self, text: &str) -> Vec<Match> {
        self.find_beside(text, None)
    }

    /// The same, and what `text` repeats of `system`, if the configuration looks for that.
    pub fn find_beside(&self, text: &str, system: Option<&SystemText>) -> Vec<Match> {
        let scan = self.scan(&Window::whole(text.as_bytes()), system);
        let matches = scan.settled.into_iter().filter_map(|candidate| {
            let rule = self.rules.get(candidate.rule)?;
            Some(Match {
                kind: rule.kind.clone(),
                rule: rule.id.clone(),
                family: rule.family,
                action: rule.action,
                span: on_borders(text, candidate.span),
                secret: on_borders(text, candidate.secret),
            })
        });
        matches.collect()
    }

    /// `text` with a placeholder in the place of everything that is to be masked or blocked. Borrowed
    /// if there is nothing.
    pub fn mask<'t>(&self, text: &'t str, vault: &mut Vault) -> Cow<'t, str> {
        self.mask_beside(text, None, vault)
    }

    /// The same of a text that must not repeat `system`.
    pub(crate) fn mask_beside<'t>(
        &self,
        text: &'t str,
        system: Option<&SystemText>,
        vault: &mut Vault,
    ) -> Cow<'t, str> {
        let scan = self.scan(&Window::whole(text.as_bytes()), system);
        self.write(text, &scan.settled, vault)
    }

    /// The same, or what forbids the text to go on.
    pub fn apply<'t>(
        &self,
        text: &'t str,
        system: Option<&SystemText>,
        vault: &mut Vault,
    ) -> Result<Cow<'t, str>, Blocked> {
        let scan = self.scan(&Window::whole(text.as_bytes()), system);
        for candidate in &scan.settled {
            self.admit(candidate)?;
        }
        Ok(self.write(text, &scan.settled, vault))
    }

    /// Every kind that is looked for, sorted.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.rules.iter().map(|rule| rule.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Every kind with what becomes of it, sorted.
    pub(crate) fn actions(&self) -> BTreeSet<(Action, &str)> {
        let rules = self.rules.iter();
        rules
            .map(|rule| (rule.action, rule.kind.as_str()))
            .collect()
    }

    /// Whether anything that is found is masked.
    pub fn masks(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == Action::Mask)
    }

    /// Whether links are looked at.
    pub(crate) fn watches_links(&self) -> bool {
        self.rules.iter().any(|rule| rule.id == crate::output::LINK)
    }

    /// Whether repetitions of the system text are looked for.
    pub(crate) const fn knows_system(&self) -> bool {
        self.system.is_some()
    }

    /// Looks at `window` with every finder and decides what can be decided.
    pub(crate) fn scan(&self, window: &Window<'_>, system: Option<&SystemText>) -> Scan {
        let mut found = Found::new(window);
        for finder in &self.finders {
            finder.find(window, &mut found);
        }
        if let (Some(rule), Some(system)) = (self.system, system) {
            system.find(rule, window, &mut found);
        }
        let open = if window.complete {
            window.bytes.len()
        } else {
            found.open()
        };
        let mut scan = Scan {
            settled: Vec::new(),
            latch: None,
            ready: open,
        };
        if !found.is_empty() {
            self.resolve(window, found, open, &mut scan);
        }
        scan
    }

    fn resolve(&self, window: &Window<'_>, found: Found, open: usize, scan: &mut Scan) {
        let mut candidates = found.into_sorted();
        if !self.allow.is_empty() {
            let value = |c: &Candidate| window.bytes.get(c.secret.clone()).unwrap_or_default();
            candidates.retain(|c| c.is_long() || !self.allow.contains(value(c)));
        }
        let mut resolver = Resolver::new(candidates, window.from, &self.rules);
        loop {
            match resolver.step(open) {
                Step::Settled(chosen) => {
                    let ends = chosen.iter().map(|c| c.secret.end);
                    scan.ready = ends.fold(scan.ready, usize::max);
                    scan.settled.extend(chosen);
                }
                Step::Latched(chosen) => {
                    scan.latch = chosen.last().and_then(|last| last.latch);
                    scan.ready = window.bytes.len();
                    scan.settled.extend(chosen);
                    return;
                }
                Step::Waiting(at) => {
                    let done = scan.settled.last().map_or(window.from, |c| c.secret.end);
                    scan.ready = open.min(at).max(done);
                    return;
                }
                Step::Exhausted => return,
            }
        }
    }

    /// An error if `candidate` forbids its text to go on.
    pub(crate) fn admit(&self, candidate: &Candidate) -> Result<(), Blocked> {
        match self.rules.get(candidate.rule) {
            Some(rule) if rule.action != Action::Block => Ok(()),
            Some(rule) => Err(Blocked {
                kind: rule.kind.clone(),
                rule: rule.id.clone(),
            }),
            None => Err(Blocked {
                kind: SmolStr::new_static("UNKNOWN"),
                rule: SmolStr::default(),
            }),
        }
    }

    /// The rule of `candidate`.
    pub(crate) fn rule(&self, candidate: &Candidate) -> Option<&Rule> {
        self.rules.get(candidate.rule)
    }

    /// Whether `candidate` is only reported.
    pub(crate) fn passes(&self, candidate: &Candidate) -> bool {
        self.rule(candidate)
            .is_some_and(|rule| rule.action <= Action::Report)
    }

    /// Appends what takes the place of `candidate`, whose bytes are `value` if they are all there.
    pub(crate) fn cover(
        &self,
        candidate: &Candidate,
        value: Option<&[u8]>,
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) {
        match (self.rules.get(candidate.rule), value) {
            (Some(rule), Some(value)) if rule.action <= Action::Report => {
                out.extend_from_slice(value);
            }
            (Some(rule), value) => vault.cover(&rule.kind, value, out),
            (None, _) => {}
        }
    }

    fn write<'t>(&self, text: &'t str, settled: &[Candidate], vault: &mut Vault) -> Cow<'t, str> {
        if settled.iter().all(|candidate| self.passes(candidate)) {
            return Cow::Borrowed(text);
        }
        let bytes = text.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for candidate in settled {
            let secret = candidate.secret.clone();
            out.extend_from_slice(bytes.get(from..secret.start).unwrap_or_default());
            let value = bytes.get(secret.clone()).unwrap_or_default();
            self.cover(candidate, Some(value), vault, &mut out);
            from = secret.end;
        }
        out.extend_from_slice(bytes.get(from..).unwrap_or_default());
        let text = String::from_utf8(out);
        Cow::Owned(text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }
}

/// `span`, widened to whole characters.
fn on_borders(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end)
}
