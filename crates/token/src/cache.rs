//! Accepted tokens that are remembered, so that a signature is checked once.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use ztag_types::{Timestamp, Value};

use crate::accepted::AcceptedToken;
use crate::claims::size_of_value;
use crate::spec::TokenCacheSpec;

/// What a place in the cache takes beside the token: keys, counters and allocations.
const OVERHEAD: u64 = 160;
/// Most headers kept to be shared.
const MAX_HEADERS: usize = 16;
/// What a token takes, for the number of places.
const TYPICAL: u64 = 768;
/// Bytes of lists kept to be shared, and what one takes, for their number.
const MAX_LISTS: u64 = 512 * 1024;
const TYPICAL_LIST: usize = 512;

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
    /// Headers of the tokens accepted last: there are as many as keys in use, and each is that of
    /// a great many tokens.
    headers: Mutex<VecDeque<Arc<str>>>,
    /// Lists of the tokens accepted last, such as roles and permissions: many tokens have equal
    /// ones, which take more than all the rest of a token.
    lists: Cache<u64, Value, ListWeight, RandomState>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Clone, Debug)]
struct Remembered {
    token: Arc<AcceptedToken>,
    policy: u64,
    /// Monotonic time.
    until: Duration,
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
    /// Bytes they take.
    pub bytes: u64,
}

impl TokenCache {
    /// An empty cache.
    pub fn new(spec: TokenCacheSpec) -> Self {
        let places = spec.max_bytes / TYPICAL;
        Self {
            places: Cache::with(
                usize::try_from(places).unwrap_or(usize::MAX).max(1),
                spec.max_bytes,
                Weight,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            hasher: RandomState::new(),
            max_age: spec.max_age.get(),
            headers: Mutex::default(),
            lists: Cache::with(
                usize::try_from(MAX_LISTS).unwrap_or(usize::MAX) / TYPICAL_LIST,
                MAX_LISTS,
                ListWeight,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
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
            bytes: self.places.weight(),
        }
    }

    /// The token, if it was accepted under `policy` and may still be believed.
    pub(crate) fn find(&self, token: &str, policy: u64, now: Moment) -> Option<Arc<AcceptedToken>> {
        let found = self.places.get(&self.place(token, policy)).filter(|found| {
            found.policy == policy
                && found.until > now.monotonic
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
        accepted: Arc<AcceptedToken>,
        max_age: Option<Duration>,
        now: Moment,
    ) {
        let max_age = max_age.map_or(self.max_age, |own| own.min(self.max_age));
        let lifetime = accepted.expires().min(accepted.valid_until());
        let until = now.monotonic + lifetime.since(now.wall).min(max_age);
        if until > now.monotonic {
            let remembered = Remembered {
                token: accepted,
                policy,
                until,
            };
            self.places.insert(self.place(token, policy), remembered);
        }
    }

    /// The header `text` of an accepted token, shared with the tokens before it.
    pub(crate) fn share_header(&self, text: &str) -> Arc<str> {
        let mut headers = self.headers.lock();
        if let Some(known) = headers.iter().find(|known| ***known == *text) {
            return Arc::clone(known);
        }
        let new = Arc::from(text);
        if headers.len() >= MAX_HEADERS {
            headers.pop_front();
        }
        headers.push_back(Arc::clone(&new));
        new
    }

    /// `list`, shared with the tokens before it where one of them holds an equal one.
    pub(crate) fn share_list(&self, list: Value) -> Value {
        let Some(place) = self.place_of_list(&list) else {
            return list;
        };
        // Found by a hash, and then compared: two lists are never taken for each other.
        match self.lists.get(&place) {
            Some(known) if known == list => known,
            _ => {
                self.lists.insert(place, list.clone());
                list
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.places.clear();
        self.lists.clear();
    }

    fn place(&self, token: &str, policy: u64) -> u64 {
        self.hasher.hash_one((policy, tail(token)))
    }

    /// Where a list of texts is kept. Other lists are not shared.
    fn place_of_list(&self, list: &Value) -> Option<u64> {
        let Value::List(items) = list else {
            return None;
        };
        let mut hasher = self.hasher.build_hasher();
        for item in items.iter() {
            item.as_str()?.hash(&mut hasher);
        }
        Some(hasher.finish())
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

#[derive(Clone, Debug)]
struct ListWeight;

impl Weighter<u64, Value> for ListWeight {
    fn weight(&self, _: &u64, list: &Value) -> u64 {
        u64::try_from(size_of_value(list)).unwrap_or(u64::MAX / 2)
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<u64, Remembered> for Weight {
    fn weight(&self, _: &u64, remembered: &Remembered) -> u64 {
        OVERHEAD + u64::try_from(remembered.token.size()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_of_texts_are_kept_once() {
        let list = |items: &[&str]| Value::List(items.iter().map(Value::text).collect());
        let place = |value: &Value| match value {
            Value::List(items) => items.as_ptr().addr(),
            _ => 0,
        };
        let cache = TokenCache::new(TokenCacheSpec::default());
        let first = cache.share_list(list(&["staff", "sales"]));
        let second = cache.share_list(list(&["staff", "sales"]));
        assert_eq!(place(&first), place(&second));
        for other in [&["staff"][..], &["sales", "staff"], &["staffsales"], &[]] {
            let own = list(other);
            assert_eq!(cache.share_list(own.clone()), own);
            assert_ne!(place(&cache.share_list(own)), place(&first));
        }
        let mixed = Value::List([Value::Int(1), Value::text("staff")].into());
        let own = place(&mixed);
        assert_eq!(place(&cache.share_list(mixed)), own);
    }
}
