//! Changes on their way: judged one edit after the other, then shown together.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, ErrorCode};
use crate::index::{Change, Snapshot};
use crate::model::Model;
use crate::names::{ObjectName, UserName, is_relation_name};
use crate::store::Store;
use crate::store::batch::Batch;
use crate::store::changes::TupleChange;
use crate::store::edit::{Edit, Edited, NumberedChange};
use crate::store::read::{object_name, timestamp, user_name};
use crate::store::validate::{self, Valid, show};
use crate::store::write::{OnDuplicate, OnMissing, Revision, WriteRequest};
use crate::tuple::Tuple;
use crate::ulid;

/// Edits that were judged, each against what those before it leave, and that nobody sees yet.
///
/// An edit that is refused leaves no trace.
#[derive(Debug)]
pub struct Staging<'a> {
    pub(super) store: &'a Store,
    /// What questions will see.
    pub(super) after: Snapshot,
    changes: Vec<Staged>,
    millis: u64,
}

#[derive(Debug)]
struct Staged {
    change: Change,
    millis: u64,
}

impl<'a> Staging<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        let now = ulid::milliseconds(store.clock.now());
        Self {
            store,
            after: Snapshot::clone(&store.snapshot.load()),
            changes: Vec::new(),
            millis: now.max(store.log.read().latest()),
        }
    }

    /// Judges an edit and takes it in.
    ///
    /// # Errors
    /// Why it is refused: then nothing of it is taken in.
    pub fn apply(&mut self, edit: &Edit) -> Result<Edited, Error> {
        match edit {
            Edit::Write(request) => self.write(request),
            Edit::Delete(request) => self.delete(request),
            Edit::Replace(request) => self.replace(request),
            Edit::Expire(request) => self.expire(request),
        }
    }

    /// The changes taken in so far, in order.
    pub fn changes(&self) -> Vec<NumberedChange> {
        let symbols = self.store.symbols.read();
        let entities = self.store.entities.read();
        let numbered = |staged: &Staged| {
            let change = &staged.change;
            let tuple = Tuple {
                user: user_name(&symbols, &entities, change.forward()),
                relation: symbols.relation_name(change.relation).to_owned(),
                object: object_name(&symbols, &entities, change.object),
                condition: change.condition.as_deref().cloned(),
            };
            NumberedChange {
                revision: Revision(change.revision),
                change: TupleChange {
                    tuple,
                    is_delete: change.is_delete,
                    at: timestamp(staged.millis),
                },
            }
        };
        self.changes.iter().map(numbered).collect()
    }

    /// Whether nothing was taken in that changes anything.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The number of the last change taken in, or of the last one shown.
    pub const fn revision(&self) -> Revision {
        Revision(self.after.revision())
    }

    /// Appends to the log and shows the changes, in this order.
    pub(super) fn show(mut self) {
        if self.changes.is_empty() {
            return;
        }
        if self.after.is_ripe() {
            let bound = self.store.entities.read().bound();
            self.after = self.after.rebuilt(bound);
        }
        let deleted = self.changes.iter().filter(|staged| staged.change.is_delete);
        let deleted = deleted.count();
        let written = self.changes.len() - deleted;
        let mut log = self.store.log.write();
        for staged in &self.changes {
            log.push(&staged.change, staged.millis);
        }
        self.store.snapshot.store(Arc::new(self.after));
        self.store.activity.changed(written, deleted);
    }

    pub(super) fn write(&mut self, request: &WriteRequest) -> Result<Edited, Error> {
        let count = request.writes.len() + request.deletes.len();
        if count == 0 {
            let message = "Invalid input. Make sure you provide at least one write or delete";
            return Err(Error::new(ErrorCode::InvalidWriteInput, message));
        }
        if count > self.store.limits.tuples_per_write {
            let limit = self.store.limits.tuples_per_write;
            let message =
                format!("The number of write operations exceeds the allowed limit of {limit}");
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        }
        let model = self.store.model(request.model.as_ref())?;
        let writes = self.valid(&model, &request.writes)?;
        request.deletes.iter().try_for_each(well_formed)?;
        unique(request)?;
        let mut batch = Batch::new(self.store, &self.after);
        for tuple in &request.deletes {
            batch.delete(tuple, request.on_missing)?;
        }
        for (tuple, valid) in request.writes.iter().zip(&writes) {
            batch.write(tuple, valid, &model, request.on_duplicate)?;
        }
        let changes = batch.into_changes();
        Ok(self.accept(changes))
    }

    /// Writes tuples and leaves those that exist as they are.
    pub(super) fn load(&mut self, model: &Model, tuples: &[Tuple]) -> Result<Edited, Error> {
        let writes = self.valid(model, tuples)?;
        let mut batch = Batch::new(self.store, &self.after);
        for (tuple, valid) in tuples.iter().zip(&writes) {
            batch.write(tuple, valid, model, OnDuplicate::Ignore)?;
        }
        let changes = batch.into_changes();
        Ok(self.accept(changes))
    }

    /// Takes in a change that was judged elsewhere.
    pub(super) fn replay(&mut self, numbered: &NumberedChange) -> Result<(), Error> {
        let TupleChange {
            tuple,
            is_delete,
            at,
        } = &numbered.change;
        let (wanted, expected) = (numbered.revision.0, self.after.revision().checked_add(1));
        let mut batch = Batch::new(self.store, &self.after);
        let fits = if *is_delete {
            let known = batch.delete(tuple, OnMissing::Ignore);
            known.is_ok() && batch.len() == 1
        } else {
            batch.write_unjudged(tuple)?
        };
        if !fits || expected != Some(wanted) {
            let message = format!("change {wanted} cannot follow those before it");
            return Err(Error::new(ErrorCode::Internal, message));
        }
        let changes = batch.into_changes();
        let millis = std::mem::replace(&mut self.millis, ulid::milliseconds(*at));
        self.accept(changes);
        self.millis = self.millis.max(millis);
        Ok(())
    }

    pub(super) fn accept(&mut self, changes: Vec<Change>) -> Edited {
        let kinds = self.store.entities.read().kinds();
        self.after.extend(&changes, kinds);
        let deleted = changes.iter().filter(|change| change.is_delete).count();
        let edited = Edited {
            revision: self.revision(),
            written: changes.len() - deleted,
            deleted,
            ..Edited::default()
        };
        let millis = self.millis;
        let staged = changes.into_iter().map(|change| Staged { change, millis });
        self.changes.extend(staged);
        edited
    }

    pub(super) fn valid<'t>(
        &self,
        model: &Model,
        tuples: &'t [Tuple],
    ) -> Result<Vec<Valid<'t>>, Error> {
        let bytes = self.store.limits.tuple_context_bytes;
        let valid = tuples
            .iter()
            .map(|tuple| validate::tuple(model, tuple, bytes));
        valid
            .map(|valid| valid.map_err(validate::Fault::on_write))
            .collect()
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
