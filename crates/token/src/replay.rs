//! What was seen before and must not be seen again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ahash::RandomState;
use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::Mutex;
use ztag_types::Timestamp;

use crate::refusal::Refusal;

const SHARDS: usize = 16;

/// A bounded memory of identifiers that may be used once, each until it would be refused for its
/// age anyway. About 64 bytes an identifier, whatever its length.
///
/// Nothing is forgotten early, since what is forgotten could be used again. So that one owner cannot
/// fill it and keep out all others, each may hold as much as is free: one takes half at the most,
/// two a third each, and somebody new always finds room.
#[derive(Debug)]
pub struct ReplayStore {
    shards: [Mutex<Shard>; SHARDS],
    /// Most identifiers per shard.
    capacity: usize,
    /// Keyed, so that nobody can choose to share a count with somebody else.
    owners: RandomState,
}

/// Half of a SHA-256 hash: nobody finds two texts with one.
type Digest = [u8; 16];

#[derive(Debug, Default)]
struct Shard {
    seen: HashMap<Digest, Seen, RandomState>,
    /// How many of them each owner holds.
    held: HashMap<u64, usize, RandomState>,
    /// Second of the latest sweep, so that a full shard is not swept for each request.
    swept: i64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    until: i64,
    owner: u64,
}

impl ReplayStore {
    /// An empty store with room for about `capacity` identifiers.
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity: capacity.div_ceil(SHARDS),
            owners: RandomState::new(),
        }
    }

    /// Admits the identifier `id` of `owner`, once until the second `until`.
    ///
    /// # Errors
    /// [`Refusal::ProofReplayed`] when it was admitted before; [`Refusal::ReplayStoreFull`] when
    /// the owner holds as much as is free.
    pub fn admit(&self, owner: &str, id: &str, until: i64, now: Timestamp) -> Result<(), Refusal> {
        let now = now.seconds();
        let digest = digest(&[owner, id]);
        let owner = self.owners.hash_one(owner);
        let [first, ..] = digest;
        let [lowest, ..] = &self.shards;
        let shard = self.shards.get(usize::from(first) % SHARDS);
        let mut shard = shard.unwrap_or(lowest).lock();
        let seen = shard.seen.get(&digest).copied();
        if seen.is_some_and(|seen| seen.until >= now) {
            return Err(Refusal::ProofReplayed);
        }
        if !shard.has_room(owner, self.capacity) {
            shard.sweep(now);
            if !shard.has_room(owner, self.capacity) {
                return Err(Refusal::ReplayStoreFull);
            }
        }
        shard.insert(digest, Seen { until, owner });
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

impl Shard {
    fn has_room(&self, owner: u64, capacity: usize) -> bool {
        let held = self.held.get(&owner).copied().unwrap_or(0);
        held < capacity.saturating_sub(self.seen.len())
    }

    fn insert(&mut self, digest: Digest, seen: Seen) {
        *self.held.entry(seen.owner).or_default() += 1;
        if let Some(before) = self.seen.insert(digest, seen) {
            release(&mut self.held, before.owner);
        }
    }

    /// Forgets what would be refused for its age, once a second.
    fn sweep(&mut self, now: i64) {
        if self.swept == now {
            return;
        }
        self.swept = now;
        let held = &mut self.held;
        self.seen.retain(|_, seen| {
            let stays = seen.until >= now;
            if !stays {
                release(held, seen.owner);
            }
            stays
        });
    }
}

/// One less for `owner`; whoever holds nothing is forgotten.
fn release(held: &mut HashMap<u64, usize, RandomState>, owner: u64) {
    if let Entry::Occupied(mut entry) = held.entry(owner) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn an_identifier_is_admitted_once() {
        let store = ReplayStore::new(1_000);
        assert_eq!(store.admit("key", "a", 10, at(0)), Ok(()));
        assert_eq!(
            store.admit("key", "a", 10, at(10)),
            Err(Refusal::ProofReplayed)
        );
        assert_eq!(store.admit("other", "a", 10, at(0)), Ok(()));
        assert_eq!(store.admit("keya", "", 10, at(0)), Ok(()));
        assert_eq!(store.admit("key", "a", 21, at(11)), Ok(()));
    }

    /// How many of 10,000 new identifiers of `owner` are admitted.
    fn flood(store: &ReplayStore, owner: &str) -> usize {
        let admitted = |number: &i32| {
            let judged = store.admit(owner, &number.to_string(), 60, at(0));
            assert!(matches!(judged, Ok(()) | Err(Refusal::ReplayStoreFull)));
            judged.is_ok()
        };
        (0..10_000).filter(admitted).count()
    }

    #[test]
    fn attack_35_a_flood_of_one_key_leaves_room_for_others_and_forgets_nothing() {
        let store = ReplayStore::new(1_600);
        assert_eq!(flood(&store, "greedy"), 800, "half of it");
        assert_eq!(flood(&store, "second"), 400, "half of the rest");
        for number in 0..100 {
            let own = format!("honest-{number}");
            assert_eq!(store.admit(&own, "a", 60, at(0)), Ok(()), "{own}");
        }
        assert!(store.len() <= 1_600);
        let replayed = store.admit("greedy", "0", 60, at(60));
        assert_eq!(replayed, Err(Refusal::ProofReplayed));
        assert_eq!(store.admit("greedy", "new", 99, at(61)), Ok(()));
    }

    #[test]
    fn attack_35_who_is_forgotten_holds_nothing() {
        let store = ReplayStore::new(160);
        for second in 0..100 {
            for number in 0..10 {
                let (owner, id) = (format!("{second}-{number}"), number.to_string());
                store.admit(&owner, &id, second, at(second)).unwrap();
            }
        }
        let held = |shard: &Mutex<Shard>| shard.lock().held.values().sum::<usize>();
        let held: usize = store.shards.iter().map(held).sum();
        assert_eq!(held, store.len());
        assert!(held <= 160);
    }
}
