//! What a session adds up to: many suspicious texts in a row are worse than one.

use std::time::Duration;

use ztag_types::Timestamp;

use crate::bands::Bands;
use crate::inspection::{Inspection, Verdict};

/// How the score of a session grows and fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionPolicy {
    /// Time in which it falls to half.
    pub half_life: Duration,
    /// Sums from which on the session is marked and blocked. A text that is blocked adds 1.
    pub bands: Bands,
    /// Scores below this add nothing: chatter does not add up.
    pub least: f32,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            half_life: Duration::from_mins(10),
            bands: Bands {
                mark: 1.5,
                block: 3.0,
            },
            least: 0.3,
        }
    }
}

/// The score of one session or principal. Sixteen bytes or so: the caller keeps as many as it wants
/// to, in a map that it bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Session {
    sum: f32,
    at: Option<Timestamp>,
}

impl Session {
    /// Adds what was said of a text at `now`, and says what the session has come to. A text that is
    /// blocked counts whole, so that rephrasing it until it passes does not.
    pub fn add(
        &mut self,
        inspection: &Inspection,
        now: Timestamp,
        policy: &SessionPolicy,
    ) -> Verdict {
        let added = match inspection.verdict {
            Verdict::Block => 1.0,
            _ if inspection.score < policy.least => 0.0,
            _ => inspection.score.clamp(0.0, 1.0),
        };
        self.sum = self.score(now, policy) + added;
        // A clock that goes back does not make the past longer.
        self.at = self.at.max(Some(now));
        policy.bands.verdict(self.sum)
    }

    /// What it has come to at `now`.
    pub fn score(&self, now: Timestamp, policy: &SessionPolicy) -> f32 {
        let Some(at) = self.at else {
            return 0.0;
        };
        let halves = now.since(at).as_secs_f32() / policy.half_life.as_secs_f32().max(1e-3);
        self.sum * (-halves).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Coverage;

    fn inspection(verdict: Verdict, score: f32) -> Inspection {
        Inspection {
            verdict,
            score,
            bands: Bands {
                mark: 0.5,
                block: 0.9,
            },
            findings: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    #[test]
    fn scores_add_up_and_fade() {
        let policy = SessionPolicy::default();
        let at = |minutes: i64| Timestamp::from_seconds(minutes * 60);
        let mut session = Session::default();
        let (calm, odd, bad) = (
            inspection(Verdict::Allow, 0.1),
            inspection(Verdict::Mark, 0.6),
            inspection(Verdict::Block, 0.95),
        );
        for minute in 0..100 {
            assert_eq!(session.add(&calm, at(minute), &policy), Verdict::Allow);
        }
        assert_eq!(session.add(&bad, at(100), &policy), Verdict::Allow);
        assert_eq!(session.add(&odd, at(100), &policy), Verdict::Mark);
        assert_eq!(session.add(&bad, at(100), &policy), Verdict::Mark);
        assert_eq!(session.add(&bad, at(100), &policy), Verdict::Block);
        // Time runs back: nothing fades, nothing grows.
        assert_eq!(session.add(&calm, at(50), &policy), Verdict::Block);
        assert!((session.score(at(110), &policy) - 1.8).abs() < 0.01);
        assert_eq!(session.add(&calm, at(180), &policy), Verdict::Allow);
    }

    #[test]
    fn what_is_not_a_number_is_blocked() {
        let mut session = Session::default();
        let odd = inspection(Verdict::Mark, f32::NAN);
        let now = Timestamp::from_seconds(1);
        let verdict = session.add(&odd, now, &SessionPolicy::default());
        assert_eq!(verdict, Verdict::Block);
    }
}
