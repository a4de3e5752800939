//! The names of a question, and the numbers that stand for them.

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, NodeId, RelationId, TypeId};
use crate::model::SubjectKind;
use crate::names::{ObjectName, UserName};
use crate::store::Asked;

/// Who is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    pub(crate) entity: EntityId,
    /// The relation of a userset.
    pub(crate) relation: RelationId,
    /// All objects of the type, which an object is one of.
    pub(crate) wildcard: Option<EntityId>,
    /// The bit of the kind in the reach of plans.
    pub(crate) bit: Option<usize>,
}

/// An object and a relation that the model knows, and the name of the object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedTarget<'n> {
    pub(crate) kind: TypeId,
    pub(crate) id: &'n str,
    pub(crate) node: NodeId,
}

/// A user that the model knows, and the name of its object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedSubject<'n> {
    pub(crate) kind: TypeId,
    pub(crate) id: &'n str,
    what: SubjectKind,
    relation: RelationId,
    wildcard: Option<EntityId>,
    bit: Option<usize>,
}

impl NamedSubject<'_> {
    pub(crate) const fn numbered(self, entity: EntityId) -> Subject {
        Subject {
            kind: self.what,
            entity,
            relation: self.relation,
            wildcard: self.wildcard,
            bit: self.bit,
        }
    }
}

impl Asked<'_> {
    /// The object and relation asked about, with codes as `Check` gives them.
    pub(crate) fn target(
        &mut self,
        object: &str,
        relation: &str,
    ) -> Result<(EntityId, NodeId), Error> {
        let target = self.named_target(object, relation)?;
        let [object] = self.place([(target.kind, target.id)]);
        Ok((object, target.node))
    }

    /// The user asked about.
    pub(crate) fn subject(&mut self, user: &str) -> Result<Subject, Error> {
        let subject = self.named_subject(user)?;
        let [entity] = self.place([(subject.kind, subject.id)]);
        Ok(subject.numbered(entity))
    }

    /// Both at once, which takes less time than one after the other.
    pub(crate) fn question(
        &mut self,
        user: &str,
        relation: &str,
        object: &str,
    ) -> Result<(Subject, EntityId, NodeId), Error> {
        let target = self.named_target(object, relation)?;
        let subject = self.named_subject(user)?;
        let names = [(target.kind, target.id), (subject.kind, subject.id)];
        let [object, user] = self.place(names);
        Ok((subject.numbered(user), object, target.node))
    }

    pub(crate) fn named_target<'n>(
        &self,
        object: &'n str,
        relation: &str,
    ) -> Result<NamedTarget<'n>, Error> {
        let name = ObjectName::parse(object)?;
        let coded = |error: Error| error.coded(ErrorCode::Validation);
        let node = self.model.node_of(name.kind, relation).map_err(coded)?;
        if name.is_wildcard() {
            let message =
                format!("the 'object' field cannot reference a typed wildcard: '{object}'");
            return Err(Error::validation(message));
        }
        let kind = self.model.node(node).kind;
        let id = name.id;
        Ok(NamedTarget { kind, id, node })
    }

    pub(crate) fn named_subject<'n>(&self, user: &'n str) -> Result<NamedSubject<'n>, Error> {
        let name = UserName::parse(user)?;
        let unknown = |what: &str| Error::validation(format!("{what} of user '{user}' not found"));
        let kind = self
            .model
            .kind(name.object.kind)
            .ok_or_else(|| unknown("type"))?;
        let id = kind.id;
        let (what, relation) = match name.relation {
            Some(relation) => {
                let node = kind.relations.get(relation).copied();
                let node = node.ok_or_else(|| unknown("relation"))?;
                (SubjectKind::Userset(node), self.model.node(node).relation)
            }
            None if name.object.is_wildcard() => (SubjectKind::Wildcard(id), RelationId::NONE),
            None => (SubjectKind::Object(id), RelationId::NONE),
        };
        let wildcard = match what {
            SubjectKind::Object(_) => self.wildcard(id),
            SubjectKind::Wildcard(_) | SubjectKind::Userset(_) => None,
        };
        Ok(NamedSubject {
            kind: id,
            id: name.object.id,
            what,
            relation,
            wildcard,
            bit: self.model.bit(what),
        })
    }

    /// The numbers of objects, of the request where they are new.
    pub(crate) fn place<const N: usize>(&mut self, names: [(TypeId, &str); N]) -> [EntityId; N] {
        let stored = self.store.entities.read().find_all(names);
        let mut stored = stored.into_iter();
        names.map(|(kind, id)| self.numbered(kind, id, stored.next().flatten()))
    }

    /// The same for as many as there are.
    pub(crate) fn place_each(&mut self, names: &[(TypeId, &str)]) -> Vec<EntityId> {
        let stored = self.store.entities.read().find_each(names);
        let names = names.iter().zip(stored);
        names
            .map(|((kind, id), stored)| self.numbered(*kind, id, stored))
            .collect()
    }

    /// The number that the request has given an object, that of the store, or a new one. The order
    /// keeps it the same while the store learns new names.
    fn numbered(&mut self, kind: TypeId, id: &str, stored: Option<EntityId>) -> EntityId {
        let overlay = self.overlay.as_ref();
        let named = overlay.and_then(|overlay| overlay.find(kind, id));
        let known = named.or(stored);
        known.unwrap_or_else(|| self.overlay.get_or_insert_default().intern(kind, id))
    }
}
