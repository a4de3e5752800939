//! Texts as the guard reads them, for those who train its model.

use std::sync::Arc;

use crate::Channel;
use crate::rules::RuleBook;
use crate::sweep::{Reading, Sweep};
use crate::view::ViewLimits;

/// Reads texts one after the other: the text itself and its views, folded, with the rules that each
/// hits.
#[derive(Debug)]
pub struct Reader {
    book: Arc<RuleBook>,
    sweep: Sweep,
    hits: Vec<u16>,
}

/// The rules that come with the guard cannot be compiled.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the rules of the guard: {reason}")]
pub struct ReaderError {
    reason: String,
}

impl Reader {
    /// With the rules that come with the guard.
    ///
    /// # Errors
    /// When those of this build are broken.
    pub fn new() -> Result<Self, ReaderError> {
        let book = RuleBook::embedded().map_err(|error| ReaderError {
            reason: error.to_string(),
        })?;
        Ok(Self {
            book,
            sweep: Sweep::default(),
            hits: Vec::new(),
        })
    }

    /// Ids of the rules, in the order of the numbers that [`Reader::read`] shows.
    pub fn rules(&self) -> Vec<String> {
        let rules = self.book.rules().iter();
        rules.map(|rule| rule.id.to_string()).collect()
    }

    /// Shows `text` and every view of it, folded, and the rules that each hits.
    pub fn read(&mut self, text: &str, channel: Channel, mut show: impl FnMut(&str, &[u16])) {
        let reading = Reading {
            book: &self.book,
            channel,
            limits: ViewLimits::default(),
        };
        let hits = &mut self.hits;
        let blank_nothing = |_: &mut _| ();
        self.sweep.read(text, &reading, blank_nothing, |seen| {
            hits.clear();
            hits.extend(seen.hits.iter().map(|hit| hit.rule));
            show(seen.folded.text(), hits);
        });
    }
}
