//! The three bands of a score.

use serde::Serialize;

use crate::Verdict;

/// Scores below `mark` are allowed, those from `block` on are blocked, those between are marked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bands {
    /// Lowest score that is marked, 0 to 1.
    pub mark: f32,
    /// Lowest score that is blocked, at least `mark`. Above 1: nothing is.
    pub block: f32,
}

impl Bands {
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
