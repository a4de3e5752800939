//! How much may be sent again: retries must not become the load that keeps a service down.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Retries a second that cost nothing, so that a quiet group may retry too.
const FREE_PER_SECOND: u64 = 3;
/// Most retries saved up.
const SAVINGS: u64 = 100;
/// What a retry costs: a request earns 10 for each percent, a millisecond [`FREE_PER_SECOND`].
const PRICE: u64 = 1_000;

/// The savings of a group: a place.
#[derive(Debug)]
pub(super) struct Budget {
    /// Requests since somebody last looked.
    requests: AtomicU64,
    purse: Mutex<Purse>,
}

#[derive(Debug)]
struct Purse {
    saved: u64,
    at: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            purse: Mutex::new(Purse {
                saved: FREE_PER_SECOND * PRICE,
                at: 0,
            }),
        }
    }
}

impl Budget {
    /// A request, which earns a part of a retry.
    pub(super) fn earn(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a retry may be, at `percent` of the requests; it is paid at once. `now` is in
    /// milliseconds.
    pub(super) fn spend(&self, percent: u32, now: u64) -> bool {
        let mut purse = self.purse.lock();
        let earned = self.requests.swap(0, Ordering::Relaxed);
        let passed = now.saturating_sub(purse.at);
        purse.at = purse.at.max(now);
        purse.saved = purse
            .saved
            .saturating_add(earned.saturating_mul(u64::from(percent) * 10))
            .saturating_add(passed.saturating_mul(FREE_PER_SECOND))
            .min(SAVINGS * PRICE);
        let enough = purse.saved >= PRICE;
        if enough {
            purse.saved -= PRICE;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(budget: &Budget, percent: u32, now: u64) -> usize {
        (0..1_000)
            .take_while(|_| budget.spend(percent, now))
            .count()
    }

    #[test]
    fn retries_are_a_part_of_the_requests() {
        let budget = Budget::default();
        assert_eq!(spent(&budget, 20, 0), 3);
        for _ in 0..100 {
            budget.earn();
        }
        assert_eq!(spent(&budget, 20, 0), 20);
        assert_eq!(spent(&budget, 20, 0), 0);
    }

    #[test]
    fn a_few_are_free_and_savings_are_bounded() {
        let budget = Budget::default();
        assert_eq!(spent(&budget, 0, 0), 3);
        assert_eq!(spent(&budget, 0, 2_000), 6);
        for _ in 0..1_000_000 {
            budget.earn();
        }
        assert_eq!(spent(&budget, 100, 2_000), 100);
        // A clock that jumps back gives nothing.
        assert_eq!(spent(&budget, 100, 0), 0);
        assert_eq!(spent(&budget, 100, 2_000), 0);
    }
}
