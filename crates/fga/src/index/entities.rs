//! Numbers for objects.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, TypeId};
use crate::names::WILDCARD;

/// Objects of one type get their numbers from blocks of this size, so that the block tells the type.
const BLOCK: u32 = 1024;
/// Numbers from here on belong to single requests.
pub(crate) const LOCAL: u32 = 0xf000_0000;

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
    /// Where the id of each number lies in the arena: its end, counted from the start.
    spans: Vec<Span>,
    kinds: Kinds,
    /// The next number of each type, if its block has one left.
    next: Vec<Option<EntityId>>,
    count: usize,
}

/// A part of the arena. Ids are at most 256 bytes long.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u16,
}

impl Entities {
    /// The types of numbers.
    pub(crate) fn kinds(&self) -> Kinds {
        self.kinds.clone()
    }

    /// One more than the highest number given.
    pub(crate) fn bound(&self) -> usize {
        self.spans.len()
    }

    /// How many objects have a number.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Gives back memory held for growth.
    pub(crate) fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.spans.shrink_to_fit();
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let table = self.table.capacity() * 8 / 7 * (size_of::<EntityId>() + 1);
        self.arena.capacity() + self.spans.capacity() * size_of::<Span>() + table
    }

    pub(crate) fn find(&self, kind: TypeId, id: &str) -> Option<EntityId> {
        let hash = self.hasher.hash_one((kind, id.as_bytes()));
        self.table
            .find(hash, |own| self.is(*own, kind, id))
            .copied()
    }

    /// The number of an object, given now if it has none.
    pub(crate) fn intern(&mut self, kind: TypeId, id: &str) -> Result<EntityId, Error> {
        if let Some(found) = self.find(kind, id) {
            return Ok(found);
        }
        let full = || {
            Error::new(
                ErrorCode::ExceededEntityLimit,
                "the store holds too many objects",
            )
        };
        let start = u32::try_from(self.arena.len()).map_err(|_| full())?;
        let len = u16::try_from(id.len()).map_err(|_| full())?;
        let number = self.number(kind).ok_or_else(full)?;
        if let Some(span) = self.spans.get_mut(number.index()) {
            *span = Span { start, len };
        }
        self.arena.extend_from_slice(id.as_bytes());
        self.count += 1;
        if id == WILDCARD {
            self.kinds.set_wildcard(kind, number);
        }
        let hash = self.hasher.hash_one((kind, id.as_bytes()));
        let Self {
            hasher,
            table,
            arena,
            spans,
            kinds,
            ..
        } = self;
        table.insert_unique(hash, number, |own| {
            let kind = kinds.of(*own).unwrap_or(TypeId(u16::MAX));
            hasher.hash_one((kind, bytes(arena, spans, *own)))
        });
        Ok(number)
    }

    /// The id of an object.
    pub(crate) fn id(&self, entity: EntityId) -> &str {
        // Only whole texts go into the arena.
        std::str::from_utf8(self.bytes_of(entity)).unwrap_or_default()
    }

    fn bytes_of(&self, entity: EntityId) -> &[u8] {
        bytes(&self.arena, &self.spans, entity)
    }

    fn is(&self, own: EntityId, kind: TypeId, id: &str) -> bool {
        self.kinds.of(own) == Some(kind) && self.bytes_of(own) == id.as_bytes()
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
        let start = u32::try_from(self.spans.len())
            .ok()
            .filter(|start| *start < LOCAL)?;
        Arc::make_mut(&mut self.kinds.0).blocks.push(kind);
        self.spans
            .resize(self.spans.len() + BLOCK as usize, Span::default());
        Some(EntityId(start))
    }
}

fn bytes<'a>(arena: &'a [u8], spans: &[Span], entity: EntityId) -> &'a [u8] {
    let span = spans.get(entity.index()).copied().unwrap_or_default();
    let start = span.start as usize;
    let end = start + usize::from(span.len);
    arena.get(start..end).unwrap_or_default()
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
            assert_eq!(entities.id(number), id.to_string());
        }
        assert_eq!(entities.find(TypeId(1), "1"), None);
        assert_eq!(entities.find(TypeId(0), "5000"), None);
    }
}
