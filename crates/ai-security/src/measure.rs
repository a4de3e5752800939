//! How well scores tell attacks from other texts: what the trainer and `ztag scan --eval` print.

/// The area under the curve of recall over false positives: how likely an attack scores above another
/// text. Ties count half. `None` where one side is empty.
pub fn auc(attacks: &[f32], benign: &[f32]) -> Option<f64> {
    if attacks.is_empty() || benign.is_empty() {
        return None;
    }
    let mut benign = benign.to_vec();
    benign.sort_by(f32::total_cmp);
    let beaten = |attack: &f32| {
        let below = benign.partition_point(|other| other < attack);
        let up_to = benign.partition_point(|other| other <= attack);
        count(below) + (count(up_to) - count(below)) / 2.0
    };
    let sum: f64 = attacks.iter().map(beaten).sum();
    Some(sum / (count(attacks.len()) * count(benign.len())))
}

/// The lowest threshold at which at most `rate` (0 to 1) of the `benign` scores are at or above it.
/// Above every score where not even one may be.
pub fn threshold(benign: &[f32], rate: f64) -> f32 {
    let mut falling = benign.to_vec();
    falling.sort_by(|one, other| other.total_cmp(one));
    let mut lowest = f32::INFINITY;
    for (at, score) in falling.iter().enumerate() {
        let through = falling.get(at + 1..).unwrap_or_default();
        if through.first() == Some(score) {
            continue;
        }
        if count(at + 1) > rate * count(falling.len()) {
            break;
        }
        lowest = *score;
    }
    // Just above the first benign score that is to stay below.
    let next = falling.iter().copied().find(|score| *score < lowest);
    next.map_or(lowest, f32::next_up)
}

/// A share of a number of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many it is true of.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    /// Of `scores`, those at or above `threshold`.
    pub fn from(threshold: f32, scores: &[f32]) -> Self {
        Self {
            hits: scores.iter().filter(|score| **score >= threshold).count(),
            of: scores.len(),
        }
    }

    /// As a number from 0 to 1; 0 of nothing.
    pub fn rate(self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            count(self.hits) / count(self.of)
        }
    }

    /// Where the true rate lies with a confidence of 95 %: Wilson's score interval, which holds for
    /// few texts and for rates near 0 and 1, too.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (count(self.of), self.rate());
        let middle = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        let low = ((middle - spread) / scale).max(0.0);
        (low, ((middle + spread) / scale).min(1.0))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody measures with 2 to the power of 53 texts"
)]
const fn count(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas() {
        let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-9;
        assert!(close(auc(&[0.9, 0.8], &[0.1, 0.2]), 1.0));
        assert!(close(auc(&[0.1], &[0.9]), 0.0));
        assert!(close(auc(&[0.5, 0.5], &[0.5]), 0.5));
        assert!(close(auc(&[0.9, 0.1], &[0.5]), 0.5));
        assert_eq!(auc(&[], &[0.5]), None);
    }

    #[test]
    fn thresholds_keep_their_promise() {
        let benign: Vec<f32> = (0..1000u16).map(|at| f32::from(at) / 1000.0).collect();
        for (rate, hits) in [(0.0, 0), (0.001, 1), (0.005, 5), (0.01, 10), (1.0, 1000)] {
            let threshold = threshold(&benign, rate);
            assert_eq!(Share::from(threshold, &benign).hits, hits, "{rate}");
        }
        // Ties stay below together.
        let tied = [0.9, 0.9, 0.1, 0.1];
        assert_eq!(Share::from(threshold(&tied, 0.25), &tied).hits, 0);
        assert_eq!(Share::from(threshold(&tied, 0.5), &tied).hits, 2);
        assert!(threshold(&[], 0.5).is_infinite());
    }

    #[test]
    fn intervals_hold_the_rate_and_narrow() {
        for share in [
            Share { hits: 0, of: 9 },
            Share { hits: 9, of: 9 },
            Share { hits: 30, of: 100 },
        ] {
            let (low, high) = share.interval();
            assert!(low <= share.rate() && share.rate() <= high && low >= 0.0 && high <= 1.0);
        }
        let width = |share: Share| share.interval().1 - share.interval().0;
        let few = Share { hits: 3, of: 10 };
        let many = Share {
            hits: 3000,
            of: 10_000,
        };
        assert!(width(many) < width(few) / 10.0);
    }
}
