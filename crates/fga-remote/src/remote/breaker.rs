//! Leaving a server alone that does not answer, or asks to be left alone.

use std::time::Duration;

use parking_lot::Mutex;

/// Failures in a row before the server is left alone.
const FAILURES: u32 = 5;
/// How long, the first time; each time twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// How long at the most, also when the server asks for more.
const LONGEST: Duration = Duration::from_secs(30);

/// Whether a server is asked at all. While it is left alone nothing waits for it; after that one
/// question at a time finds out whether it answers again. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// How long it was left alone the last time.
    pause: Duration,
    until: Duration,
}

impl Breaker {
    /// Whether the server may be asked now.
    pub(super) fn admits(&self, now: Duration) -> bool {
        let mut state = self.0.lock();
        if now < state.until {
            return false;
        }
        if state.failures >= FAILURES {
            // Others wait for what comes of this one; if nothing does, the next one tries.
            state.until = now + state.pause;
        }
        true
    }

    /// The server answered.
    pub(super) fn succeed(&self) {
        *self.0.lock() = State::default();
    }

    /// The server did not answer.
    pub(super) fn fail(&self, now: Duration) {
        let mut state = self.0.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.pause = (state.pause * 2).clamp(FIRST, LONGEST);
            state.until = now + state.pause;
        }
    }

    /// The server asks to be left alone this long.
    pub(super) fn hold(&self, now: Duration, pause: Duration) {
        let mut state = self.0.lock();
        state.until = state.until.max(now + pause.min(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_with_an_answer() {
        let (breaker, second) = (Breaker::default(), Duration::from_secs(1));
        for _ in 0..4 {
            breaker.fail(Duration::ZERO);
        }
        breaker.succeed();
        for _ in 0..4 {
            breaker.fail(Duration::ZERO);
            assert!(breaker.admits(Duration::ZERO));
        }
        breaker.fail(Duration::ZERO);
        assert!(!breaker.admits(Duration::ZERO));
        // One question finds out; the next one waits.
        assert!(breaker.admits(second));
        assert!(!breaker.admits(second));
        breaker.fail(second);
        assert!(!breaker.admits(second * 2));
        assert!(breaker.admits(second * 3));
        breaker.succeed();
        assert!(breaker.admits(second * 3) && breaker.admits(second * 3));
    }

    #[test]
    fn pauses_are_bounded() {
        let breaker = Breaker::default();
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            breaker.fail(now);
            now += LONGEST;
            assert!(breaker.admits(now));
        }
        let breaker = Breaker::default();
        breaker.hold(Duration::ZERO, Duration::from_hours(9));
        assert!(!breaker.admits(LONGEST.mul_f64(0.99)));
        assert!(breaker.admits(LONGEST));
    }
}
