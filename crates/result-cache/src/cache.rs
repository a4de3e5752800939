//! The cache: asks, decides once, remembers.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use ztag_types::{CacheReport, Clock, Participation};

use crate::entry::Entry;
use crate::error::OpenError;
use crate::flight::{Flights, Landing, Leader, Seat};
use crate::key::CacheKey;
use crate::lifetime::ceiled;
use crate::memory::{Held, Memory};
use crate::redis::{Answer, Redis};
use crate::spec::{CacheBackend, CacheSpec};

/// Remembers verdicts. One lives as long as the process; plans come and go.
pub struct ResultCache {
    store: Store,
    flights: Flights,
    clock: Arc<dyn Clock>,
    ceiling: Duration,
    counters: Counters,
}

/// What came of asking.
#[derive(Debug)]
pub enum Decided<T> {
    /// Somebody decided before, or at the same time.
    Remembered(Arc<Entry>),
    /// Decided by this call.
    Fresh(T),
}

/// The cache in numbers. Counts are since the start of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Where verdicts are kept: `memory` or `redis`.
    pub backend: &'static str,
    /// Verdicts kept now; `None` in Redis, which others share.
    pub entries: Option<u64>,
    /// Bytes accounted for them, overhead included; `None` in Redis.
    pub bytes: Option<u64>,
    /// Answers from the store.
    pub hits: u64,
    /// Decisions for want of a stored verdict.
    pub misses: u64,
    /// Verdicts stored.
    pub stored: u64,
    /// Answers from a decision under way.
    pub shared: u64,
    /// Verdicts dropped to make room.
    pub evicted: u64,
    /// Times the store could not be asked or told.
    pub unavailable: u64,
    /// Whether the store can be asked now.
    pub available: bool,
    /// Class of what went wrong last, `None` since it last went well.
    pub trouble: Option<String>,
}

impl ResultCache {
    /// A cache in this process, whatever backend `spec` names.
    pub fn memory(spec: &CacheSpec, clock: Arc<dyn Clock>) -> Self {
        Self::with_store(Store::Memory(Memory::new(spec.memory)), spec, clock)
    }

    /// The cache that `spec` names. `redis_roots` are the PEM certificates of `redis.tls.caFile`.
    ///
    /// With Redis it must be called inside the tokio runtime that shall carry the connection, and
    /// returns at once: until there is a connection, the cache counts as unavailable.
    ///
    /// # Errors
    /// [`OpenError`] when the settings can never work; a Redis that is away is not an error.
    pub fn open(
        spec: &CacheSpec,
        redis_roots: Option<&[u8]>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Ok(match spec.backend {
            CacheBackend::Memory => Self::memory(spec, clock),
            CacheBackend::Redis => {
                Self::with_store(Store::Redis(Redis::open(spec, redis_roots)?), spec, clock)
            }
        })
    }

    /// The remembered verdict of `key`, if it is kept in this process: the short way for callers
    /// whose futures shall not carry the size of a decision.
    pub fn recall(&self, key: &CacheKey) -> Option<(Arc<Entry>, CacheReport)> {
        let (decided, report) = self.remembered_here::<Infallible>(key)?;
        match decided {
            Decided::Remembered(entry) => Some((entry, report)),
            Decided::Fresh(never) => match never {},
        }
    }

    /// The remembered verdict of `key`, or what `decide` yields: its own result, and the entry to
    /// remember with its lifetime, if it may be remembered.
    ///
    /// Of several calls for one key at the same time one decides, and the others get its entry;
    /// when it yields none, each decides for itself. When the deciding call is cancelled, another
    /// takes over. A call dropped while waiting leaves no trace.
    pub async fn get_or_decide<T, F, Fut>(
        &self,
        key: &CacheKey,
        decide: F,
    ) -> (Decided<T>, CacheReport)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = (T, Option<(Entry, Duration)>)>,
    {
        if let Some(hit) = self.remembered_here(key) {
            return hit;
        }
        loop {
            match self.flights.board(key) {
                Seat::Leader(leader) => return self.lead(key, leader, decide).await,
                Seat::Follower(follower) => match follower.landing().await {
                    Some(Landing::Together(entry)) => return self.shared(entry),
                    Some(Landing::Apart) => {
                        let (result, _, report) = self.decide(key, decide, false).await;
                        return (Decided::Fresh(result), report);
                    }
                    // Cancelled: whoever boards first leads.
                    Some(Landing::Airborne) | None => {}
                },
            }
        }
    }

    /// Removes what has expired. Writes do it, too, a little at a time; calling this about once a
    /// second gives memory back when there are no writes.
    pub fn sweep(&self) {
        if let Store::Memory(memory) = &self.store {
            memory.sweep(self.clock.monotonic());
        }
    }

    /// The cache in numbers, after a sweep.
    pub fn stats(&self) -> CacheStats {
        self.sweep();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (memory, redis) = match &self.store {
            Store::Memory(memory) => (Some(memory), None),
            Store::Redis(redis) => (None, Some(redis)),
        };
        CacheStats {
            backend: if redis.is_some() { "redis" } else { "memory" },
            entries: memory.map(Memory::entries),
            bytes: memory.map(Memory::bytes),
            hits: count(&self.counters.hits),
            misses: count(&self.counters.misses),
            stored: count(&self.counters.stored),
            shared: count(&self.counters.shared),
            evicted: memory.map_or(0, Memory::evicted),
            unavailable: count(&self.counters.unavailable),
            available: redis.is_none_or(Redis::is_available),
            trouble: redis.and_then(Redis::trouble),
        }
    }

    fn with_store(store: Store, spec: &CacheSpec, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            flights: Flights::new(),
            clock,
            ceiling: spec.ceiling(),
            counters: Counters::default(),
        }
    }

    /// Decides for everybody on board, unless the store knows the answer after all.
    async fn lead<T, F, Fut>(
        &self,
        key: &CacheKey,
        leader: Leader<'_>,
        decide: F,
    ) -> (Decided<T>, CacheReport)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = (T, Option<(Entry, Duration)>)>,
    {
        let unavailable = match &self.store {
            // Stored by the flight that landed while this call was on its way to board.
            Store::Memory(_) => match self.remembered_here(key) {
                Some(hit) => return hit,
                None => false,
            },
            Store::Redis(redis) => match redis.get(key).await {
                // Redis forgets in time; one that outlived its lifetime was put back by somebody.
                Answer::Found(entry) if self.age(&entry) > entry.lifetime() => false,
                Answer::Found(entry) => {
                    let entry = Arc::new(entry);
                    leader.land(Landing::Together(Arc::clone(&entry)));
                    return self.remembered_there(entry);
                }
                Answer::Nothing => false,
                Answer::Unavailable => true,
            },
        };
        let (result, entry, report) = self.decide(key, decide, unavailable).await;
        leader.land(entry.map_or(Landing::Apart, Landing::Together));
        (Decided::Fresh(result), report)
    }

    async fn decide<T, F, Fut>(
        &self,
        key: &CacheKey,
        decide: F,
        unavailable: bool,
    ) -> (T, Option<Arc<Entry>>, CacheReport)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = (T, Option<(Entry, Duration)>)>,
    {
        count(&self.counters.misses);
        let (result, worth_keeping) = decide().await;
        let kept = worth_keeping.and_then(|(entry, lifetime)| {
            let lifetime = ceiled(lifetime, &[self.ceiling])?;
            let entry = entry.stored(self.clock.now(), lifetime);
            Some((Arc::new(entry), lifetime))
        });
        let Some((entry, lifetime)) = kept else {
            let participation = self.note_unavailable(unavailable, Participation::Miss);
            return (result, None, report(participation, None, None));
        };
        let (participation, ttl) = self.store(key, &entry, lifetime, unavailable).await;
        (result, Some(entry), report(participation, None, ttl))
    }

    async fn store(
        &self,
        key: &CacheKey,
        entry: &Arc<Entry>,
        lifetime: Duration,
        unavailable: bool,
    ) -> (Participation, Option<Duration>) {
        let (stored, otherwise) = match &self.store {
            Store::Memory(memory) => {
                let now = self.clock.monotonic();
                let expires = now.saturating_add(lifetime);
                let stored = memory.put(key, Arc::clone(entry), now, expires);
                (stored, Participation::Miss)
            }
            // It was not there a moment ago: not worth another wait.
            Store::Redis(_) if unavailable => (false, Participation::Unavailable),
            Store::Redis(redis) => {
                let stored = redis.put(key, entry, lifetime).await;
                (stored, Participation::Unavailable)
            }
        };
        if stored {
            count(&self.counters.stored);
            return (Participation::Stored, Some(lifetime));
        }
        let unavailable = otherwise == Participation::Unavailable;
        (
            self.note_unavailable(unavailable, Participation::Miss),
            None,
        )
    }

    fn note_unavailable(&self, unavailable: bool, otherwise: Participation) -> Participation {
        if unavailable {
            count(&self.counters.unavailable);
            return Participation::Unavailable;
        }
        otherwise
    }

    /// The hit path: one look into the store, one clock reading, no wait.
    fn remembered_here<T>(&self, key: &CacheKey) -> Option<(Decided<T>, CacheReport)> {
        let Store::Memory(memory) = &self.store else {
            return None;
        };
        let now = self.clock.monotonic();
        let held: Held = memory.get(key, now)?;
        count(&self.counters.hits);
        let remaining = held.remaining(now);
        let age = held.entry.lifetime().saturating_sub(remaining);
        let report = report(Participation::Hit, Some(age), Some(remaining));
        Some((Decided::Remembered(held.entry), report))
    }

    fn remembered_there<T>(&self, entry: Arc<Entry>) -> (Decided<T>, CacheReport) {
        count(&self.counters.hits);
        self.remembered(entry, Participation::Hit)
    }

    fn shared<T>(&self, entry: Arc<Entry>) -> (Decided<T>, CacheReport) {
        count(&self.counters.shared);
        self.remembered(entry, Participation::Shared)
    }

    fn age(&self, entry: &Entry) -> Duration {
        self.clock.now().since(entry.stored_at())
    }

    fn remembered<T>(
        &self,
        entry: Arc<Entry>,
        participation: Participation,
    ) -> (Decided<T>, CacheReport) {
        let age = self.age(&entry);
        let remaining = entry.lifetime().saturating_sub(age);
        let report = report(participation, Some(age), Some(remaining));
        (Decided::Remembered(entry), report)
    }
}

impl fmt::Debug for ResultCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultCache")
            .field("store", &self.store)
            .field("ceiling", &self.ceiling)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Store {
    Memory(Memory),
    Redis(Redis),
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    stored: AtomicU64,
    shared: AtomicU64,
    unavailable: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn report(
    participation: Participation,
    age: Option<Duration>,
    ttl: Option<Duration>,
) -> CacheReport {
    CacheReport {
        participation,
        age,
        ttl,
        key_inputs: Vec::new(),
    }
}
