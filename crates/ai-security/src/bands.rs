//! The three bands of a score.

use serde::Serialize;

use crate::Verdict;

/// Weight of rules from which on a text is marked whatever the model says of it.
const MARKING_WEIGHT: f32 = 0.75;
/// The same for blocking.
const BLOCKING_WEIGHT: f32 = 0.9;

/// Scores below `mark` are allowed, those from `block` on are blocked, those between are marked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bands {
    /// Lowest score that is marked, 0 to 1.
    pub mark: f32,
    /// Lowest score that is blocked, at least `mark`. Above 1: nothing is.
    pub block: f32,
}

impl Bands {
    /// The score, 0 to 1, that rules of this `weight` are worth: they speak of bands, wherever these
    /// are. From 0.75 on a text is marked, from 0.9 on blocked.
    pub fn lift(self, weight: f32) -> f32 {
        let (mark, block) = (self.mark.min(1.0), self.block.min(1.0));
        let between = |from: f32, to: f32, low: f32, high: f32| {
            low + (weight - from) / (to - from) * (high - low)
        };
        let lifted = if weight < MARKING_WEIGHT {
            between(0.0, MARKING_WEIGHT, 0.0, mark)
        } else if weight < BLOCKING_WEIGHT {
            between(MARKING_WEIGHT, BLOCKING_WEIGHT, mark, block)
        } else {
            between(BLOCKING_WEIGHT, 1.0, block, 1.0)
        };
        lifted.clamp(0.0, 1.0)
    }

    /// The band of `score`. What is not a number is blocked.
    pub fn verdict(self, score: f32) -> Verdict {
        if score < self.mark {
            Verdict::Allow
        } else if score < self.block {
            Verdict::Mark
        } else {
            Verdict::Block
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_rules_reach_the_band_they_are_meant_for() {
        let bands = Bands {
            mark: 0.2,
            block: 0.4,
        };
        for (weight, verdict) in [
            (0.0, Verdict::Allow),
            (0.74, Verdict::Allow),
            (0.76, Verdict::Mark),
            (0.89, Verdict::Mark),
            (0.91, Verdict::Block),
            (1.0, Verdict::Block),
        ] {
            assert_eq!(bands.verdict(bands.lift(weight)), verdict, "{weight}");
        }
    }

    #[test]
    fn borders_belong_to_the_stricter_band_and_nonsense_is_blocked() {
        let bands = Bands {
            mark: 0.5,
            block: 0.9,
        };
        for (score, verdict) in [
            (0.0, Verdict::Allow),
            (0.499, Verdict::Allow),
            (0.5, Verdict::Mark),
            (0.899, Verdict::Mark),
            (0.9, Verdict::Block),
            (f32::NAN, Verdict::Block),
        ] {
            assert_eq!(bands.verdict(score), verdict, "{score}");
        }
    }
}
