//! The memory backend: bounded, sharded, with a hand that sweeps out what has expired.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, Weighter};

use crate::entry::Entry;
use crate::key::CacheKey;
use crate::spec::MemorySpec;

/// Places of the sweep examined by each write. Each write adds one place, so that in the long run
/// at most one place in four is stale.
const SWEPT_PER_WRITE: usize = 4;
/// Places examined before the sweep lets others in.
const SWEPT_PER_TURN: usize = 1_024;
/// What the slot, the traces of entries evicted lately, the sweep's place and the slack of
/// allocations take beside an entry itself: measured, so that the heap stays within the limit too.
const OVERHEAD: u64 = 640;

/// An entry in memory, and the monotonic time at which it dies.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) entry: Arc<Entry>,
    pub(crate) expires: Duration,
    weight: u64,
}

impl Held {
    /// Time left at `now`.
    pub(crate) fn remaining(&self, now: Duration) -> Duration {
        self.expires.saturating_sub(now)
    }
}

/// Verdicts in this process.
#[derive(Debug)]
pub(crate) struct Memory {
    cache: Cache<CacheKey, Held, Weight, RandomState, CountEvictions>,
    /// Keys in the order in which the sweep looks at them. The time tells a place whose entry was
    /// replaced since from one whose entry is still the same.
    places: Mutex<VecDeque<(CacheKey, Duration)>>,
    evicted: Arc<AtomicU64>,
    minimum_weight: u64,
}

impl Memory {
    pub(crate) fn new(spec: MemorySpec) -> Self {
        let max_bytes = spec.max_bytes.max(1);
        let max_entries = spec.max_entries.max(1);
        let evicted = Arc::new(AtomicU64::new(0));
        Self {
            cache: Cache::with(
                usize::try_from(max_entries.min(max_bytes / OVERHEAD)).unwrap_or(usize::MAX),
                max_bytes,
                Weight,
                RandomState::new(),
                CountEvictions(Arc::clone(&evicted)),
            ),
            places: Mutex::default(),
            evicted,
            // One bound for both limits: nobody weighs less than an equal share of the bytes.
            minimum_weight: max_bytes.div_ceil(max_entries),
        }
    }

    /// The entry of `key`, unless it has expired at `now`.
    pub(crate) fn get(&self, key: &CacheKey, now: Duration) -> Option<Held> {
        self.cache.get(key).filter(|held| held.expires > now)
    }

    /// Keeps `entry` until `expires`; answers whether there is room for it at all.
    pub(crate) fn put(
        &self,
        key: &CacheKey,
        entry: Arc<Entry>,
        now: Duration,
        expires: Duration,
    ) -> bool {
        let size = u64::try_from(entry.footprint()).unwrap_or(u64::MAX);
        let weight = size.saturating_add(OVERHEAD).max(self.minimum_weight);
        if weight > self.cache.shard_capacity() {
            return false;
        }
        let held = Held {
            entry,
            expires,
            weight,
        };
        self.cache.insert(*key, held);
        self.places.lock().push_back((*key, expires));
        self.sweep_places(SWEPT_PER_WRITE, now);
        true
    }

    /// Removes everything that has expired at `now`.
    pub(crate) fn sweep(&self, now: Duration) {
        let mut left = self.places.lock().len();
        while left > 0 {
            let turn = left.min(SWEPT_PER_TURN);
            self.sweep_places(turn, now);
            left -= turn;
        }
    }

    pub(crate) fn entries(&self) -> u64 {
        u64::try_from(self.cache.len()).unwrap_or(u64::MAX)
    }

    /// Bytes accounted for, overhead and minimum share included.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Looks at the `count` places that waited longest; those still alive go to the back.
    fn sweep_places(&self, count: usize, now: Duration) {
        let mut places = self.places.lock();
        for _ in 0..count.min(places.len()) {
            let Some((key, expires)) = places.pop_front() else {
                return;
            };
            if self.is_alive(&key, expires, now) {
                places.push_back((key, expires));
            }
        }
        if places.capacity() > 1_024 && places.len() < places.capacity() / 4 {
            let roomy = places.len() * 2;
            places.shrink_to(roomy);
        }
    }

    /// Whether the entry stored until `expires` is still there and has not expired; removes it if
    /// it has.
    fn is_alive(&self, key: &CacheKey, expires: Duration, now: Duration) -> bool {
        if expires <= now {
            self.cache.remove_if(key, |held| held.expires <= now);
            return false;
        }
        self.cache
            .peek(key)
            .is_some_and(|held| held.expires == expires)
    }

    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.places.lock().len()
    }
}

/// Weighs an entry by the bytes accounted for it.
#[derive(Clone, Debug)]
struct Weight;

impl Weighter<CacheKey, Held> for Weight {
    fn weight(&self, _: &CacheKey, held: &Held) -> u64 {
        held.weight
    }
}

/// Counts those who made room for others.
#[derive(Clone, Debug)]
struct CountEvictions(Arc<AtomicU64>);

impl Lifecycle<CacheKey, Held> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: CacheKey, _: Held) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use ztag_types::{Map, Outcome, ReasonCode, Value};

    use super::*;
    use crate::key::{Fingerprint, KeyBuilder, Namespace};

    fn entry(payload: usize) -> Arc<Entry> {
        let exports: Map = [("x".into(), Value::from("y".repeat(payload)))]
            .into_iter()
            .collect();
        let reason = ReasonCode::RulePassed.into();
        Arc::new(Entry::try_new(Outcome::Pass, reason, exports, Map::new()).unwrap())
    }

    fn keys(count: u64) -> impl Iterator<Item = CacheKey> {
        let base = KeyBuilder::new(&Namespace::new("", 1), &Fingerprint::of(b""));
        (0..count).map(move |token| {
            let token = token.to_le_bytes();
            base.clone().bytes("token", &token).finish()
        })
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_dies_on_time() {
        let memory = Memory::new(MemorySpec::default());
        let key = keys(1).next().unwrap();
        assert!(memory.put(&key, entry(1), seconds(0), seconds(10)));
        let held = memory.get(&key, seconds(4)).unwrap();
        assert_eq!(held.remaining(seconds(4)), seconds(6));
        assert!(memory.get(&key, seconds(10)).is_none());
    }

    #[test]
    fn defect_09_05_expired_entries_do_not_stay() {
        let memory = Memory::new(MemorySpec::default());
        for key in keys(50) {
            memory.put(&key, entry(1), seconds(0), seconds(10));
        }
        assert_eq!(memory.entries(), 50);
        memory.sweep(seconds(11));
        assert_eq!(
            (memory.entries(), memory.bytes(), memory.places()),
            (0, 0, 0)
        );
    }

    #[test]
    fn defect_09_05_later_writes_sweep_without_being_asked() {
        let memory = Memory::new(MemorySpec::default());
        for key in keys(1_000).take(400) {
            memory.put(&key, entry(1), seconds(0), seconds(10));
        }
        for key in keys(1_000).skip(400).take(100) {
            memory.put(&key, entry(1), seconds(11), seconds(20));
        }
        assert_eq!(memory.entries(), 100);
    }

    #[test]
    fn defect_09_05_a_million_distinct_tokens_stay_within_the_limits() {
        let spec = MemorySpec {
            max_bytes: 4 * 1024 * 1024,
            max_entries: 2_000,
        };
        let memory = Memory::new(spec);
        let entry = entry(16);
        for key in keys(1_000_000) {
            memory.put(&key, Arc::clone(&entry), seconds(0), seconds(30));
        }
        assert!(memory.entries() <= spec.max_entries);
        assert!(memory.bytes() <= spec.max_bytes);
        assert!(memory.evicted() >= 1_000_000 - spec.max_entries);
        let places = u64::try_from(memory.places()).unwrap();
        assert!(places <= spec.max_entries * 2, "{places} places");
    }

    #[test]
    fn one_key_renewed_for_ever_takes_one_place() {
        let memory = Memory::new(MemorySpec::default());
        let key = keys(1).next().unwrap();
        for now in 0..10_000 {
            memory.put(&key, entry(1), seconds(now), seconds(now + 2));
        }
        assert_eq!(memory.entries(), 1);
        assert!(memory.places() <= 4);
    }

    #[test]
    fn bytes_are_a_limit_of_their_own() {
        let spec = MemorySpec {
            max_bytes: 1024 * 1024,
            max_entries: 1_000_000,
        };
        let memory = Memory::new(spec);
        for key in keys(100) {
            memory.put(&key, entry(50_000), seconds(0), seconds(10));
        }
        assert!(memory.bytes() <= spec.max_bytes);
        assert!(memory.entries() < 21);
    }

    #[test]
    fn what_is_larger_than_a_shard_is_not_kept() {
        let spec = MemorySpec {
            max_bytes: 64 * 1024,
            max_entries: 10,
        };
        let memory = Memory::new(spec);
        let key = keys(1).next().unwrap();
        assert!(!memory.put(&key, entry(100_000), seconds(0), seconds(10)));
        assert_eq!(memory.entries(), 0);
    }
}
