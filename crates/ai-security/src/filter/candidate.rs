//! What finders find, before it is decided which of them count.

use std::ops::Range;

use super::latch::Latch;

/// A secret longer than this is hidden without being kept, and streams do not wait for its end.
pub(crate) const LONG: usize = 8 * 1024;

/// The part of a text that finders look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    /// The bytes; what lies before `from` is context.
    pub(crate) bytes: &'a [u8],
    /// Where candidates may begin.
    pub(crate) from: usize,
    /// Whether nothing follows. If more may come, finders hold what they cannot decide yet.
    pub(crate) complete: bool,
}

impl<'a> Window<'a> {
    /// All of a text.
    pub(crate) const fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            from: 0,
            complete: true,
        }
    }
}

/// Something that may be a match.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Where the finder began to read; nothing from here on is released before it is decided.
    pub(crate) anchor: usize,
    /// What it covers.
    pub(crate) span: Range<usize>,
    /// The part to hide, inside `span`.
    pub(crate) secret: Range<usize>,
    /// Its rule, as a place in the list of rules.
    pub(crate) rule: usize,
    /// How to find its end, if it is long and the end has not come yet. `secret` then ends where
    /// the bytes do.
    pub(crate) latch: Option<Latch>,
}

impl Candidate {
    /// Something that is hidden whole.
    pub(crate) fn whole(rule: usize, span: Range<usize>) -> Self {
        Self {
            anchor: span.start,
            secret: span.clone(),
            span,
            rule,
            latch: None,
        }
    }

    /// Whether it is hidden without being kept.
    pub(crate) fn is_long(&self) -> bool {
        self.latch.is_some() || self.secret.len() > LONG
    }
}

/// What finders report.
#[derive(Debug)]
pub(crate) struct Found {
    candidates: Vec<Candidate>,
    from: usize,
    open: usize,
}

impl Found {
    /// Nothing yet in `window`.
    pub(crate) const fn new(window: &Window<'_>) -> Self {
        Self {
            candidates: Vec::new(),
            from: window.from,
            open: window.bytes.len(),
        }
    }

    /// Reports `candidate`, unless it begins in the context.
    pub(crate) fn push(&mut self, candidate: Candidate) {
        if candidate.anchor >= self.from {
            self.candidates.push(candidate);
        }
    }

    /// Says that something may begin at `at` which cannot be decided yet.
    pub(crate) fn hold(&mut self, at: usize) {
        self.open = self.open.min(at.max(self.from));
    }

    /// Where the first undecided candidate may begin; the end of the text if there is none.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Whether nothing was found.
    pub(crate) const fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The candidates by where they begin.
    pub(crate) fn into_sorted(self) -> Vec<Candidate> {
        let mut candidates = self.candidates;
        candidates.sort_by_key(|c| (c.anchor, c.secret.start, c.secret.end, c.rule));
        candidates
    }
}

/// Looks for one sort of content.
///
/// INVARIANT: whether a candidate exists depends only on the bytes from [`CONTEXT`] before its
/// anchor to its end and one byte more, never on where `window.from` or the end of the window lies:
/// what cannot be told yet is held. This is what makes a stream equal to its whole text.
pub(crate) trait Finder: Send + Sync + std::fmt::Debug {
    /// Reports what begins at or behind `window.from`.
    fn find(&self, window: &Window<'_>, found: &mut Found);
}

/// How far before its anchor a finder may look, in bytes.
pub(crate) const CONTEXT: usize = 96;
