//! Moulds that several tokens have.
//!
//! The memory they take is accounted for here, and tokens that hold one do not count it. So that
//! this holds whatever tokens come and go, a mould stays until no token holds it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;

use crate::claims::{Cast, Mould};

/// What a place takes beside the mould: key, counters, and room in the table.
const OVERHEAD: u64 = 64;
/// How many moulds seen once are known again.
const MAX_SEEN: usize = 1_024;

/// The moulds shared, bounded in bytes.
pub(super) struct Moulds {
    places: HashMap<u64, Arc<Mould>, RandomState>,
    /// Moulds seen once, by their hash, each where others displace it. What is never seen again,
    /// because something in it is of one token only, takes no room from what is.
    seen: Box<[u64]>,
    bytes: u64,
    max_bytes: u64,
    /// How many moulds found no room since it was last made.
    turned_away: usize,
}

impl Moulds {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            places: HashMap::default(),
            seen: vec![0; MAX_SEEN].into(),
            bytes: 0,
            max_bytes,
            turned_away: 0,
        }
    }

    /// The mould equal to `mould`, which hashes to `place`.
    pub(super) fn find(&self, place: u64, mould: &Mould) -> Option<Arc<Mould>> {
        let known = self.places.get(&place)?;
        (**known == *mould).then(|| Arc::clone(known))
    }

    /// Shares `mould`, which hashes to `place`, from now on: if it was seen before, and there is
    /// room.
    pub(super) fn offer(&mut self, place: u64, mould: Box<Mould>) -> Cast {
        let size = size(&mould);
        if self.places.contains_key(&place) || !self.is_seen_again(place) || !self.has_room(size) {
            return Cast::Single(mould);
        }
        let mould: Arc<Mould> = Arc::from(mould);
        self.bytes += size;
        self.places.insert(place, Arc::clone(&mould));
        Cast::Shared(mould)
    }

    /// Bytes of all moulds, used ones and those that no token holds any more.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_seen_again(&mut self, place: u64) -> bool {
        let slots = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        let slot = usize::try_from(place % slots.max(1)).unwrap_or_default();
        let slot = self.seen.get_mut(slot);
        slot.is_some_and(|seen| std::mem::replace(seen, place) == place)
    }

    fn has_room(&mut self, size: u64) -> bool {
        if self.bytes + size > self.max_bytes {
            self.turned_away += 1;
            // All places are looked at only after as many moulds came, which makes it cheap.
            if self.turned_away > self.places.len() {
                self.sweep();
            }
        }
        self.bytes + size <= self.max_bytes
    }

    /// Lets go of the moulds that no token holds: nobody can get hold of one but from here.
    pub(super) fn sweep(&mut self) {
        self.turned_away = 0;
        let bytes = &mut self.bytes;
        self.places.retain(|_, mould| {
            let is_held = Arc::strong_count(mould) > 1;
            if !is_held {
                *bytes -= size(mould);
            }
            is_held
        });
    }
}

fn size(mould: &Mould) -> u64 {
    let size = u64::try_from(mould.size()).unwrap_or(u64::MAX / 2);
    OVERHEAD + size
}

impl fmt::Debug for Moulds {
    /// Numbers only: claims are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moulds")
            .field("moulds", &self.places.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    const ROOM: u64 = 64 * 1024;

    /// Claims that say `text` in a claim that is not their own.
    fn claims(text: &str) -> Claims {
        let payload = format!(r#"{{"sub":"ada","roles":["{text}"]}}"#);
        Claims::parse(payload.into_bytes()).unwrap()
    }

    fn offer(moulds: &mut Moulds, place: u64, text: &str) -> (Claims, bool) {
        let mut is_shared = false;
        let claims = claims(text).shared(|mould| {
            let cast = match moulds.find(place, &mould) {
                Some(known) => Cast::Shared(known),
                None => moulds.offer(place, mould),
            };
            is_shared = matches!(cast, Cast::Shared(_));
            cast
        });
        (claims, is_shared)
    }

    #[test]
    fn a_mould_is_shared_from_the_second_time_on() {
        let mut moulds = Moulds::new(ROOM);
        assert!(!offer(&mut moulds, 1, "a").1);
        assert_eq!(moulds.bytes(), 0);
        assert!(offer(&mut moulds, 1, "a").1);
        let bytes = moulds.bytes();
        assert!(bytes > OVERHEAD);
        assert!(offer(&mut moulds, 1, "a").1);
        assert_eq!(moulds.bytes(), bytes);
    }

    /// Whoever finds two moulds with one hash gains nothing.
    #[test]
    fn attack_37_two_moulds_with_one_hash_are_two() {
        let mut moulds = Moulds::new(ROOM);
        for _ in 0..2 {
            offer(&mut moulds, 1, "staff");
        }
        for _ in 0..3 {
            let (own, is_shared) = offer(&mut moulds, 1, "admin");
            assert!(!is_shared);
            assert_eq!(own.to_json(), claims("admin").to_json());
        }
        assert!(offer(&mut moulds, 1, "staff").1);
    }

    #[test]
    fn attack_a_flood_of_moulds_takes_no_memory() {
        let mut moulds = Moulds::new(ROOM);
        let mut held = Vec::new();
        for place in 1..5_000 {
            offer(&mut moulds, place, &place.to_string());
            held.push(offer(&mut moulds, place, &place.to_string()).0);
            assert!(moulds.bytes() <= ROOM);
        }
        // Those that are held stay: nobody else accounts for them.
        assert!(offer(&mut moulds, 1, "1").1);
        // Those that nobody holds make room, by and by.
        drop(held);
        let shared = (5_000..10_000).any(|place| {
            offer(&mut moulds, place, "new");
            offer(&mut moulds, place, "new").1
        });
        assert!(shared);
        moulds.sweep();
        assert_eq!((moulds.bytes(), moulds.places.len()), (0, 0));
    }
}
