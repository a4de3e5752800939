//! What a store has been asked and told since it was opened.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;

/// Parts that threads count in: two of them rarely meet in one.
const STRIPES: usize = 4;
/// One question of so many is timed.
const SAMPLE: u64 = 16;
/// The upper end of the first class of times, in nanoseconds.
const LEAST: u64 = 128;
/// Classes of times, each twice as long as the one before: up to four seconds.
const CLASSES: usize = 26;

/// Counts that any thread adds to without waiting for another.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    stripes: [Stripe; STRIPES],
    times: [AtomicU64; CLASSES],
    nanos: AtomicU64,
    lists: AtomicU64,
    memo_hits: AtomicU64,
    writes: AtomicU64,
    written: AtomicU64,
    deleted: AtomicU64,
}

/// Alone on its lines of the cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    allowed: AtomicU64,
    denied: AtomicU64,
    failed: AtomicU64,
}

/// What a store has been asked and told since it was opened, up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions answered with yes.
    pub allowed: u64,
    /// Questions answered with no.
    pub denied: u64,
    /// Questions that could not be answered.
    pub failed: u64,
    /// Lists of objects and of users.
    pub lists: u64,
    /// Parts of questions whose answers were known from other parts of the same call.
    pub memo_hits: u64,
    /// Times that changes were shown: those of one call, or of all calls of one commit.
    pub writes: u64,
    /// Tuples written.
    pub written: u64,
    /// Tuples deleted.
    pub deleted: u64,
    /// How long questions took.
    pub times: Times,
}

/// How long questions took, of those that were timed: one of sixteen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Questions by how long they took: each class is twice as long as the one before it.
    counts: Vec<u64>,
    /// The time of all of them together.
    pub total: Duration,
}

impl Tally {
    /// Questions answered or failed.
    pub const fn checks(&self) -> u64 {
        self.allowed + self.denied + self.failed
    }

    /// Adds what another store was asked and told.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.allowed, other.allowed),
            (&mut self.denied, other.denied),
            (&mut self.failed, other.failed),
            (&mut self.lists, other.lists),
            (&mut self.memo_hits, other.memo_hits),
            (&mut self.writes, other.writes),
            (&mut self.written, other.written),
            (&mut self.deleted, other.deleted),
        ];
        for (own, other) in pairs {
            *own = own.saturating_add(other);
        }
        self.times.add(&other.times);
    }
}

impl Times {
    /// Classes of times, shortest first: the longest time of each, and the questions in it.
    pub fn classes(&self) -> impl Iterator<Item = (Duration, u64)> {
        let ends = (0..).map(|class| Duration::from_nanos(LEAST << class));
        ends.zip(self.counts.iter().copied())
    }

    /// How many questions were timed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A time that this part of the questions did not exceed: an upper bound, up to twice too
    /// long. `None` where nothing was timed.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        let mut below = 0;
        let mut classes = self.classes();
        classes.find_map(|(end, own)| {
            below += own;
            let is_enough = count > 0 && share(below, count) >= part;
            is_enough.then_some(end)
        })
    }

    fn add(&mut self, other: &Self) {
        let len = self.counts.len().max(other.counts.len());
        self.counts.resize(len, 0);
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            *own += other;
        }
        self.total += other.total;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

thread_local! {
    /// The stripe of this thread.
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Gives threads their stripes in turn.
static NEXT: AtomicUsize = AtomicUsize::new(0);

impl Activity {
    #[inline]
    fn own(&self) -> &Stripe {
        let own = OWN.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
            OWN.set(Some(next));
            next
        });
        let [first, ..] = &self.stripes;
        self.stripes.get(own).unwrap_or(first)
    }

    /// When a question begins that is to be timed.
    pub(crate) fn begin(&self) -> Option<Instant> {
        let before = self.own().denied.load(Ordering::Relaxed);
        let before = before.wrapping_add(self.own().allowed.load(Ordering::Relaxed));
        before.is_multiple_of(SAMPLE).then(Instant::now)
    }

    /// A question was answered.
    #[inline]
    pub(crate) fn answered(&self, answer: &Result<bool, Error>) {
        let own = self.own();
        let count = match answer {
            Ok(true) => &own.allowed,
            Ok(false) => &own.denied,
            Err(_) => &own.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// A question that began then has its answer.
    pub(crate) fn timed(&self, began: Instant) {
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let class = nanos.div_ceil(LEAST).max(1).next_power_of_two().ilog2();
        let last = CLASSES - 1;
        let time = self.times.get((class as usize).min(last));
        if let Some(time) = time {
            time.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn listed(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remembered(&self, hits: u64) {
        if hits > 0 {
            self.memo_hits.fetch_add(hits, Ordering::Relaxed);
        }
    }

    /// Changes of tuples were shown.
    pub(crate) fn changed(&self, written: usize, deleted: usize) {
        let add = |count: &AtomicU64, more: usize| {
            count.fetch_add(u64::try_from(more).unwrap_or_default(), Ordering::Relaxed);
        };
        add(&self.writes, 1);
        add(&self.written, written);
        add(&self.deleted, deleted);
    }

    pub(crate) fn tally(&self) -> Tally {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let sum = |of: fn(&Stripe) -> &AtomicU64| {
            let counts = self.stripes.iter().map(|stripe| load(of(stripe)));
            counts.fold(0, u64::wrapping_add)
        };
        Tally {
            allowed: sum(|stripe| &stripe.allowed),
            denied: sum(|stripe| &stripe.denied),
            failed: sum(|stripe| &stripe.failed),
            lists: load(&self.lists),
            memo_hits: load(&self.memo_hits),
            writes: load(&self.writes),
            written: load(&self.written),
            deleted: load(&self.deleted),
            times: Times {
                counts: self.times.iter().map(load).collect(),
                total: Duration::from_nanos(load(&self.nanos)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_come_together() {
        let activity = Activity::default();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    for number in 0..300 {
                        activity.answered(&Ok(number % 3 == 0));
                    }
                });
            }
        });
        activity.answered(&Err(Error::validation("no")));
        activity.changed(3, 2);
        let mut tally = activity.tally();
        tally.add(&activity.tally());
        assert_eq!((tally.allowed, tally.denied, tally.failed), (1200, 2400, 2));
        assert_eq!((tally.checks(), tally.written, tally.deleted), (3602, 6, 4));
    }

    #[test]
    fn quantiles_are_upper_bounds() {
        let times = Times {
            counts: vec![90, 0, 9, 1],
            total: Duration::ZERO,
        };
        let nanos = |part| times.quantile(part).map(|time| time.as_nanos());
        assert_eq!(nanos(0.5), Some(128));
        assert_eq!(nanos(0.95), Some(512));
        assert_eq!(nanos(1.0), Some(1024));
        assert_eq!(Times::default().quantile(0.5), None);
    }

    #[test]
    fn times_fall_into_their_classes() {
        let activity = Activity::default();
        activity.timed(Instant::now());
        let long_ago = Instant::now().checked_sub(Duration::from_secs(8));
        activity.timed(long_ago.unwrap());
        let times = activity.tally().times;
        assert_eq!(times.count(), 2);
        assert_eq!(times.classes().last().map(|(_, count)| count), Some(1));
    }
}
