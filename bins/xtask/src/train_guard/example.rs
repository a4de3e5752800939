//! Texts as the learner sees them.

use std::ops::Range;

use ztag_ai_security::model::features::{self, Sink};
use ztag_ai_security::model::reading::Reader;
use ztag_ai_security::model::segments;

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
            reader.read(&sample.text, sample.channel, |text, rules| {
                let windows = all.windows(text, segments(sample.channel));
                let rules = rules.to_vec();
                views.push(View { windows, rules });
            });
            all.examples.push(Example { views });
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

    fn windows(&mut self, text: &str, width: usize) -> Vec<Window> {
        let from = self.grams.len();
        let mut ends = Ends {
            grams: &mut self.grams,
            ends: vec![from],
        };
        features::read(text, &mut ends);
        let ends = ends.ends;
        let whole = from..self.grams.len();
        let windows = ends.windows(width + 1).filter_map(|window| {
            let (start, end) = (window.first()?, window.last()?);
            Some(*start..*end)
        });
        let windows: Vec<Window> = windows.collect();
        if windows.is_empty() {
            vec![whole]
        } else {
            windows
        }
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
