//! Numbers for objects.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, TypeId};
use crate::index::spelling::{self, Id, Spelled};
use crate::names::WILDCARD;

/// Objects of one type get their numbers from blocks of this size, so that the block tells the type.
const BLOCK: u32 = 1024;
/// Numbers from here on belong to single requests.
pub(crate) const LOCAL: u32 = 0x7000_0000;
/// The place of a number that nobody has.
const NOWHERE: u32 = u32::MAX;

/// What every question needs to know of the numbers given so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds(Arc<Known>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// The types of the blocks.
    blocks: Vec<TypeId>,
    /// By type, the number that stands for all its objects.
    wildcards: Vec<Option<EntityId>>,
}

impl Kinds {
    /// The type of an object of this store.
    pub(crate) fn of(&self, id: EntityId) -> Option<TypeId> {
        self.0.blocks.get((id.0 / BLOCK) as usize).copied()
    }

    /// The number that stands for all objects of a type.
    pub(crate) fn wildcard(&self, kind: TypeId) -> Option<EntityId> {
        self.0.wildcards.get(usize::from(kind.0)).copied().flatten()
    }

    fn set_wildcard(&mut self, kind: TypeId, id: EntityId) {
        let wildcards = &mut Arc::make_mut(&mut self.0).wildcards;
        let at = usize::from(kind.0);
        if wildcards.len() <= at {
            wildcards.resize(at + 1, None);
        }
        if let Some(wildcard) = wildcards.get_mut(at) {
            *wildcard = Some(id);
        }
    }
}

/// All objects that tuples of a store have named. Their ids lie in one arena; none is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    hasher: ahash::RandomState,
    table: HashTable<EntityId>,
    /// The ids, one behind the other.
    arena: Vec<u8>,
    /// Where the id of each number begins in the arena.
    starts: Vec<u32>,
    kinds: Kinds,
    /// The next number of each type, if its block has one left.
    next: Vec<Option<EntityId>>,
    count: usize,
}

impl Entities {
    /// The types of numbers.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds.clone()
    }

    /// One more than the highest number given.
    pub(crate) fn bound(&self) -> usize {
        self.starts.len()
    }

    /// How many objects have a number.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Gives back memory held for growth.
    pub(crate) fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.starts.shrink_to_fit();
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let table = self.table.capacity() * 8 / 7 * (size_of::<EntityId>() + 1);
        self.arena.capacity() + self.starts.capacity() * size_of::<u32>() + table
    }

    pub(crate) fn find(&self, kind: TypeId, id: &str) -> Option<EntityId> {
        let spelled = Spelled::new(id);
        self.lookup(kind, &spelled, self.hash(kind, &spelled))
    }

    /// The number of an object, given now if it has none.
    pub(crate) fn intern(&mut self, kind: TypeId, id: &str) -> Result<EntityId, Error> {
        let spelled = Spelled::new(id);
        let hash = self.hash(kind, &spelled);
        if let Some(found) = self.lookup(kind, &spelled, hash) {
            return Ok(found);
        }
        let full = || {
            Error::new(
                ErrorCode::ExceededEntityLimit,
                "the store holds too many objects",
            )
        };
        let start = u32::try_from(self.arena.len()).ok();
        let start = start.filter(|start| *start < NOWHERE).ok_or_else(full)?;
        let mark = spelled.mark().ok_or_else(full)?;
        let number = self.number(kind).ok_or_else(full)?;
        if let Some(own) = self.starts.get_mut(number.index()) {
            *own = start;
        }
        self.arena.push(mark);
        self.arena.extend_from_slice(spelled.bytes());
        self.count += 1;
        if id == WILDCARD {
            self.kinds.set_wildcard(kind, number);
        }
        let Self {
            hasher,
            table,
            arena,
            starts,
            kinds,
            ..
        } = self;
        table.insert_unique(hash, number, |own| {
            let kind = kinds.of(*own).unwrap_or(TypeId(u16::MAX));
            let (mark, bytes) = kept(arena, starts, *own);
            hasher.hash_one((kind, mark, bytes))
        });
        Ok(number)
    }

    /// The type of an object.
    pub(crate) fn kind(&self, entity: EntityId) -> Option<TypeId> {
        self.kinds.of(entity)
    }

    /// The id of an object.
    pub(crate) fn id(&self, entity: EntityId) -> Id<'_> {
        let (mark, bytes) = kept(&self.arena, &self.starts, entity);
        spelling::read(mark, bytes)
    }

    fn hash(&self, kind: TypeId, spelled: &Spelled<'_>) -> u64 {
        let mark = spelled.mark().unwrap_or_default();
        self.hasher.hash_one((kind, mark, spelled.bytes()))
    }

    fn lookup(&self, kind: TypeId, spelled: &Spelled<'_>, hash: u64) -> Option<EntityId> {
        let wanted = (spelled.mark()?, spelled.bytes());
        let is_same = |own: &EntityId| {
            self.kinds.of(*own) == Some(kind) && kept(&self.arena, &self.starts, *own) == wanted
        };
        self.table.find(hash, is_same).copied()
    }

    fn number(&mut self, kind: TypeId) -> Option<EntityId> {
        let at = usize::from(kind.0);
        if self.next.len() <= at {
            self.next.resize(at + 1, None);
        }
        let number = match self.next.get(at).copied().flatten() {
            Some(number) => number,
            None => self.open_block(kind)?,
        };
        let following = EntityId(number.0 + 1);
        if let Some(next) = self.next.get_mut(at) {
            *next = (!following.0.is_multiple_of(BLOCK)).then_some(following);
        }
        Some(number)
    }

    fn open_block(&mut self, kind: TypeId) -> Option<EntityId> {
        let start = u32::try_from(self.starts.len())
            .ok()
            .filter(|start| *start < LOCAL)?;
        Arc::make_mut(&mut self.kinds.0).blocks.push(kind);
        let bound = self.starts.len() + BLOCK as usize;
        self.starts.resize(bound, NOWHERE);
        Some(EntityId(start))
    }
}

/// What is kept of the id of a number.
fn kept<'a>(arena: &'a [u8], starts: &[u32], entity: EntityId) -> (u8, &'a [u8]) {
    let start = starts.get(entity.index()).copied().unwrap_or(NOWHERE);
    spelling::kept(arena, start as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_tell_the_type() {
        let mut entities = Entities::default();
        let mut numbers = Vec::new();
        for id in 0..5000_u32 {
            for kind in [TypeId(0), TypeId(3)] {
                numbers.push((kind, id, entities.intern(kind, &id.to_string()).unwrap()));
            }
        }
        assert_eq!(entities.count(), 10_000);
        for (kind, id, number) in numbers {
            assert_eq!(entities.find(kind, &id.to_string()), Some(number));
            assert_eq!(entities.kinds().of(number), Some(kind));
            assert_eq!(entities.id(number).to_string(), id.to_string());
        }
        assert_eq!(entities.find(TypeId(1), "1"), None);
        assert_eq!(entities.find(TypeId(0), "5000"), None);
    }
}
