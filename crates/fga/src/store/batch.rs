//! The changes of one edit.

use std::sync::Arc;

use crate::error::{Error, ErrorCode};
use crate::ids::{EntityId, RelationId};
use crate::index::{Change, Edge, Snapshot};
use crate::model::Model;
use crate::names::{ObjectName, UserName};
use crate::store::Store;
use crate::store::validate::{Valid, show};
use crate::store::write::{OnDuplicate, OnMissing};
use crate::tuple::{Tuple, TupleCondition};

/// The changes of one edit, numbered from where the edits before it end.
pub(super) struct Batch<'a> {
    store: &'a Store,
    before: &'a Snapshot,
    changes: Vec<Change>,
}

impl<'a> Batch<'a> {
    pub(super) const fn new(store: &'a Store, before: &'a Snapshot) -> Self {
        Self {
            store,
            before,
            changes: Vec::new(),
        }
    }

    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    pub(super) const fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn delete(&mut self, tuple: &Tuple, on_missing: OnMissing) -> Result<(), Error> {
        let change = self.find(tuple)?;
        match change.filter(|change| self.before.stored(change).is_some()) {
            Some(change) => self.push(change),
            None if on_missing == OnMissing::Ignore => Ok(()),
            None => Err(failed("cannot delete a tuple which does not exist", tuple)),
        }
    }

    /// The deletion of a tuple whose names are all known.
    fn find(&self, tuple: &Tuple) -> Result<Option<Change>, Error> {
        let object = ObjectName::parse(&tuple.object)?;
        let user = UserName::parse(&tuple.user)?;
        let symbols = self.store.symbols.read();
        let entities = self.store.entities.read();
        let entity = |name: ObjectName<'_>| {
            let kind = symbols.find_type(name.kind)?;
            entities.find(kind, name.id)
        };
        let relation = |name: &str| symbols.find_relation(name);
        let change = || {
            Some(Change {
                object: entity(object)?,
                relation: relation(&tuple.relation)?,
                user: entity(user.object)?,
                user_relation: user.relation.map_or(Some(RelationId::NONE), relation)?,
                revision: 0,
                condition: None,
                is_delete: true,
            })
        };
        Ok(change())
    }

    /// Deletes a tuple that is there: `edge` as seen from its object.
    pub(super) fn delete_edge(&mut self, object: EntityId, edge: Edge) -> Result<(), Error> {
        self.push(Change {
            object,
            relation: edge.first(),
            user: edge.far(),
            user_relation: edge.second(),
            revision: 0,
            condition: None,
            is_delete: true,
        })
    }

    pub(super) fn write(
        &mut self,
        tuple: &Tuple,
        valid: &Valid<'_>,
        model: &Model,
        on_duplicate: OnDuplicate,
    ) -> Result<(), Error> {
        let change = self.intern(tuple, valid, model)?;
        let Some(stored) = self.before.stored(&change) else {
            return self.push(change);
        };
        if on_duplicate == OnDuplicate::Error {
            return Err(failed("cannot write a tuple which already exists", tuple));
        }
        if is_same(
            stored.condition().map(|stored| &**stored),
            tuple.condition.as_ref(),
        ) {
            return Ok(());
        }
        let message = format!(
            "the tuple exists with a different condition: {}",
            show(tuple)
        );
        Err(Error::new(ErrorCode::Aborted, message))
    }

    pub(super) fn intern(
        &self,
        tuple: &Tuple,
        valid: &Valid<'_>,
        model: &Model,
    ) -> Result<Change, Error> {
        let node = model.node(valid.node);
        let lost = || Error::new(ErrorCode::Internal, "the type of a valid user is lost");
        let user_kind = model.kind(valid.user.object.kind).ok_or_else(lost)?.id;
        let mut entities = self.store.entities.write();
        Ok(Change {
            object: entities.intern(node.kind, valid.object.id)?,
            relation: node.relation,
            user: entities.intern(user_kind, valid.user.object.id)?,
            user_relation: valid.user_relation,
            revision: 0,
            condition: tuple.condition.clone().map(Arc::new),
            is_delete: false,
        })
    }

    /// Writes a tuple whatever models say; whether it was not there yet.
    pub(super) fn write_unjudged(&mut self, tuple: &Tuple) -> Result<bool, Error> {
        let change = intern(self.store, tuple)?;
        let is_new = self.before.stored(&change).is_none();
        self.push(change).map(|()| is_new)
    }

    pub(super) fn push(&mut self, mut change: Change) -> Result<(), Error> {
        let number = u32::try_from(self.changes.len())
            .ok()
            .and_then(|count| self.before.revision().checked_add(count)?.checked_add(1));
        let full = || {
            Error::new(
                ErrorCode::ExceededEntityLimit,
                "the log of the store is full",
            )
        };
        change.revision = number.ok_or_else(full)?;
        self.changes.push(change);
        Ok(())
    }
}

/// The write of a tuple, with numbers for all of its names, whatever models say.
pub(super) fn intern(store: &Store, tuple: &Tuple) -> Result<Change, Error> {
    let object = ObjectName::parse(&tuple.object)?;
    let user = UserName::parse(&tuple.user)?;
    let mut symbols = store.symbols.write();
    let kinds = [
        symbols.intern_type(object.kind)?,
        symbols.intern_type(user.object.kind)?,
    ];
    let relation = symbols.intern_relation(&tuple.relation)?;
    let user_relation = match user.relation {
        Some(relation) => symbols.intern_relation(relation)?,
        None => RelationId::NONE,
    };
    let mut entities = store.entities.write();
    Ok(Change {
        object: entities.intern(kinds[0], object.id)?,
        relation,
        user: entities.intern(kinds[1], user.object.id)?,
        user_relation,
        revision: 0,
        condition: tuple.condition.clone().map(Arc::new),
        is_delete: false,
    })
}

/// Whether both are the same condition with the same parameters, or none.
pub(super) fn is_same(stored: Option<&TupleCondition>, written: Option<&TupleCondition>) -> bool {
    match (stored, written) {
        (None, None) => true,
        (Some(stored), Some(written)) => stored.is_same(written),
        _ => false,
    }
}

fn failed(why: &str, tuple: &Tuple) -> Error {
    let Tuple {
        user,
        relation,
        object,
        ..
    } = tuple;
    let message = format!("{why}: user: '{user}', relation: '{relation}', object: '{object}'");
    Error::new(ErrorCode::WriteFailed, message)
}
