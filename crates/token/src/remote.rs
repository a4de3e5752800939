//! Keys that their issuer publishes, and changes.
//!
//! Verifying never waits for the issuer as long as the key is known: a set that ages is fetched
//! again in the background, and the last good one serves while that fails. Only a token with an
//! unknown key waits, for one fetch that all such tokens share. Fetches are spaced by
//! `minInterval` from their start, whatever becomes of them, so that no flood of tokens becomes a
//! flood of fetches.

mod freshness;
mod metadata;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ahash::RandomState;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use url::Url;
use ztag_backend::Client;
use ztag_types::Clock;

use crate::fetch::{FetchError, fetch};
use crate::key::{KeySet, Purpose};
use crate::single_flight::{Flight, SingleFlight, landed};

pub(crate) use metadata::Source;
pub use metadata::{Metadata, discover};

/// Most key ids remembered as absent.
const MAX_ABSENT: usize = 256;

/// How a set of keys is kept up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) purpose: Purpose,
    pub(crate) refresh: Duration,
    pub(crate) min_interval: Duration,
    pub(crate) max_stale: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
}

/// The fetched keys of all issuers: a place that outlives configurations, so that a reload
/// fetches nothing anew.
#[derive(Debug)]
pub struct KeyStores {
    pub(crate) client: Arc<Client>,
    clock: Arc<dyn Clock>,
    open: Mutex<Vec<Weak<RemoteKeys>>>,
}

impl KeyStores {
    /// No keys yet; they will be fetched through `client`.
    pub const fn new(client: Arc<Client>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            open: Mutex::new(Vec::new()),
        }
    }

    /// How the fetches of every issuer in use went, by the issuer or, where that is configured,
    /// the address of its keys.
    pub fn counts(&self) -> Vec<(String, FetchCounts)> {
        let open = self.open.lock();
        let keys = open.iter().filter_map(Weak::upgrade);
        keys.map(|keys| (keys.source.name().to_owned(), keys.counts()))
            .collect()
    }

    /// The keys of `source`, those of an earlier configuration if it asked for the same.
    pub(crate) fn open(&self, source: Source, rotation: Rotation) -> Arc<RemoteKeys> {
        let mut open = self.open.lock();
        open.retain(|keys| keys.strong_count() > 0);
        let same = |keys: &Arc<RemoteKeys>| keys.source == source && keys.rotation == rotation;
        if let Some(keys) = open.iter().filter_map(Weak::upgrade).find(same) {
            return keys;
        }
        let keys = Arc::new(RemoteKeys {
            source,
            rotation,
            client: Arc::clone(&self.client),
            clock: Arc::clone(&self.clock),
            held: ArcSwapOption::empty(),
            fetching: SingleFlight::default(),
            absent: Mutex::default(),
            hasher: RandomState::new(),
            fetched: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        open.push(Arc::downgrade(&keys));
        keys
    }
}

/// The published keys of one issuer.
#[derive(Debug)]
pub struct RemoteKeys {
    source: Source,
    rotation: Rotation,
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    fetching: SingleFlight,
    /// Hashes of key ids that the issuer does not have, and until when that is believed.
    absent: Mutex<VecDeque<(u64, Duration)>>,
    hasher: RandomState,
    fetched: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    /// Monotonic times: due for a fetch, and too old to be believed.
    due: Duration,
    end: Duration,
}

/// How the fetches of one issuer went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchCounts {
    /// Fetches that brought a set of keys.
    pub fetched: u64,
    /// Fetches that did not.
    pub failed: u64,
    /// Keys that can be used now.
    pub keys: usize,
    /// Keys passed over because they cannot be used.
    pub skipped: usize,
}

impl RemoteKeys {
    /// The keys to verify with now, if there are any young enough. Never waits; starts a fetch in
    /// the background when one is due.
    pub(crate) fn current(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let now = self.clock.monotonic();
        if now >= held.due {
            drop(self.take_off(now));
        }
        (now < held.end).then(|| Arc::clone(&held.keys))
    }

    /// Starts the first fetch in the background, where there are no keys yet.
    pub(crate) fn warm(self: &Arc<Self>) {
        if self.held.load().is_none() {
            drop(self.take_off(self.clock.monotonic()));
        }
    }

    /// Waits for a fetch that may bring the key `id`, which was looked for in vain: one under way, or
    /// one that starts now if the latest is long enough ago. Answers whether to look for it again.
    pub(crate) async fn learn(self: &Arc<Self>, id: Option<&str>) -> bool {
        let hash = self.hasher.hash_one(id);
        let now = self.clock.monotonic();
        let known_absent = self.is_absent(hash, now);
        let flight = (!known_absent).then(|| self.take_off(now)).flatten();
        let Some(flight) = flight else {
            // A fetch may have landed since it was looked for.
            return self.may_hold(id);
        };
        landed(flight).await;
        let held = self.held.load();
        let lacks = |id: &str| held.as_ref().is_some_and(|held| !held.keys.has(id));
        if id.is_some_and(lacks) {
            self.remember_absent(hash);
        }
        true
    }

    /// Whether there are keys, and that of `id` among them if one is named.
    fn may_hold(&self, id: Option<&str>) -> bool {
        let held = self.held.load();
        let held = held.as_ref();
        held.is_some_and(|held| id.is_none_or(|id| held.keys.has(id)))
    }

    /// How the fetches went.
    pub fn counts(&self) -> FetchCounts {
        let held = self.held.load();
        let keys = held.as_ref().map(|held| &held.keys);
        FetchCounts {
            fetched: self.fetched.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            keys: keys.map_or(0, |keys| keys.keys().len()),
            skipped: keys.map_or(0, |keys| keys.skipped()),
        }
    }

    /// The fetch under way, or a new one where that is allowed.
    fn take_off(self: &Arc<Self>, now: Duration) -> Option<Flight> {
        let keys = Arc::clone(self);
        let interval = self.rotation.min_interval;
        let run = || async move { keys.refresh().await };
        self.fetching.take_off(now, interval, run)
    }

    /// Fetches the keys; what is held stays when that fails.
    async fn refresh(&self) {
        match self.fetch_keys().await {
            Ok((keys, fresh)) => {
                let now = self.clock.monotonic();
                let due = now + fresh;
                let end = due + self.rotation.max_stale;
                let keys = Arc::new(keys);
                self.held.store(Some(Arc::new(Held { keys, due, end })));
                self.fetched.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn fetch_keys(&self) -> Result<(KeySet, Duration), FetchError> {
        let rotation = &self.rotation;
        let address: Url = match &self.source {
            Source::Address(address) => address.clone(),
            Source::Metadata {
                issuer,
                name,
                origins,
            } => {
                let found = discover(
                    &self.client,
                    issuer,
                    name,
                    rotation.timeout,
                    rotation.max_bytes,
                );
                found.await?.trusted_endpoint("jwks_uri", issuer, origins)?
            }
        };
        let page = fetch(&self.client, address, rotation.timeout, rotation.max_bytes).await?;
        let keys = KeySet::parse_jwks(&page.body, rotation.purpose).map_err(FetchError::Keys)?;
        let fresh = freshness::of(&page.headers).unwrap_or(rotation.refresh);
        Ok((keys, fresh.min(rotation.refresh.max(freshness::LEAST))))
    }

    fn is_absent(&self, hash: u64, now: Duration) -> bool {
        let absent = self.absent.lock();
        let mut absent = absent.iter();
        absent.any(|(own, until)| *own == hash && *until > now)
    }

    fn remember_absent(&self, hash: u64) {
        let until = self.clock.monotonic() + self.rotation.min_interval * 2;
        let mut absent = self.absent.lock();
        if absent.len() >= MAX_ABSENT {
            absent.pop_front();
        }
        absent.push_back((hash, until));
    }
}

#[cfg(test)]
mod tests {
    use ztag_backend::{ClientSpec, TlsMaterial};
    use ztag_types::ManualClock;

    use super::*;

    const SET: &[u8] = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"known",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn keys() -> Arc<RemoteKeys> {
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
        let stores = KeyStores::new(Arc::new(client), Arc::new(ManualClock::default()));
        let rotation = Rotation {
            purpose: Purpose::Signature,
            refresh: Duration::from_mins(10),
            min_interval: Duration::from_secs(30),
            max_stale: Duration::from_hours(1),
            timeout: Duration::from_secs(5),
            max_bytes: 4_096,
        };
        let address = Url::parse("http://127.0.0.1:9/keys").unwrap();
        stores.open(Source::Address(address), rotation)
    }

    /// The fetch under way while a token was judged is over when the token asks to wait for it.
    #[tokio::test]
    async fn keys_that_came_since_they_were_looked_for_are_looked_for_again() {
        let keys = keys();
        let now = keys.clock.monotonic();
        let flight = keys.fetching.take_off(now, Duration::ZERO, || async {});
        landed(flight.unwrap()).await;
        for id in [Some("known"), None] {
            assert!(!keys.learn(id).await, "nothing came");
        }
        let set = KeySet::parse_jwks(SET, Purpose::Signature).unwrap();
        let (due, end) = (Duration::MAX, Duration::MAX);
        let held = Held {
            keys: Arc::new(set),
            due,
            end,
        };
        keys.held.store(Some(Arc::new(held)));
        for (id, expected) in [(Some("known"), true), (None, true), (Some("other"), false)] {
            assert_eq!(keys.learn(id).await, expected, "{id:?}");
        }
        // What was asked for too early counts as absent for a while, and no longer than it is.
        keys.remember_absent(keys.hasher.hash_one(Some("known")));
        assert!(keys.learn(Some("known")).await);
    }
}
