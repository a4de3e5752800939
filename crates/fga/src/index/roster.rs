//! The objects of one type: their ids, and which number each has.

use ahash::RandomState;

use crate::ids::EntityId;
use crate::index::buckets::{Buckets, Glance};
use crate::index::spelling::{self, Id, Spelled};

/// Of so many objects the place of one is kept; to the others it is not far.
const STRIDE: usize = 16;
/// Bytes of the number before an id.
const NUMBER: usize = size_of::<u32>();

/// Ids one behind the other, each behind its number, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Roster {
    arena: Vec<u8>,
    buckets: Buckets,
    /// Where every sixteenth begins.
    milestones: Vec<u32>,
    count: usize,
}

/// An id that is sought, and what is known of where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    spelled: Spelled<'a>,
    glance: Glance,
}

impl Roster {
    /// The first step of looking for an id.
    #[inline]
    pub(super) fn seek<'a>(&self, id: &'a str, hasher: &RandomState) -> Sought<'a> {
        let spelled = Spelled::new(id);
        let glance = self.buckets.glance(hasher.hash_one(spelled.bytes()));
        Sought { spelled, glance }
    }

    /// The second step: its number.
    #[inline]
    pub(super) fn find(&self, sought: &Sought<'_>) -> Option<EntityId> {
        let is_same = |place: u32| {
            let start = place as usize + NUMBER;
            sought.spelled.is_kept(&self.arena, start)
        };
        let place = self.buckets.find(sought.glance, is_same)?;
        let number = self.arena.get(place as usize..)?.first_chunk()?;
        Some(EntityId(u32::from_le_bytes(*number)))
    }

    /// Adds an id that is not there yet; whether there was room for it.
    pub(super) fn add(&mut self, id: &str, number: EntityId, hasher: &RandomState) -> bool {
        let spelled = Spelled::new(id);
        let place = u32::try_from(self.arena.len()).ok();
        let (Some(place), Some(mark)) = (place, spelled.mark()) else {
            return false;
        };
        if self.count.is_multiple_of(STRIDE) {
            self.milestones.push(place);
        }
        self.count += 1;
        self.arena.extend_from_slice(&number.0.to_le_bytes());
        self.arena.push(mark);
        self.arena.extend_from_slice(spelled.bytes());
        let Self { arena, buckets, .. } = self;
        let hash_of = |place: u32| hasher.hash_one(spelling_at(arena, place as usize).1);
        buckets.insert(hasher.hash_one(spelled.bytes()), place, hash_of);
        true
    }

    /// The id that came after `ordinal` others; empty where none did.
    pub(super) fn id(&self, ordinal: usize) -> Id<'_> {
        let milestone = self.milestones.get(ordinal / STRIDE);
        let mut place = milestone.map_or(self.arena.len(), |place| *place as usize);
        for _ in 0..ordinal % STRIDE {
            let (_, bytes) = spelling_at(&self.arena, place);
            place += NUMBER + 1 + bytes.len();
        }
        let (mark, bytes) = spelling_at(&self.arena, place);
        spelling::read(mark, bytes)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Gives back memory held for growth.
    pub(super) fn shrink(&mut self, hasher: &RandomState) {
        self.arena.shrink_to_fit();
        self.milestones.shrink_to_fit();
        let Self { arena, buckets, .. } = self;
        buckets.shrink(|place| hasher.hash_one(spelling_at(arena, place as usize).1));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let milestones = self.milestones.capacity() * size_of::<u32>();
        self.arena.capacity() + milestones + self.buckets.bytes()
    }
}

/// What is kept behind the number at `place`.
fn spelling_at(arena: &[u8], place: usize) -> (u8, &[u8]) {
    spelling::kept(arena, place + NUMBER)
}
