//! Edits of many tuples at once: deletion by filter, relations replaced, tuples whose time is over.

use ahash::AHashSet;

use crate::error::{Error, ErrorCode};
use crate::ids::EntityId;
use crate::index::{Change, Edge};
use crate::names::ObjectName;
use crate::store::batch::{Batch, is_same};
use crate::store::edit::{DeleteRequest, Edited, ExpireRequest, ReplaceRequest};
use crate::store::read::Reader;
use crate::store::staging::Staging;
use crate::store::token::Token;
use crate::store::write::{OnDuplicate, Revision};
use crate::tuple::Tuple;

/// Changes of the log that one step of an expiry looks at.
const LOOKED_AT: usize = 100_000;

impl Staging<'_> {
    pub(super) fn delete(&mut self, request: &DeleteRequest) -> Result<Edited, Error> {
        let after = Token::read(&request.continuation_token)?.map_or(0, |token| token.revision);
        let (changes, next) = self.matched(request, after)?;
        let mut edited = self.accept(changes);
        let token = next.map(|revision| Token::at(revision).write());
        edited.continuation_token = token.unwrap_or_default();
        Ok(edited)
    }

    /// Deletions of what the filter matches, and where the next step begins.
    fn matched(
        &self,
        request: &DeleteRequest,
        after: u32,
    ) -> Result<(Vec<Change>, Option<u32>), Error> {
        let log = self.store.log.read();
        let reader = Reader {
            log: &log,
            snapshot: &self.after,
            symbols: &self.store.symbols.read(),
            entities: &self.store.entities.read(),
        };
        let limit = self.store.limits.changes_per_edit;
        let (revisions, next) = reader.matching(&request.filter, after, limit)?;
        let mut batch = Batch::new(self.store, &self.after);
        for revision in revisions {
            // What is staged and not yet in the log came at the same time, and may stay.
            if let Some(entry) = log.at(revision) {
                batch.delete_edge(entry.object(), entry.edge)?;
            }
        }
        Ok((batch.into_changes(), next))
    }

    pub(super) fn expire(&mut self, request: &ExpireRequest) -> Result<Edited, Error> {
        let (changes, looked_until) = self.over(request)?;
        let mut edited = self.accept(changes);
        edited.looked_until = looked_until;
        Ok(edited)
    }

    /// Deletions of tuples whose time is over, and how far the log was looked at.
    fn over(&self, request: &ExpireRequest) -> Result<(Vec<Change>, Option<Revision>), Error> {
        let limit = self.store.limits.changes_per_edit;
        let log = self.store.log.read();
        let mut batch = Batch::new(self.store, &self.after);
        for (looked, entry) in log.after(request.after.0).enumerate() {
            if looked >= LOOKED_AT || batch.len() >= limit {
                let last = Revision(entry.revision.saturating_sub(1));
                return Ok((batch.into_changes(), Some(last)));
            }
            let condition = entry.condition();
            let is_over = condition.is_some_and(|own| request.covers(own.context.as_ref()));
            if is_over {
                let row = self.after.by_object(entry.object());
                let stored = row.find_stored(entry.edge.key());
                if stored.is_some_and(|found| found.revision() == entry.revision) {
                    batch.delete_edge(entry.object(), entry.edge)?;
                }
            }
        }
        Ok((batch.into_changes(), None))
    }

    pub(super) fn replace(&mut self, request: &ReplaceRequest) -> Result<Edited, Error> {
        let model = self.store.model(request.model.as_ref())?;
        let object = ObjectName::parse(&request.object)?;
        model
            .node_of(object.kind, &request.relation)
            .map_err(|error| error.coded(ErrorCode::Validation))?;
        let limit = self.store.limits.changes_per_edit;
        if request.users.len() > limit {
            return Err(too_many(limit));
        }
        let tuples: Vec<_> = request.tuples().collect();
        let valid = self.valid(&model, &tuples)?;
        let mut batch = Batch::new(self.store, &self.after);
        let mut wanted = AHashSet::new();
        let mut missing = Vec::new();
        let mut changed = Vec::new();
        for (tuple, valid) in tuples.iter().zip(&valid) {
            let change = batch.intern(tuple, valid, &model)?;
            if !wanted.insert(change.forward().key()) {
                let message = format!("the user '{}' is named twice", tuple.user);
                return Err(Error::new(ErrorCode::DuplicateTuples, message));
            }
            match self.after.stored(&change) {
                None => missing.push((tuple, valid)),
                Some(stored) => {
                    let stored = stored.condition().map(|condition| &**condition);
                    if !is_same(stored, tuple.condition.as_ref()) {
                        changed.push(change);
                    }
                }
            }
        }
        for (edge, object) in self.others(request, &wanted)? {
            batch.delete_edge(object, edge)?;
        }
        for change in changed {
            batch.delete_edge(change.object, change.forward())?;
            batch.push(change)?;
        }
        for (tuple, valid) in missing {
            batch.write(tuple, valid, &model, OnDuplicate::Error)?;
        }
        if batch.len() > limit {
            return Err(too_many(limit));
        }
        let changes = batch.into_changes();
        Ok(self.accept(changes))
    }

    /// The users of a relation that are not `wanted`, as edges of the object.
    fn others(
        &self,
        request: &ReplaceRequest,
        wanted: &AHashSet<u64>,
    ) -> Result<Vec<(Edge, EntityId)>, Error> {
        let object = ObjectName::parse(&request.object)?;
        let symbols = self.store.symbols.read();
        let entities = self.store.entities.read();
        let known = || {
            let kind = symbols.find_type(object.kind)?;
            let relation = symbols.find_relation(&request.relation)?;
            Some((entities.find(kind, object.id)?, relation))
        };
        let Some((entity, relation)) = known() else {
            return Ok(Vec::new());
        };
        let row = self.after.by_object(entity);
        let stored = row.relation(relation).map(|found| found.edge);
        let others = stored.filter(|edge| !wanted.contains(&edge.key()));
        Ok(others.map(|edge| (edge, entity)).collect())
    }
}

impl ReplaceRequest {
    /// The tuples that are there afterwards.
    fn tuples(&self) -> impl Iterator<Item = Tuple> {
        self.users.iter().map(|user| Tuple {
            user: user.user.clone(),
            relation: self.relation.clone(),
            object: self.object.clone(),
            condition: user.condition.clone(),
        })
    }
}

fn too_many(limit: usize) -> Error {
    let message = format!("the edit comes to more than {limit} changes");
    Error::new(ErrorCode::ExceededEntityLimit, message)
}
