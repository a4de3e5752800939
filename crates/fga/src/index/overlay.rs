//! Tuples of one request, and objects that only they name.

use ahash::AHashMap;

use crate::ids::{EntityId, TypeId};
use crate::index::entities::{Kinds, LOCAL};
use crate::index::patch::{Added, Patch};

/// What one request adds to a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    by_object: AHashMap<EntityId, Patch>,
    by_user: AHashMap<EntityId, Patch>,
    /// Types and ids of local numbers, in their order. They are few.
    names: Vec<(TypeId, Box<str>)>,
}

impl Overlay {
    /// A number for an object that the store does not know.
    pub(crate) fn intern(&mut self, kind: TypeId, id: &str) -> EntityId {
        if let Some(found) = self.find(kind, id) {
            return found;
        }
        // Requests name far fewer objects than there are numbers for them.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX - LOCAL);
        self.names.push((kind, id.into()));
        EntityId(LOCAL.saturating_add(number))
    }

    /// The number of an object that only this request names.
    pub(crate) fn find(&self, kind: TypeId, id: &str) -> Option<EntityId> {
        let mut names = self.names.iter();
        let at = names.position(|(own, name)| *own == kind && **name == *id)?;
        u32::try_from(at)
            .ok()
            .map(|at| EntityId(LOCAL.saturating_add(at)))
    }

    /// Adds a tuple: its edge by object, and its edge by user.
    pub(crate) fn add(
        &mut self,
        object: EntityId,
        user: EntityId,
        forward: Added,
        backward: Added,
    ) {
        self.by_object.entry(object).or_default().add(forward);
        self.by_user.entry(user).or_default().add(backward);
    }

    /// Whether the request has tuples, and not only names.
    pub(crate) fn has_tuples(&self) -> bool {
        !self.by_object.is_empty()
    }

    pub(crate) fn by_object(&self, entity: EntityId) -> Option<&Patch> {
        self.by_object.get(&entity)
    }

    pub(crate) fn by_user(&self, entity: EntityId) -> Option<&Patch> {
        self.by_user.get(&entity)
    }

    /// The type of an object of the store or of this request.
    pub(crate) fn kind(&self, kinds: &Kinds, entity: EntityId) -> Option<TypeId> {
        if entity.0 < LOCAL {
            return kinds.of(entity);
        }
        self.local_name(entity).map(|(kind, _)| kind)
    }

    /// The name of an object that only this request names.
    pub(crate) fn local_name(&self, entity: EntityId) -> Option<(TypeId, &str)> {
        let at = entity.0.checked_sub(LOCAL)? as usize;
        self.names.get(at).map(|(kind, id)| (*kind, &**id))
    }
}
