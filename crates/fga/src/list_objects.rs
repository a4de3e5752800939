//! The objects that a user has a relation to.
//!
//! Candidates are found backwards, from the user's tuples on, as if every intersection and
//! condition let everybody through. Each is then checked as any other question.

use std::ops::ControlFlow;

use ahash::AHashSet;

use crate::check::Session;
use crate::error::Error;
use crate::ids::{EntityId, NodeId, RelationId};
use crate::index::Row;
use crate::model::{ModelId, SubjectKind};
use crate::store::{Asked, Call, Store, Subject};
use crate::tuple::{Fields, Tuple};

/// A question for objects.
#[derive(Clone, Debug, Default)]
pub struct ListObjectsRequest {
    /// The model; the latest if none is named.
    pub model: Option<ModelId>,
    /// The type of the objects.
    pub type_name: String,
    /// The relation.
    pub relation: String,
    /// Who.
    pub user: String,
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    pub context: Fields,
}

/// Objects that a user has a relation to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedObjects {
    /// `type:id`, in no order.
    pub objects: Vec<String>,
    /// Whether there may be more: the cap was reached, or the search became too large.
    pub is_truncated: bool,
}

impl Store {
    /// The objects of a type that the user has the relation to, as many as the limit allows. Each
    /// of them is one for which [`Store::check`] says yes.
    ///
    /// # Errors
    /// `type_not_found`, `relation_not_found`, `validation_error`, `invalid_tuple`; and what
    /// checking a candidate failed with, where the limit is not reached.
    pub fn list_objects(&self, request: &ListObjectsRequest) -> Result<ListedObjects, Error> {
        let limit = self.limits().listed_objects;
        let mut objects = Vec::new();
        let end = self.find_objects(request, &mut |object| {
            objects.push(object);
            if objects.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let is_full = end.is_stopped;
        match end.fault {
            Some(fault) if !is_full => Err(fault),
            _ => Ok(ListedObjects {
                objects,
                is_truncated: is_full || end.is_cut,
            }),
        }
    }

    /// Hands each object to `take` as it is found, without a cap, until `take` breaks.
    ///
    /// # Errors
    /// As [`Store::list_objects`]; what checking a candidate failed with comes at the end.
    pub fn stream_objects(
        &self,
        request: &ListObjectsRequest,
        mut take: impl FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let end = self.find_objects(request, &mut take)?;
        end.fault.filter(|_| !end.is_stopped).map_or(Ok(()), Err)
    }

    fn find_objects(
        &self,
        request: &ListObjectsRequest,
        take: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<End, Error> {
        let model = request.model.as_ref();
        let tuples = &request.contextual_tuples;
        let mut asked = self.ask(model, tuples, &request.context, Call::List)?;
        let target = asked.model.node_of(&request.type_name, &request.relation)?;
        let subject = asked.subject(&request.user)?;
        self.activity.listed();
        let mut search = Backwards {
            asked: &asked,
            session: Session::shared(&asked, subject),
            target,
            seen: AHashSet::new(),
            waiting: Vec::new(),
            budget: self.limits().resolution_nodes,
            end: End::default(),
            take,
        };
        search.run(subject);
        Ok(search.end)
    }
}

/// How a search ended.
#[derive(Debug, Default)]
struct End {
    /// The first fault of a candidate.
    fault: Option<Error>,
    /// The taker has enough.
    is_stopped: bool,
    /// The budget was used up.
    is_cut: bool,
}

struct Backwards<'a> {
    asked: &'a Asked<'a>,
    session: Session<'a>,
    target: NodeId,
    /// Relations of objects that the user may have.
    seen: AHashSet<(EntityId, NodeId)>,
    waiting: Vec<(EntityId, NodeId)>,
    budget: usize,
    end: End,
    take: &'a mut dyn FnMut(String) -> ControlFlow<()>,
}

impl Backwards<'_> {
    fn run(&mut self, subject: Subject) {
        self.start(subject);
        while let Some((object, node)) = self.waiting.pop() {
            if self.end.is_stopped {
                return;
            }
            if self.budget == 0 {
                self.end.is_cut = true;
                return;
            }
            self.budget -= 1;
            self.follow(object, node);
        }
    }

    fn start(&mut self, subject: Subject) {
        if let SubjectKind::Userset(node) = subject.kind {
            self.add(subject.entity, node);
        }
        let row = self.asked.by_user(subject.entity);
        self.direct(row, subject.relation);
        if let Some(wildcard) = subject.wildcard {
            self.direct(self.asked.by_user(wildcard), RelationId::NONE);
        }
    }

    /// Adds the objects of all tuples whose user has this relation, or none.
    fn direct(&mut self, row: Row<'_>, relation: RelationId) {
        for found in row.relation(relation) {
            let object = found.edge.far();
            let kind = self.asked.kind(object);
            let reverse = self.asked.model.reverse();
            if let Some(node) = kind.and_then(|kind| reverse.node(kind, found.edge.second())) {
                self.add(object, node);
            }
        }
    }

    fn follow(&mut self, object: EntityId, node: NodeId) {
        let asked = self.asked;
        let reverse = asked.model.reverse();
        for computed in reverse.computed(node) {
            self.add(object, *computed);
        }
        let row = asked.by_user(object);
        self.direct(row, asked.model.node(node).relation);
        for child in reverse.children(node) {
            for found in row.range(RelationId::NONE, child.tupleset) {
                let far = found.edge.far();
                if asked.kind(far) == Some(child.kind) {
                    self.add(far, child.node);
                }
            }
        }
    }

    /// Adds a relation of an object, if the relation asked for can depend on it.
    fn add(&mut self, object: EntityId, node: NodeId) {
        let matters = self.asked.model.depends(self.target.plan(), node);
        if !matters || self.end.is_stopped || !self.seen.insert((object, node)) {
            return;
        }
        self.waiting.push((object, node));
        if node == self.target {
            self.judge(object);
        }
    }

    fn judge(&mut self, object: EntityId) {
        match self.session.check(object, self.target.plan()) {
            Ok(true) => {
                let name = self.asked.object_name(object);
                self.end.is_stopped = (self.take)(name).is_break();
            }
            Ok(false) => {}
            Err(fault) => {
                self.end.fault.get_or_insert(fault);
            }
        }
    }
}
