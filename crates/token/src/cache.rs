//! Accepted tokens that are remembered, so that a signature is checked once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use ztag_types::Timestamp;

use crate::accepted::AcceptedToken;
use crate::commons::Commons;
use crate::spec::TokenCacheSpec;

/// What a place in the cache takes beside the token: keys, counters and allocations.
const OVERHEAD: u64 = 160;
/// Bytes for each place that the cache is laid out for. Many tokens take less, and find a place all
/// the same; but it notes of half as many which ones it displaced, and a note takes so much.
const TYPICAL: u64 = 768;
const NOTE: u64 = 96;
/// Most bytes of what tokens share, and which part of all bytes it is in a small cache.
const MAX_SHARED: u64 = 4 * 1024 * 1024;
const SHARED_PART: u64 = 16;

/// A bounded memory of accepted tokens, shared by all verifiers of a process.
///
/// A token is found by a hash of its end with a secret key and then compared letter by letter, so
/// that two tokens are never taken for each other. It is remembered until it expires, or until it was
/// verified `max_age` ago, whichever is first, and only for the verifier that accepted it.
#[derive(Debug)]
pub struct TokenCache {
    places: Cache<u64, Remembered, Weight, RandomState>,
    hasher: RandomState,
    max_age: Duration,
    commons: Commons,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Clone, Debug)]
struct Remembered {
    token: Arc<AcceptedToken>,
    policy: u64,
    /// Monotonic time in milliseconds, rounded down.
    until: u64,
}

/// How often a cache helped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Tokens found.
    pub hits: u64,
    /// Tokens not found.
    pub misses: u64,
    /// Tokens remembered now, expired ones that nobody asked for included.
    pub entries: u64,
    /// Bytes they take, with what they share.
    pub bytes: u64,
}

impl TokenCache {
    /// An empty cache.
    pub fn new(spec: TokenCacheSpec) -> Self {
        let shared = (spec.max_bytes / SHARED_PART).min(MAX_SHARED);
        let places = spec.max_bytes / TYPICAL;
        let own = spec.max_bytes - shared - places / 2 * NOTE;
        Self {
            places: Cache::with(
                usize::try_from(places).unwrap_or(usize::MAX).max(1),
                own,
                Weight,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            hasher: RandomState::new(),
            max_age: spec.max_age.get(),
            commons: Commons::new(shared),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// How often it helped.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: u64::try_from(self.places.len()).unwrap_or(u64::MAX),
            bytes: self.places.weight() + self.commons.bytes(),
        }
    }

    /// The token, if it was accepted under `policy` and may still be believed.
    pub(crate) fn find(&self, token: &str, policy: u64, now: Moment) -> Option<Arc<AcceptedToken>> {
        let found = self.places.get(&self.place(token, policy)).filter(|found| {
            found.policy == policy
                && found.until > millis(now.monotonic)
                && found.token.expires() > now.wall
                && found.token.is(token)
        });
        let counter = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|found| found.token)
    }

    /// Remembers that `token` was accepted under `policy`, for at most `max_age`.
    pub(crate) fn remember(
        &self,
        token: &str,
        policy: u64,
        accepted: AcceptedToken,
        max_age: Option<Duration>,
        now: Moment,
    ) -> Arc<AcceptedToken> {
        let max_age = max_age.map_or(self.max_age, |own| own.min(self.max_age));
        let lifetime = accepted.expires().min(accepted.valid_until());
        let until = now.monotonic + lifetime.since(now.wall).min(max_age);
        if until <= now.monotonic {
            return Arc::new(accepted);
        }
        let accepted = Arc::new(accepted.sharing(&self.commons));
        let remembered = Remembered {
            token: Arc::clone(&accepted),
            policy,
            until: millis(until),
        };
        self.places.insert(self.place(token, policy), remembered);
        accepted
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.places.clear();
        self.commons.sweep();
    }

    fn place(&self, token: &str, policy: u64) -> u64 {
        self.hasher.hash_one((policy, tail(token)))
    }
}

/// The end of a token, by which it is found. That of a signed one is of its signature, which tells
/// tokens apart as well as all their letters do: nobody gets two accepted with the same. Tokens that
/// end alike and are accepted all the same only push each other out.
fn tail(token: &str) -> &[u8] {
    let token = token.as_bytes();
    token.last_chunk::<64>().map_or(token, |tail| tail)
}

/// One look at both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Duration,
}

impl Moment {
    pub(crate) fn of(clock: &dyn ztag_types::Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<u64, Remembered> for Weight {
    fn weight(&self, _: &u64, remembered: &Remembered) -> u64 {
        OVERHEAD + u64::try_from(remembered.token.size()).unwrap_or(u64::MAX / 2)
    }
}
