//! Numbers for objects.

use std::sync::Arc;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, TypeId};
use crate::index::roster::Roster;
use crate::index::spelling::Id;
use crate::names::WILDCARD;

/// Objects of one type get their numbers from blocks of this size, so that the block tells the type.
const BLOCK: u32 = 1024;
/// Numbers from here on belong to single requests.
pub(crate) const LOCAL: u32 = 0x7000_0000;
/// Objects of many that are looked for at once.
const AT_ONCE: usize = 8;

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

/// All objects that tuples of a store have named; none is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    hasher: ahash::RandomState,
    /// By type.
    rosters: Vec<Roster>,
    kinds: Kinds,
    /// How many blocks of its type came before each block.
    ordinals: Vec<u32>,
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
        self.ordinals.len() * BLOCK as usize
    }

    /// How many objects have a number.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Gives back memory held for growth.
    pub(crate) fn shrink(&mut self) {
        for roster in &mut self.rosters {
            roster.shrink(&self.hasher);
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let rosters: usize = self.rosters.iter().map(Roster::bytes).sum();
        rosters + self.ordinals.capacity() * (size_of::<u32>() + size_of::<TypeId>())
    }

    pub(crate) fn find(&self, kind: TypeId, id: &str) -> Option<EntityId> {
        let [found] = self.find_all([(kind, id)]);
        found
    }

    /// The numbers of several objects, in their order. Their buckets are all looked into before the
    /// first id is compared, so that the processor waits for the memory of all of them at once, and
    /// not of one after the other.
    #[inline]
    pub(crate) fn find_all<const N: usize>(
        &self,
        names: [(TypeId, &str); N],
    ) -> [Option<EntityId>; N] {
        let sought = names.map(|(kind, id)| {
            let roster = self.rosters.get(usize::from(kind.0))?;
            Some((roster, roster.seek(id, &self.hasher)))
        });
        sought.map(|sought| {
            let (roster, sought) = sought?;
            roster.find(&sought)
        })
    }

    /// The same for as many as there are.
    pub(crate) fn find_each(&self, names: &[(TypeId, &str)]) -> Vec<Option<EntityId>> {
        let (groups, rest) = names.as_chunks::<AT_ONCE>();
        let groups = groups.iter().flat_map(|names| self.find_all(*names));
        let rest = rest.iter().map(|(kind, id)| self.find(*kind, id));
        groups.chain(rest).collect()
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
        let at = usize::from(kind.0);
        if self.rosters.len() <= at {
            self.rosters.resize_with(at + 1, Roster::default);
            self.next.resize(at + 1, None);
        }
        let number = self.next_number(kind).ok_or_else(full)?;
        let roster = self.rosters.get_mut(at).ok_or_else(full)?;
        if !roster.add(id, number, &self.hasher) {
            return Err(full());
        }
        let following = EntityId(number.0 + 1);
        if let Some(next) = self.next.get_mut(at) {
            *next = (!following.0.is_multiple_of(BLOCK)).then_some(following);
        }
        self.count += 1;
        if id == WILDCARD {
            self.kinds.set_wildcard(kind, number);
        }
        Ok(number)
    }

    /// The type of an object.
    pub(crate) fn kind(&self, entity: EntityId) -> Option<TypeId> {
        self.kinds.of(entity)
    }

    /// The id of an object; empty for a number that nobody has.
    pub(crate) fn id(&self, entity: EntityId) -> Id<'_> {
        let (block, place) = (entity.0 / BLOCK, entity.0 % BLOCK);
        let kind = self.kinds.of(entity);
        let roster = kind.and_then(|kind| self.rosters.get(usize::from(kind.0)));
        let before = self.ordinals.get(block as usize);
        let own = roster.zip(before).map(|(roster, before)| {
            let ordinal = before * BLOCK + place;
            roster.id(ordinal as usize)
        });
        own.unwrap_or(Id::Text(""))
    }

    /// The number that the next object of a type gets. It is not given yet.
    fn next_number(&mut self, kind: TypeId) -> Option<EntityId> {
        let at = usize::from(kind.0);
        if let Some(number) = self.next.get(at).copied().flatten() {
            return Some(number);
        }
        let start = u32::try_from(self.bound())
            .ok()
            .filter(|start| *start < LOCAL)?;
        let before = self.rosters.get(at)?.count() / BLOCK as usize;
        Arc::make_mut(&mut self.kinds.0).blocks.push(kind);
        self.ordinals.push(u32::try_from(before).ok()?);
        let start = EntityId(start);
        *self.next.get_mut(at)? = Some(start);
        Some(start)
    }
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
