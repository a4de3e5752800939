//! What was read before: counts of stores that are no more, and counts to compare with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ztag_fga::{Store, Tally};

/// The time that a rate is about.
const WINDOW: Duration = Duration::from_secs(10);
/// The least time between two counts that a rate is made of.
const STEP: Duration = Duration::from_secs(1);

/// What was read before.
#[derive(Debug)]
pub(super) struct Seen {
    /// The last counts of each store, by where it lies. The weak reference sees to it that no other
    /// store comes to lie there.
    stores: BTreeMap<usize, (Weak<Store>, Tally)>,
    /// The last counts of stores that are no more.
    gone: Tally,
    /// Checks up to some moments, the oldest first.
    moments: VecDeque<(Instant, u64)>,
}

impl Seen {
    /// Nothing was seen before this moment.
    pub(super) fn from(start: Instant) -> Self {
        Self {
            stores: BTreeMap::new(),
            gone: Tally::default(),
            moments: VecDeque::from([(start, 0)]),
        }
    }

    /// The counts of all stores there ever were; `stores` are those there are.
    pub(super) fn add_up<'a>(&mut self, stores: impl Iterator<Item = &'a Arc<Store>>) -> Tally {
        let counted = stores.map(|store| {
            let place = Arc::as_ptr(store).addr();
            (place, (Arc::downgrade(store), store.tally()))
        });
        let before = std::mem::replace(&mut self.stores, counted.collect());
        for (place, (_, last)) in before {
            if !self.stores.contains_key(&place) {
                self.gone.add(&last);
            }
        }
        let mut total = self.gone.clone();
        for (_, tally) in self.stores.values() {
            total.add(tally);
        }
        total
    }

    /// Checks per second since some seconds ago, and how many seconds that is about.
    pub(super) fn rate(&mut self, now: Instant, checks: u64) -> (f64, f64) {
        let is_old = |moment: Option<&(Instant, u64)>| {
            moment.is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW)
        };
        // The newest of those that are old enough is the one to compare with.
        while is_old(self.moments.get(1)) {
            self.moments.pop_front();
        }
        let (at, before) = self.moments.front().copied().unwrap_or((now, checks));
        let window = now.duration_since(at);
        if self
            .moments
            .back()
            .is_none_or(|(last, _)| now.duration_since(*last) >= STEP)
        {
            self.moments.push_back((now, checks));
        }
        let seconds = window.as_secs_f64();
        let since = rounded(checks.saturating_sub(before));
        let rate = if seconds > 0.0 { since / seconds } else { 0.0 };
        (rate, seconds)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs few digits")]
const fn rounded(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use ztag_fga::{CheckRequest, Limits};

    use super::*;

    fn asked(times: usize) -> Arc<Store> {
        let store = Arc::new(Store::new(Limits::default()));
        for _ in 0..times {
            // Without a model every question fails, and counts.
            let _ = store.check(&CheckRequest::new("user:a", "b", "c:d"));
        }
        store
    }

    #[test]
    fn counts_outlive_their_stores() {
        let mut seen = Seen::from(Instant::now());
        let (one, two) = (asked(5), asked(7));
        assert_eq!(seen.add_up([&one, &two].into_iter()).failed, 12);
        drop(two);
        for _ in 0..2 {
            assert_eq!(seen.add_up([&one].into_iter()).failed, 12);
        }
        let three = asked(2);
        assert_eq!(seen.add_up([&one, &three].into_iter()).failed, 14);
        assert_eq!(seen.add_up([].into_iter()).failed, 14);
    }

    #[test]
    fn rates_are_about_the_last_seconds() {
        let start = Instant::now();
        let mut seen = Seen::from(start);
        let mut rate = |second: u64, checks| seen.rate(start + Duration::from_secs(second), checks);
        assert_eq!(rate(0, 0), (0.0, 0.0));
        assert_eq!(rate(2, 200), (100.0, 2.0));
        assert_eq!(rate(12, 1200), (100.0, 10.0));
        // Nothing more is asked: what was asked before is forgotten.
        assert_eq!(rate(22, 1200), (0.0, 10.0));
        assert_eq!(rate(100, 1200), (0.0, 78.0));
    }
}
