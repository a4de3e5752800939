//! Texts as the guard reads them, for those who train its model.

use std::sync::Arc;

use crate::Channel;
use crate::rules::{RuleBook, Touch};
use crate::sweep::{Reading, Sweep};
use crate::view::ViewLimits;
use crate::weight::{Packs, concealed};

/// Reads texts one after the other: the text itself and its views, folded, with the rules that each
/// hits.
#[derive(Debug)]
pub struct Reader {
    book: Arc<RuleBook>,
    sweep: Sweep,
    hits: Vec<u16>,
}

/// One way to read a text: as it stands, or a view of it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What it says, folded.
    pub text: &'a str,
    /// The rules that it hits, by the numbers of [`Reader::rules`].
    pub rules: &'a [u16],
    /// The themes that it touches.
    pub touches: &'a [Touch],
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

    /// Ids of the rules, in the order of the numbers of [`Shown::rules`].
    pub fn rules(&self) -> Vec<String> {
        let rules = self.book.rules().iter();
        rules.map(|rule| rule.id.to_string()).collect()
    }

    /// Shows each way to read `text`. The weight of its rules and of what is hidden in it, as the guard
    /// adds them up (see [`Bands::lift`](crate::Bands::lift)).
    pub fn read(&mut self, text: &str, channel: Channel, mut show: impl FnMut(&Shown<'_>)) -> f32 {
        let reading = Reading {
            book: &self.book,
            channel,
            limits: ViewLimits::default(),
        };
        let (hits, rules) = (&mut self.hits, self.book.rules());
        let mut weight = 0.0_f32;
        let blank_nothing = |_: &mut _| ();
        self.sweep.read(text, &reading, blank_nothing, |seen| {
            hits.clear();
            hits.extend(seen.hits.iter().map(|hit| hit.rule));
            let mut packs = Packs::default();
            for rule in hits.iter().filter_map(|hit| rules.get(usize::from(*hit))) {
                packs.add(rule, channel);
            }
            weight = weight.max(packs.weight());
            show(&Shown {
                text: seen.folded.text(),
                rules: hits,
                touches: seen.touches,
            });
        });
        let concealed = concealed(self.sweep.folded().hidden());
        concealed.fold(weight, |weight, hidden| weight.max(hidden.weight))
    }
}
