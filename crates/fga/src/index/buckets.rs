//! A hash table of places. It stores no keys: whoever looks something up compares what lies at a
//! place with what is sought.
//!
//! A bucket is one line of the cache: whether it has a place, and which, costs one wait for memory.
//! Looking is two steps, so that several look-ups can wait at the same time.

/// Places of a bucket.
const SLOTS: usize = 12;
/// Of so many slots at the most three are taken.
const SPARE: usize = 4;

/// Buckets of places, some bits of whose hashes tell most of them apart.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    buckets: Vec<Bucket>,
    len: usize,
}

/// Filled from the front; nothing is taken out.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Bucket {
    places: [u32; SLOTS],
    /// Some bits of each hash, never zero; zero where a slot is free. Sixteen, so that the processor
    /// compares all of them at once.
    tags: [u8; 16],
}

/// What the first bucket has to say of a hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    bucket: usize,
    tag: u8,
    /// A bit for each slot whose tag is the one sought.
    slots: u16,
    /// The place in the first of these.
    place: u32,
}

impl Buckets {
    /// Looks into the bucket where a hash belongs.
    #[inline]
    pub(super) fn glance(&self, hash: u64) -> Glance {
        let (at, tag) = (self.home(hash), tag(hash));
        let slots = self.buckets.get(at).map_or(0, |own| own.slots_of(tag));
        let own = self.buckets.get(at);
        let first = own.and_then(|own| own.places.get(slots.trailing_zeros() as usize));
        Glance {
            bucket: at,
            tag,
            slots,
            place: first.copied().unwrap_or_default(),
        }
    }

    /// The place that is sought, after a glance: of those that may be, the one that `is_same`.
    #[inline]
    pub(super) fn find(&self, glance: Glance, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        if glance.slots != 0 && is_same(glance.place) {
            return Some(glance.place);
        }
        self.find_elsewhere(glance, is_same)
    }

    /// Goes on where the first place is not the one.
    fn find_elsewhere(&self, glance: Glance, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        let (front, back) = self.buckets.split_at_checked(glance.bucket)?;
        for bucket in back.iter().chain(front) {
            let mut slots = bucket.slots_of(glance.tag);
            while slots != 0 {
                let place = bucket.places.get(slots.trailing_zeros() as usize)?;
                if is_same(*place) {
                    return Some(*place);
                }
                slots &= slots - 1;
            }
            if !bucket.is_full() {
                return None;
            }
        }
        None
    }

    /// Adds a place that is not there yet; `hash_of` tells the hashes of others.
    pub(super) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.len + 1) * SPARE > self.buckets.len() * SLOTS * (SPARE - 1) {
            self.resize(self.buckets.len() * 3 / 2 + 1, hash_of);
        }
        self.put(hash, place);
        self.len += 1;
    }

    /// Gives back memory held for growth.
    pub(super) fn shrink(&mut self, hash_of: impl Fn(u32) -> u64) {
        let needed = (self.len * SPARE).div_ceil(SLOTS * (SPARE - 1));
        if needed < self.buckets.len() {
            self.resize(needed, hash_of);
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    fn resize(&mut self, buckets: usize, hash_of: impl Fn(u32) -> u64) {
        let before = std::mem::replace(&mut self.buckets, vec![Bucket::default(); buckets]);
        for bucket in &before {
            let taken = bucket.tags.iter().take_while(|tag| **tag != 0);
            for (place, _) in bucket.places.iter().zip(taken) {
                self.put(hash_of(*place), *place);
            }
        }
    }

    fn put(&mut self, hash: u64, place: u32) {
        let home = self.home(hash);
        let (front, back) = self.buckets.split_at_mut(home);
        let mut buckets = back.iter_mut().chain(front);
        // A quarter of all slots is free.
        if let Some(bucket) = buckets.find(|bucket| !bucket.is_full()) {
            bucket.push(tag(hash), place);
        }
    }

    /// The bucket where a hash belongs, by its upper half.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        let share = (hash >> 32) * self.buckets.len() as u64;
        (share >> 32) as usize
    }
}

impl Bucket {
    #[inline]
    fn slots_of(&self, tag: u8) -> u16 {
        let mut slots = 0;
        for (at, own) in self.tags.iter().enumerate() {
            slots |= u16::from(*own == tag) << at;
        }
        slots
    }

    fn is_full(&self) -> bool {
        self.tags.get(SLOTS - 1).is_none_or(|tag| *tag != 0)
    }

    fn push(&mut self, tag: u8, place: u32) {
        let free = self.tags.iter().position(|own| *own == 0);
        let Some(at) = free.filter(|at| *at < SLOTS) else {
            return;
        };
        if let (Some(own), Some(slot)) = (self.tags.get_mut(at), self.places.get_mut(at)) {
            (*own, *slot) = (tag, place);
        }
    }
}

/// The bits of a hash that a bucket keeps: of its lower half, which has not chosen the bucket.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash & 0xff).max(1) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash of a place; `spread` says how many differ.
    fn check(count: u32, hash_of: impl Fn(u32) -> u64 + Copy) {
        let mut buckets = Buckets::default();
        for place in 0..count {
            let find = |place| buckets.find(buckets.glance(hash_of(place)), |own| own == place);
            assert_eq!(find(place), None, "{place}");
            buckets.insert(hash_of(place), place, hash_of);
        }
        for _ in 0..2 {
            let find = |place| buckets.find(buckets.glance(hash_of(place)), |own| own == place);
            assert!((0..count).all(|place| find(place) == Some(place)));
            assert_eq!(find(count), None);
            buckets.shrink(hash_of);
        }
        let slots = buckets.buckets.len() * SLOTS;
        assert!(
            slots * 3 < (count as usize + SLOTS) * 4 + SLOTS * 3,
            "{slots} for {count}"
        );
    }

    #[test]
    fn every_place_is_found_again() {
        let mixed = |place: u32| u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for count in [0, 1, 11, 12, 13, 1000, 50_000] {
            check(count, mixed);
        }
    }

    #[test]
    fn hashes_that_collide_cost_time_only() {
        check(300, |_| u64::MAX);
        check(300, |place| u64::from(place % 3) << 62 | 7);
    }

    #[test]
    fn an_empty_table_has_nothing() {
        let buckets = Buckets::default();
        assert_eq!(buckets.find(buckets.glance(5), |_| true), None);
        assert_eq!(size_of::<Bucket>(), 64);
    }
}
