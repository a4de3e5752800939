//! Why a window scored: its n-grams that weigh most.

use std::ops::Range;

use super::features::{CHAR_BITS, Sink, read};

/// Reasons given for a window.
const REASONS: usize = 5;

/// An n-gram that weighs in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// What it adds to the margin before damping, in steps of the weights' scale.
    pub weight: i8,
    /// Where it first stands, in bytes of the text read.
    pub span: Range<usize>,
}

/// The n-grams of `text` that weigh most for an attack, heaviest first: words, which people can read,
/// and parts of words only where no word weighs. Of those that overlap only the heaviest is named.
pub(super) fn heaviest(weights: &[i8], text: &str) -> Vec<Reason> {
    let words = heaviest_from(1 << CHAR_BITS, weights, text);
    if words.is_empty() {
        heaviest_from(0, weights, text)
    } else {
        words
    }
}

/// The same, of places from `first` on.
fn heaviest_from(first: usize, weights: &[i8], text: &str) -> Vec<Reason> {
    let mut top = Top {
        first,
        weights,
        reasons: Vec::with_capacity(REASONS + 1),
    };
    read(text, &[], &mut top);
    top.reasons
}

struct Top<'w> {
    first: usize,
    weights: &'w [i8],
    /// Heaviest first, none overlapping another.
    reasons: Vec<Reason>,
}

impl Sink for Top<'_> {
    fn gram(&mut self, place: usize, span: Range<usize>) {
        let weight = self.weights.get(place).copied().unwrap_or_default();
        let overlaps = |other: &Reason| other.span.start < span.end && span.start < other.span.end;
        let is_beaten = |other: &&Reason| overlaps(other) && other.weight >= weight;
        let lightest = self.reasons.get(REASONS - 1);
        let floor = lightest.map_or(0, |reason| reason.weight);
        if place < self.first || weight <= floor || self.reasons.iter().find(is_beaten).is_some() {
            return;
        }
        self.reasons.retain(|other| !overlaps(other));
        let heavier = |other: &Reason| other.weight >= weight;
        let at = self.reasons.partition_point(heavier);
        self.reasons.insert(at, Reason { weight, span });
        self.reasons.truncate(REASONS);
    }

    fn segment(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::super::features::PLACES;
    use super::*;

    #[test]
    fn the_heaviest_word_is_named_once() {
        struct Last(usize);
        impl Sink for Last {
            fn gram(&mut self, place: usize, _: Range<usize>) {
                self.0 = place;
            }
            fn segment(&mut self, _: usize) {}
        }
        // The last n-gram of a single word with a space before it is a skip-gram of the word.
        let mut last = Last(0);
        read("jailbreak", &[], &mut last);
        let mut weights = vec![0; PLACES];
        weights[last.0] = 90;
        let reasons = heaviest(&weights, "jailbreak");
        assert_eq!(
            reasons,
            [Reason {
                weight: 90,
                span: 0..9
            }]
        );
        assert_eq!(heaviest(&weights, "a calm sentence"), []);
    }

    #[test]
    fn reasons_are_few_and_apart() {
        let weights = vec![1; PLACES];
        let reasons = heaviest(&weights, &"many words in a row ".repeat(50));
        assert_eq!(reasons.len(), REASONS);
        for (index, one) in reasons.iter().enumerate() {
            for other in &reasons[index + 1..] {
                assert!(one.span.end <= other.span.start || other.span.end <= one.span.start);
            }
        }
    }
}
