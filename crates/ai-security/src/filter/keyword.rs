//! Patterns gated by keywords: one automaton reads the text once, patterns are tried where a keyword
//! of theirs stands.

use ahash::AHashSet;
use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

use super::bytes::ByteSet;
use super::candidate::{CONTEXT, Candidate, Finder, Found, Window};
use super::pattern::{Pattern, Tried};

/// Longest keyword, in bytes.
pub(crate) const LONGEST_KEYWORD: usize = 40;

/// A pattern and what makes it be tried.
#[derive(Debug)]
pub(crate) struct Gated {
    /// Place of the rule.
    pub(crate) rule: usize,
    /// Literals, letter case ignored, with which matches begin behind their lead.
    pub(crate) keywords: Vec<String>,
    /// What stands before the keyword.
    pub(crate) lead: Option<Lead>,
    /// What is tried.
    pub(crate) pattern: Pattern,
}

/// Bytes of a match before its keyword.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    /// Which bytes.
    pub(crate) set: ByteSet,
    /// At most so many; the pattern says how many it needs.
    pub(crate) most: usize,
}

/// Finds what patterns say.
#[derive(Debug)]
pub(crate) struct Keywords {
    automaton: AhoCorasick,
    /// Which patterns each keyword of the automaton is for.
    uses: Vec<Vec<usize>>,
    patterns: Vec<Gated>,
    /// Places of patterns with leads.
    led: Vec<usize>,
    /// Pairs of letters that keywords begin with, in lower case.
    pairs: AHashSet<[u8; 2]>,
    /// Keywords in lower case, sorted, to tell whether a text ends inside one.
    sorted: Vec<Vec<u8>>,
    longest: usize,
}

impl Keywords {
    /// Of `patterns`, whose keywords are neither empty nor longer than [`LONGEST_KEYWORD`], and
    /// whose leads are shorter than [`CONTEXT`].
    pub(crate) fn new(patterns: Vec<Gated>) -> Result<Self, BuildError> {
        let mut uses: std::collections::BTreeMap<Vec<u8>, Vec<usize>> =
            std::collections::BTreeMap::new();
        for (index, gated) in patterns.iter().enumerate() {
            for keyword in &gated.keywords {
                let lower = keyword.to_ascii_lowercase().into_bytes();
                uses.entry(lower).or_default().push(index);
            }
        }
        let (sorted, uses): (Vec<_>, Vec<_>) = uses.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&sorted)?;
        Ok(Self {
            automaton,
            uses,
            led: (0..patterns.len())
                .filter(|index| patterns.get(*index).is_some_and(|it| it.lead.is_some()))
                .collect(),
            patterns,
            pairs: sorted
                .iter()
                .filter_map(|word| word.first_chunk().copied())
                .collect(),
            longest: sorted.iter().map(Vec::len).max().unwrap_or(0),
            sorted,
        })
    }

    fn attempt(gated: &Gated, window: &Window<'_>, keyword: usize, found: &mut Found) {
        let lead = gated
            .lead
            .map_or(0, |lead| lead.back(window.bytes, keyword));
        let anchor = keyword - lead;
        if anchor < window.from {
            return;
        }
        match gated.pattern.attempt(window.bytes, anchor, window.complete) {
            Tried::No => {}
            Tried::Later => found.hold(anchor),
            Tried::Yes(span, secret) => found.push(Candidate {
                anchor,
                span,
                secret,
                rule: gated.rule,
                latch: None,
            }),
        }
    }

    /// Holds what may be the beginning of a keyword at the end, and its lead.
    fn hold_tail(&self, bytes: &[u8], found: &mut Found) {
        let earliest = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        let begins = |at: &usize| self.begins_keyword(bytes.get(*at..).unwrap_or_default());
        if let Some(at) = (earliest..bytes.len()).find(begins) {
            found.hold(at);
        }
        for gated in self
            .led
            .iter()
            .filter_map(|index| self.patterns.get(*index))
        {
            for keyword in &gated.keywords {
                let shortest = bytes.len().saturating_sub(keyword.len());
                for at in shortest..=bytes.len() {
                    let tail = bytes.get(at..).unwrap_or_default();
                    let head = keyword.as_bytes().get(..tail.len()).unwrap_or_default();
                    let lead = gated.lead.map_or(0, |lead| lead.back(bytes, at));
                    if head.eq_ignore_ascii_case(tail) && lead > 0 {
                        found.hold(at - lead);
                    }
                }
            }
        }
    }

    fn begins_keyword(&self, tail: &[u8]) -> bool {
        if let Some([first, second]) = tail.first_chunk()
            && !self
                .pairs
                .contains(&[first.to_ascii_lowercase(), second.to_ascii_lowercase()])
        {
            return false;
        }
        let mut lower = [0_u8; LONGEST_KEYWORD];
        let Some(lower) = lower.get_mut(..tail.len()) else {
            return false;
        };
        lower.copy_from_slice(tail);
        lower.make_ascii_lowercase();
        let lower = &*lower;
        let place = self
            .sorted
            .partition_point(|keyword| keyword.as_slice() < lower);
        self.sorted
            .get(place)
            .is_some_and(|keyword| keyword.starts_with(lower))
    }
}

impl Lead {
    /// How many bytes before `at` belong to it.
    fn back(self, bytes: &[u8], at: usize) -> usize {
        let from = at.saturating_sub(self.most.min(CONTEXT));
        self.set.run_back(bytes.get(from..at).unwrap_or_default())
    }
}

impl Finder for Keywords {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        let start = window.from;
        let Some(bytes) = window.bytes.get(start..) else {
            return;
        };
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let Some(uses) = self.uses.get(hit.pattern().as_usize()) else {
                continue;
            };
            for gated in uses.iter().filter_map(|index| self.patterns.get(*index)) {
                Self::attempt(gated, window, start + hit.start(), found);
            }
        }
        if !window.complete {
            self.hold_tail(window.bytes, found);
        }
    }
}
