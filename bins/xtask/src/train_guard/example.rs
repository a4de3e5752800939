//! Texts as the learner sees them.

use std::ops::Range;

use ztag_ai_security::model::features::{self, Sink};
use ztag_ai_security::model::reading::{Reader, Shown};
use ztag_ai_security::model::{table, widths};

use super::corpus::Sample;

/// All examples, their features in one place.
#[derive(Debug, Default)]
pub(super) struct Examples {
    grams: Vec<u32>,
    examples: Vec<Example>,
}

/// One text: each way to read it.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) views: Vec<View>,
    /// The table of weights that reads it.
    pub(super) table: usize,
    /// What rules and hidden characters weigh together.
    pub(super) weight: f32,
}

/// One way to read a text.
#[derive(Debug)]
pub(super) struct View {
    /// Each window of it, by its features.
    pub(super) windows: Vec<Window>,
    /// The rules that it hits, by their index.
    pub(super) rules: Vec<u16>,
}

/// A window, by where its features are kept.
pub(super) type Window = Range<usize>;

impl Examples {
    /// Reads every sample as the guard would.
    pub(super) fn of(samples: &[Sample], reader: &mut Reader) -> Self {
        let mut all = Self::default();
        for sample in samples {
            let mut views = Vec::new();
            let weight = reader.read(&sample.text, sample.channel, |shown| {
                let windows = all.windows(shown, widths(sample.channel));
                let rules = shown.rules.to_vec();
                views.push(View { windows, rules });
            });
            let table = table(sample.channel);
            all.examples.push(Example {
                views,
                table,
                weight,
            });
        }
        all
    }

    /// In the order of the samples.
    pub(super) fn all(&self) -> &[Example] {
        &self.examples
    }

    /// The places of the features of `window`.
    pub(super) fn grams(&self, window: &Window) -> &[u32] {
        self.grams.get(window.clone()).unwrap_or_default()
    }

    /// The windows of `widths` segments; a text shorter than the longest of them is one, too.
    fn windows(&mut self, shown: &Shown<'_>, widths: &[usize]) -> Vec<Window> {
        let from = self.grams.len();
        let mut ends = Ends {
            grams: &mut self.grams,
            ends: vec![from],
        };
        features::read(shown.text, shown.touches, &mut ends);
        let ends = ends.ends;
        let whole = from..self.grams.len();
        let mut windows: Vec<Window> = Vec::new();
        for width in widths {
            windows.extend(ends.windows(width + 1).filter_map(|window| {
                let (start, end) = (window.first()?, window.last()?);
                Some(*start..*end)
            }));
        }
        let is_short = widths.iter().any(|width| *width >= ends.len());
        if windows.is_empty() || (is_short && !windows.contains(&whole)) {
            windows.push(whole);
        }
        windows
    }
}

struct Ends<'g> {
    grams: &'g mut Vec<u32>,
    ends: Vec<usize>,
}

impl Sink for Ends<'_> {
    fn gram(&mut self, place: usize, _: Range<usize>) {
        self.grams.push(u32::try_from(place).unwrap_or(0));
    }

    fn segment(&mut self, _: usize) {
        self.ends.push(self.grams.len());
    }
}
