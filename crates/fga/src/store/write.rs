//! Writing and deleting tuples.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorCode};
use crate::ids::RelationId;
use crate::index::{Change, Snapshot};
use crate::model::{Model, ModelId};
use crate::names::{ObjectName, UserName, is_relation_name};
use crate::store::Store;
use crate::store::log::Log;
use crate::store::validate::{self, Valid, show};
use crate::tuple::Tuple;
use crate::ulid;

/// What to do about a tuple to write that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Refuse the whole write.
    #[default]
    Error,
    /// Leave it as it is, if its condition is the same.
    Ignore,
}

/// What to do about a tuple to delete that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// Refuse the whole write.
    #[default]
    Error,
    /// Go on.
    Ignore,
}

/// Tuples to write and to delete, all or none of them.
#[derive(Clone, Debug, Default)]
pub struct WriteRequest {
    /// The model that must allow the tuples written; the latest if none is named.
    pub model: Option<ModelId>,
    /// Tuples to write.
    pub writes: Vec<Tuple>,
    /// Tuples to delete; their conditions do not matter.
    pub deletes: Vec<Tuple>,
    /// What to do about tuples that exist.
    pub on_duplicate: OnDuplicate,
    /// What to do about tuples that do not.
    pub on_missing: OnMissing,
}

/// The number of a change: a store's changes are numbered from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(crate) u32);

impl Revision {
    /// The number.
    pub const fn number(self) -> u64 {
        self.0 as u64
    }
}

impl WriteRequest {
    /// Tuples to write.
    pub fn writes(tuples: impl IntoIterator<Item = Tuple>) -> Self {
        Self {
            writes: tuples.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Tuples to delete.
    pub fn deletes(tuples: impl IntoIterator<Item = Tuple>) -> Self {
        Self {
            deletes: tuples.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Store {
    /// The number of the last change.
    pub fn revision(&self) -> Revision {
        Revision(self.snapshot.load().revision())
    }

    /// Writes and deletes tuples, all or none. Returns the number of the last change that every
    /// question from now on sees.
    ///
    /// # Errors
    /// `invalid_write_input`, `exceeded_entity_limit`, `validation_error`,
    /// `cannot_allow_duplicate_tuples_in_one_request`, `write_failed_due_to_invalid_input`, or
    /// `Aborted` where an ignored duplicate has another condition.
    pub fn write(&self, request: &WriteRequest) -> Result<Revision, Error> {
        let count = request.writes.len() + request.deletes.len();
        if count == 0 {
            let message = "Invalid input. Make sure you provide at least one write or delete";
            return Err(Error::new(ErrorCode::InvalidWriteInput, message));
        }
        if count > self.limits.tuples_per_write {
            let limit = self.limits.tuples_per_write;
            let message =
                format!("The number of write operations exceeds the allowed limit of {limit}");
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        }
        let model = self.model(request.model.as_ref())?;
        let writes = self.valid(&model, &request.writes)?;
        request.deletes.iter().try_for_each(well_formed)?;
        unique(request)?;
        self.commit(request, &model, &writes)
    }

    /// Writes any number of tuples that the model allows, one after the other, without asking
    /// whether they exist: those that do are left as they are. For loading.
    ///
    /// # Errors
    /// As [`Store::write`]; tuples before the one at fault are written.
    pub fn load(&self, model: Option<&ModelId>, tuples: &[Tuple]) -> Result<Revision, Error> {
        let model = self.model(model)?;
        for tuples in tuples.chunks(10_000) {
            let writes = self.valid(&model, tuples)?;
            let request = WriteRequest {
                writes: tuples.to_vec(),
                on_duplicate: OnDuplicate::Ignore,
                ..WriteRequest::default()
            };
            self.commit(&request, &model, &writes)?;
        }
        Ok(self.revision())
    }

    fn valid<'a>(&self, model: &Model, tuples: &'a [Tuple]) -> Result<Vec<Valid<'a>>, Error> {
        let bytes = self.limits.tuple_context_bytes;
        let valid = tuples
            .iter()
            .map(|tuple| validate::tuple(model, tuple, bytes));
        valid
            .map(|valid| valid.map_err(validate::Fault::on_write))
            .collect()
    }

    fn commit(
        &self,
        request: &WriteRequest,
        model: &Model,
        writes: &[Valid<'_>],
    ) -> Result<Revision, Error> {
        let mut log = self.log.write();
        let before = self.snapshot.load_full();
        let mut batch = Batch {
            store: self,
            before: &before,
            changes: Vec::new(),
        };
        for tuple in &request.deletes {
            batch.delete(tuple, request.on_missing)?;
        }
        for (tuple, valid) in request.writes.iter().zip(writes) {
            batch.write(tuple, valid, model, request.on_duplicate)?;
        }
        let changes = batch.changes;
        if let Some(last) = changes.last() {
            let revision = Revision(last.revision);
            self.publish(&mut log, &before, &changes);
            return Ok(revision);
        }
        Ok(Revision(before.revision()))
    }

    /// Appends to the log and shows the changes, in this order.
    fn publish(&self, log: &mut Log, before: &Snapshot, changes: &[Change]) {
        let millis = ulid::milliseconds(self.clock.now());
        for change in changes {
            log.push(change, millis);
        }
        let (kinds, bound) = {
            let entities = self.entities.read();
            (entities.kinds(), entities.bound())
        };
        let mut after = before.after(changes, kinds);
        if after.is_ripe() {
            after = after.rebuilt(bound);
        }
        self.snapshot.store(Arc::new(after));
    }
}

/// Tuples may be deleted under a model that does not allow them any more.
fn well_formed(tuple: &Tuple) -> Result<(), Error> {
    ObjectName::parse(&tuple.object)?;
    UserName::parse(&tuple.user)?;
    if is_relation_name(&tuple.relation) {
        return Ok(());
    }
    let message = format!("the 'relation' field is malformed: {}", show(tuple));
    Err(Error::validation(message))
}

fn unique(request: &WriteRequest) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for tuple in request.writes.iter().chain(&request.deletes) {
        if !seen.insert((&tuple.object, &tuple.relation, &tuple.user)) {
            let message = format!("duplicate tuple in write: {}", show(tuple));
            return Err(Error::new(ErrorCode::DuplicateTuples, message));
        }
    }
    Ok(())
}

/// The changes of one write.
struct Batch<'a> {
    store: &'a Store,
    before: &'a Snapshot,
    changes: Vec<Change>,
}

impl Batch<'_> {
    fn delete(&mut self, tuple: &Tuple, on_missing: OnMissing) -> Result<(), Error> {
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

    fn write(
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
        let is_same = match (stored.condition(), &tuple.condition) {
            (None, None) => true,
            (Some(stored), Some(written)) => stored.is_same(written),
            _ => false,
        };
        if is_same {
            return Ok(());
        }
        let message = format!(
            "the tuple exists with a different condition: {}",
            show(tuple)
        );
        Err(Error::new(ErrorCode::Aborted, message))
    }

    fn intern(&self, tuple: &Tuple, valid: &Valid<'_>, model: &Model) -> Result<Change, Error> {
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

    fn push(&mut self, mut change: Change) -> Result<(), Error> {
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
