//! One decision per key at a time: the first asker decides, the others wait for its landing.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::entry::Entry;
use crate::key::CacheKey;

const SHARDS: usize = 16;

type Shard = Mutex<HashMap<CacheKey, watch::Receiver<Landing>, RandomState>>;

/// The decisions under way. Bounded by the number of requests under way, since each has one seat.
#[derive(Debug)]
pub(crate) struct Flights {
    shards: [Shard; SHARDS],
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Landing {
    /// It has not.
    Airborne,
    /// With a verdict for everybody on board.
    Together(Arc<Entry>),
    /// With one that must not be shared: everybody decides alone.
    Apart,
}

/// A seat on the flight of one key.
pub(crate) enum Seat<'a> {
    /// Decides.
    Leader(Leader<'a>),
    /// Waits.
    Follower(Follower),
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Takes a seat; the first one on board leads.
    pub(crate) fn board(&self, key: &CacheKey) -> Seat<'_> {
        let shard = self.shard(key);
        let mut flights = shard.lock();
        if let Some(landing) = flights.get(key) {
            return Seat::Follower(Follower(landing.clone()));
        }
        let (sender, receiver) = watch::channel(Landing::Airborne);
        flights.insert(*key, receiver);
        drop(flights);
        Seat::Leader(Leader {
            shard,
            key: *key,
            sender,
        })
    }

    fn shard(&self, key: &CacheKey) -> &Shard {
        let [first, ..] = key.as_bytes();
        let [lowest, ..] = &self.shards;
        let index = usize::from(*first) % SHARDS;
        self.shards.get(index).unwrap_or(lowest)
    }
}

/// Whoever decides. Dropped without landing (its request was cancelled), it hands the lead over to
/// one of its followers.
#[derive(Debug)]
pub(crate) struct Leader<'a> {
    shard: &'a Shard,
    key: CacheKey,
    sender: watch::Sender<Landing>,
}

impl Leader<'_> {
    pub(crate) fn land(self, landing: Landing) {
        self.sender.send_replace(landing);
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        // Before the sender goes: a follower that sees it gone must find the flight off the board.
        self.shard.lock().remove(&self.key);
    }
}

/// Whoever waits.
#[derive(Debug)]
pub(crate) struct Follower(watch::Receiver<Landing>);

impl Follower {
    /// How the flight ended; `None` when its leader was cancelled.
    pub(crate) async fn landing(mut self) -> Option<Landing> {
        let landed = |landing: &Landing| !matches!(landing, Landing::Airborne);
        let landing = self.0.wait_for(landed).await.ok()?;
        Some(landing.clone())
    }
}
