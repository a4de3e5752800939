//! From margins to probabilities and verdicts.

use crate::Bands;

/// How the margins of a channel become probabilities: Platt's logistic curve, lowered for long texts,
/// in which the best of many windows stands out by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What a margin is multiplied with.
    pub slope: f32,
    /// What is added to it.
    pub offset: f32,
    /// What is taken off each time the number of windows doubles.
    pub per_doubling: f32,
    /// Where marking and blocking begin, as probabilities.
    pub bands: Bands,
}

impl Default for Calibration {
    /// Margins are log-odds already.
    fn default() -> Self {
        Self {
            slope: 1.0,
            offset: 0.0,
            per_doubling: 0.0,
            bands: Bands {
                mark: 0.5,
                block: 0.9,
            },
        }
    }
}

impl Calibration {
    /// The probability, 0 to 1, that a text with this margin and so many windows is an attack, if
    /// attacks are as frequent as other texts. Grows with the margin.
    pub fn probability(&self, margin: f32, windows: u32) -> f32 {
        1.0 / (1.0 + (-soften(self.odds(margin, windows))).exp())
    }

    /// The log-odds of that, before those beyond what is credible are softened.
    pub fn odds(&self, margin: f32, windows: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "the logarithm loses more")]
        let doublings = (windows.max(1) as f32).log2();
        self.slope * margin + self.offset - self.per_doubling * doublings
    }
}

/// Log-odds beyond which they are no longer believed.
const CREDIBLE: f32 = 3.0;

/// Lets log-odds beyond what is credible grow with their logarithm only. No fit knows a thousand to
/// one from a million to one; but the order among the surest is kept, where 1 less a tiny number
/// would be 1.
fn soften(odds: f32) -> f32 {
    let beyond = odds.abs() - CREDIBLE;
    if beyond <= 0.0 {
        return odds;
    }
    (CREDIBLE + beyond.ln_1p()).copysign(odds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_margin_and_falls_with_length() {
        let calibration = Calibration {
            slope: 2.0,
            offset: 1.0,
            per_doubling: 0.5,
            ..Calibration::default()
        };
        let at = |margin, windows| calibration.probability(margin, windows);
        assert!(at(-100.0, 1) > 0.0 && at(99.0, 1) < at(100.0, 1) && at(100.0, 1) < 1.0);
        assert!(at(0.0, 1) < at(0.1, 1));
        assert!(at(0.0, 2) < at(0.0, 1));
        assert!((at(0.0, 0) - at(0.0, 1)).abs() < f32::EPSILON);
        assert!((at(-0.5, 1) - 0.5).abs() < 1e-6);
    }
}
