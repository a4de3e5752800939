//! Calibration: from margins on texts that were not learnt from to probabilities and thresholds.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "fitted in double precision, kept in single"
)]

use std::cmp::Ordering;

use ztag_ai_security::measure::threshold;
use ztag_ai_security::model::calibration::Calibration;
use ztag_ai_security::{Bands, Channel};

/// Newton steps; five would do.
const STEPS: usize = 30;

/// Keeps the fit of few texts from running away.
const RIDGE: f64 = 1e-3;

/// The least probability at which a text is marked, whatever the harmless texts at hand look like.
const LEAST_MARK: f32 = 0.02;

/// Shares of harmless texts that may be marked and blocked.
const MARKED: f64 = 0.03;
const BLOCKED: f64 = 0.005;

/// Texts of others that are enough to fit a channel by, attacks and harmless ones each; where there
/// are fewer, the project's own cases count, of which more may be above: half of them resemble an
/// attack.
const ENOUGH: usize = 500;

/// How many times as many of our own cases may be blocked, and marked.
const OWN_BLOCKED: f64 = 2.0;
const OWN_MARKED: f64 = 3.0;

/// What may be marked where only others write: a mark costs little there, and a missed order much.
const MARKED_THERE: f64 = 0.05;

/// A margin on a text that was not learnt from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) channel: Channel,
    pub(super) is_attack: bool,
    /// Whether the text is one of the project's own cases.
    pub(super) is_own: bool,
    pub(super) margin: f32,
    pub(super) windows: u32,
    /// What rules and hidden characters weigh, which raises the score whatever the margin is.
    pub(super) weight: f32,
}

/// Fits every channel. A score means the same in each: so many false alarms; what would block one in
/// two hundred harmless texts of any channel has the score that does so where people write.
pub(super) fn calibrate(outcomes: &[Outcome]) -> [Calibration; Channel::ALL.len()] {
    let level = Fit::of(outcomes, Channel::User).block_odds();
    Channel::ALL.map(|channel| {
        let mut fit = Fit::of(outcomes, channel);
        let off = level - fit.block_odds();
        if off.is_finite() {
            fit.curve.offset += off;
        }
        fit.banded()
    })
}

/// A channel's texts and the curve through them.
struct Fit {
    channel: Channel,
    curve: Calibration,
    /// Harmless texts of others, and of our own.
    others: Vec<Outcome>,
    own: Vec<Outcome>,
}

impl Fit {
    fn of(outcomes: &[Outcome], channel: Channel) -> Self {
        let alike = outcomes.iter().copied();
        let alike = alike.filter(|outcome| outcome.channel == like(channel));
        let (own, others): (Vec<_>, Vec<_>) = alike.partition(|outcome| outcome.is_own);
        let harmless = |side: &[Outcome]| {
            let side = side.iter().copied();
            side.filter(|outcome| !outcome.is_attack)
                .collect::<Vec<_>>()
        };
        let of_others = harmless(&others);
        let is_enough = of_others.len() >= ENOUGH && others.len() - of_others.len() >= ENOUGH;
        let of_own = harmless(&own);
        let fitted = if is_enough {
            curve(&others)
        } else {
            curve(&[others, own].concat())
        };
        Self {
            channel,
            curve: fitted,
            others: of_others,
            own: of_own,
        }
    }

    /// Whether thresholds are those of our own cases.
    fn is_ours(&self) -> bool {
        self.others.len() < ENOUGH
    }

    /// The log-odds from which on texts are blocked.
    fn block_odds(&self) -> f32 {
        let odds = |outcome: &Outcome| self.curve.odds(outcome.margin, outcome.windows);
        let (texts, rate) = if self.is_ours() {
            (&self.own, OWN_BLOCKED * BLOCKED)
        } else {
            (&self.others, BLOCKED)
        };
        threshold(&texts.iter().map(odds).collect::<Vec<_>>(), rate)
    }

    /// The curve, with thresholds.
    fn banded(self) -> Calibration {
        let scores = |texts: &[Outcome]| {
            let score = |text: &Outcome| self.curve.probability(text.margin, text.windows);
            texts.iter().map(score).collect::<Vec<_>>()
        };
        let marked = if self.channel.is_third_party() {
            MARKED_THERE
        } else {
            MARKED
        };
        let (others, own) = (scores(&self.others), scores(&self.own));
        let (block, mark) = if self.is_ours() {
            let block = threshold(&own, OWN_BLOCKED * BLOCKED);
            (block, threshold(&own, OWN_MARKED * marked))
        } else {
            (threshold(&others, BLOCKED), threshold(&others, marked))
        };
        let block = block.min(1.0);
        let mark = mark.max(LEAST_MARK).min(block);
        Calibration {
            bands: Bands { mark, block },
            ..self.curve
        }
    }
}

/// The channel whose texts stand for those of `channel`: there are none of what models answer.
const fn like(channel: Channel) -> Channel {
    match channel {
        Channel::System | Channel::Output => Channel::User,
        other => other,
    }
}

/// Platt's fit: log-odds as slope times margin plus offset less a fall with length, both classes
/// counting the same together.
fn curve(outcomes: &[Outcome]) -> Calibration {
    let attacks = outcomes.iter().filter(|outcome| outcome.is_attack).count() as f64;
    let benign = outcomes.len() as f64 - attacks;
    let mut fit = [0.0; 3];
    for _ in 0..STEPS {
        let mut gradient = fit.map(|weight| RIDGE * weight);
        let mut curvature = [[RIDGE, 0.0, 0.0], [0.0, RIDGE, 0.0], [0.0, 0.0, RIDGE]];
        for outcome in outcomes {
            let of = if outcome.is_attack { attacks } else { benign };
            let input = inputs(outcome);
            let expected = 1.0 / (1.0 + (-dot(&fit, &input)).exp());
            let error = (expected - f64::from(u8::from(outcome.is_attack))) / of;
            let bend = expected * (1.0 - expected) / of;
            for ((sum, row), one) in gradient.iter_mut().zip(&mut curvature).zip(input) {
                *sum += error * one;
                for (cell, other) in row.iter_mut().zip(input) {
                    *cell += bend * one * other;
                }
            }
        }
        let Some(step) = solve(curvature, gradient) else {
            break;
        };
        for (weight, step) in fit.iter_mut().zip(step) {
            *weight -= step;
        }
    }
    let [slope, offset, length] = fit;
    Calibration {
        slope: slope.max(RIDGE) as f32,
        offset: offset as f32,
        per_doubling: (-length).max(0.0) as f32,
        ..Calibration::default()
    }
}

fn inputs(outcome: &Outcome) -> [f64; 3] {
    let doublings = f64::from(outcome.windows.max(1)).log2();
    [f64::from(outcome.margin), 1.0, doublings]
}

fn dot(one: &[f64; 3], other: &[f64; 3]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// Solves three linear equations by elimination; `None` where there is no one solution.
fn solve(mut rows: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let mut right = right;
    for column in 0..3 {
        let size = |row: &usize| {
            rows.get(*row)
                .and_then(|row| row.get(column))
                .map_or(0.0, |cell| cell.abs())
        };
        let pivot = (column..3).max_by(|one, other| size(one).total_cmp(&size(other)))?;
        rows.swap(column, pivot);
        right.swap(column, pivot);
        let (row, value) = (*rows.get(column)?, *right.get(column)?);
        let lead = *row.get(column)?;
        if lead.abs().partial_cmp(&1e-12) != Some(Ordering::Greater) {
            return None;
        }
        for other in (0..3).filter(|other| *other != column) {
            let factor = *rows.get(other)?.get(column)? / lead;
            for (cell, from) in rows.get_mut(other)?.iter_mut().zip(row) {
                *cell -= factor * from;
            }
            *right.get_mut(other)? -= factor * value;
        }
    }
    let mut solution = right;
    for (index, (value, row)) in solution.iter_mut().zip(rows).enumerate() {
        *value /= *row.get(index)?;
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved() {
        let rows = [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 4.0]];
        assert_eq!(solve(rows, [2.0, 3.0, 8.0]), Some([1.0, 1.0, 2.0]));
        assert_eq!(solve([[0.0; 3]; 3], [1.0; 3]), None);
    }

    #[test]
    fn higher_margins_are_likelier_and_blocking_stricter() {
        let outcomes = (0..400u16)
            .map(|at| Outcome {
                channel: Channel::User,
                is_attack: at % 2 == 0,
                is_own: false,
                margin: f32::from(at % 20) / 10.0 + if at % 2 == 0 { 0.5 } else { -0.5 },
                windows: 1,
                weight: 0.0,
            })
            .collect::<Vec<_>>();
        let [user, ..] = calibrate(&outcomes);
        assert!(user.slope > 0.0 && user.per_doubling >= 0.0);
        assert!(user.bands.mark <= user.bands.block);
        assert!(user.probability(3.0, 1) > user.probability(-1.0, 1));
    }
}
