//! What was seen before and must not be seen again.

use std::collections::HashMap;

use ahash::RandomState;
use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::Mutex;
use ztag_types::Timestamp;

use crate::refusal::Refusal;

const SHARDS: usize = 16;

/// A bounded memory of identifiers that may be used once, each until it would be refused for its
/// age anyway. 32 bytes an identifier, whatever its length.
#[derive(Debug)]
pub struct ReplayStore {
    shards: [Mutex<Shard>; SHARDS],
    /// Most identifiers per shard.
    capacity: usize,
}

/// Half of a SHA-256 hash: nobody finds two texts with one.
type Digest = [u8; 16];

#[derive(Debug, Default)]
struct Shard {
    seen: HashMap<Digest, i64, RandomState>,
    /// Second of the latest sweep, so that a full shard is not swept for each request.
    swept: i64,
}

impl ReplayStore {
    /// An empty store with room for about `capacity` identifiers.
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity: capacity.div_ceil(SHARDS),
        }
    }

    /// Admits the identifier made of `parts`, once until the second `until`.
    ///
    /// # Errors
    /// [`Refusal::ProofReplayed`] when it was admitted before; [`Refusal::ReplayStoreFull`] when
    /// there is no room to remember it.
    pub fn admit(&self, parts: &[&str], until: i64, now: Timestamp) -> Result<(), Refusal> {
        let now = now.seconds();
        let digest = digest(parts);
        let [first, ..] = digest;
        let [lowest, ..] = &self.shards;
        let shard = self.shards.get(usize::from(first) % SHARDS);
        let mut shard = shard.unwrap_or(lowest).lock();
        if shard.seen.get(&digest).is_some_and(|until| *until >= now) {
            return Err(Refusal::ProofReplayed);
        }
        if shard.seen.len() >= self.capacity && shard.swept != now {
            shard.swept = now;
            shard.seen.retain(|_, until| *until >= now);
        }
        if shard.seen.len() >= self.capacity {
            return Err(Refusal::ReplayStoreFull);
        }
        shard.seen.insert(digest, until);
        Ok(())
    }

    /// Identifiers remembered, those included that no longer matter.
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().seen.len())
            .sum()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn digest(parts: &[&str]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_le_bytes());
        context.update(part.as_bytes());
    }
    let whole = context.finish();
    let half = whole.as_ref().first_chunk::<16>();
    half.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_admitted_once() {
        let store = ReplayStore::new(1_000);
        let at = Timestamp::from_seconds;
        assert_eq!(store.admit(&["key", "a"], 10, at(0)), Ok(()));
        assert_eq!(
            store.admit(&["key", "a"], 10, at(10)),
            Err(Refusal::ProofReplayed)
        );
        assert_eq!(store.admit(&["other", "a"], 10, at(0)), Ok(()));
        assert_eq!(store.admit(&["keya", ""], 10, at(0)), Ok(()));
        assert_eq!(store.admit(&["key", "a"], 21, at(11)), Ok(()));
    }

    #[test]
    fn attack_a_flood_of_identifiers_forgets_none_and_takes_no_memory() {
        let store = ReplayStore::new(160);
        let mut refused = 0;
        for number in 0..10_000 {
            match store.admit(&[&number.to_string()], 60, Timestamp::from_seconds(0)) {
                Ok(()) => {}
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::ReplayStoreFull);
                    refused += 1;
                }
            }
        }
        assert_eq!((store.len(), refused), (160, 9_840));
        let replayed = store.admit(&["0"], 60, Timestamp::from_seconds(60));
        assert_eq!(replayed, Err(Refusal::ProofReplayed));
        assert_eq!(
            store.admit(&["new"], 99, Timestamp::from_seconds(61)),
            Ok(())
        );
    }
}
