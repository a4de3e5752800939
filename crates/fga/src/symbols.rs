//! The names of types and relations in one store.

use ahash::AHashMap;

use crate::error::{Error, ErrorCode};
use crate::ids::{RelationId, TypeId};

/// Relation names of a store at the most: an edge has 15 bits for one.
const MAX_RELATIONS: usize = (1 << 15) - 1;
/// Types of a store at the most.
const MAX_TYPES: usize = (1 << 16) - 1;

/// Numbers for the names of types and relations. Models share them, so that tuples written under
/// one model can be read under another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    types: Names,
    relations: Names,
}

#[derive(Clone, Debug, Default)]
struct Names {
    ids: AHashMap<Box<str>, u16>,
    texts: Vec<Box<str>>,
}

impl Symbols {
    /// The number of a type, given now if it has none.
    pub(crate) fn intern_type(&mut self, name: &str) -> Result<TypeId, Error> {
        self.types.intern(name, MAX_TYPES).map(TypeId)
    }

    /// The number of a relation, given now if it has none.
    pub(crate) fn intern_relation(&mut self, name: &str) -> Result<RelationId, Error> {
        let id = self.relations.intern(name, MAX_RELATIONS)?;
        Ok(RelationId(id + 1))
    }

    pub(crate) fn find_type(&self, name: &str) -> Option<TypeId> {
        self.types.ids.get(name).copied().map(TypeId)
    }

    pub(crate) fn find_relation(&self, name: &str) -> Option<RelationId> {
        self.relations.ids.get(name).map(|id| RelationId(id + 1))
    }

    /// The names of types in the order of their numbers.
    pub(crate) fn types(&self) -> impl ExactSizeIterator<Item = &str> {
        self.types.texts.iter().map(|text| &**text)
    }

    /// The names of relations in the order of their numbers.
    pub(crate) fn relations(&self) -> impl ExactSizeIterator<Item = &str> {
        self.relations.texts.iter().map(|text| &**text)
    }

    pub(crate) fn type_name(&self, id: TypeId) -> &str {
        self.types.text(id.0)
    }

    /// The name of a relation; empty for none.
    pub(crate) fn relation_name(&self, id: RelationId) -> &str {
        id.0.checked_sub(1).map_or("", |id| self.relations.text(id))
    }
}

impl Names {
    fn intern(&mut self, name: &str, max: usize) -> Result<u16, Error> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        let id = u16::try_from(self.texts.len()).ok();
        let Some(id) = id.filter(|id| usize::from(*id) < max) else {
            let message = "the store has seen too many names of types or relations";
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        };
        self.ids.insert(name.into(), id);
        self.texts.push(name.into());
        Ok(id)
    }

    fn text(&self, id: u16) -> &str {
        self.texts.get(usize::from(id)).map_or("", |text| text)
    }
}
