//! Targets that fail request after request are left out for a while.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::spec::EjectionSpec;

/// Most times the base time that a target is left out.
const MOST_TIMES: u32 = 10;

/// When targets are left out, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct EjectionPolicy {
    failures: u32,
    base_ms: u64,
    max_percent: usize,
}

impl EjectionPolicy {
    pub(super) fn new(spec: &EjectionSpec) -> Self {
        Self {
            failures: spec.consecutive_failures,
            base_ms: u64::try_from(spec.base_time.get().as_millis()).unwrap_or(u64::MAX >> 8),
            max_percent: spec.max_percent as usize,
        }
    }

    /// Most targets of `all` that may be left out at once.
    pub(super) const fn most(self, all: usize) -> usize {
        all * self.max_percent / 100
    }
}

/// How a target has done lately: a place. Times are milliseconds since any fixed start.
#[derive(Debug, Default)]
pub(super) struct Ejection {
    failures: AtomicU32,
    until: AtomicU64,
    times: AtomicU32,
}

impl Ejection {
    /// The target answered.
    pub(super) fn succeed(&self) {
        // Most of the time there is nothing to change, and the word stays shared among cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The target failed. Returns whether it may have to be left out now.
    pub(super) fn fail(&self, policy: EjectionPolicy) -> bool {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        policy.failures > 0 && before.saturating_add(1) >= policy.failures
    }

    /// Leaves the target out. Call it under a lock that all targets of a group share, after
    /// counting those that are out.
    pub(super) fn eject(&self, policy: EjectionPolicy, now: u64) {
        let until = self.until.load(Ordering::Relaxed);
        let rehabilitated = now > until.saturating_add(policy.base_ms * u64::from(MOST_TIMES));
        let times = if rehabilitated {
            1
        } else {
            (self.times.load(Ordering::Relaxed) + 1).min(MOST_TIMES)
        };
        self.times.store(times, Ordering::Relaxed);
        let end = now.saturating_add(policy.base_ms.saturating_mul(times.into()));
        self.until.store(end, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Whether the target is left out.
    pub(super) fn is_out(&self, now: u64) -> bool {
        now < self.until.load(Ordering::Relaxed)
    }

    /// What another place knows of the same target.
    pub(super) fn inherit(&self, other: &Self) {
        let copy = |from: &AtomicU32, to: &AtomicU32| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        copy(&other.failures, &self.failures);
        copy(&other.times, &self.times);
        self.until
            .store(other.until.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(failures: u32) -> EjectionPolicy {
        EjectionPolicy::new(&EjectionSpec {
            consecutive_failures: failures,
            base_time: "10s".parse().unwrap(),
            max_percent: 50,
        })
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let ejection = Ejection::default();
        for _ in 0..5 {
            assert!(!ejection.fail(policy(3)));
            assert!(!ejection.fail(policy(3)));
            ejection.succeed();
        }
        assert!(!ejection.fail(policy(3)));
        assert!(!ejection.fail(policy(3)));
        assert!(ejection.fail(policy(3)));
        assert!(!ejection.fail(policy(0)));
    }

    #[test]
    fn each_time_in_a_row_is_longer_until_the_target_has_been_good_for_long() {
        let ejection = Ejection::default();
        let mut now = 200_000;
        for times in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
            ejection.eject(policy(3), now);
            assert!(ejection.is_out(now + times * 10_000 - 1), "{times}");
            now += times * 10_000;
            assert!(!ejection.is_out(now), "{times}");
        }
        now += 100_001;
        ejection.eject(policy(3), now);
        assert!(!ejection.is_out(now + 10_000));
    }

    #[test]
    fn a_part_of_the_group_stays() {
        for (all, most) in [(1, 0), (2, 1), (3, 1), (10, 5)] {
            assert_eq!(policy(3).most(all), most);
        }
    }
}
