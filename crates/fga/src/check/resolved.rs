//! Questions whose names are resolved once and asked often.

use std::sync::Arc;

use crate::check::Session;
use crate::error::Error;
use crate::ids::{EntityId, NodeId};
use crate::model::{Model, ModelId};
use crate::store::{Asked, Call, Store, Subject};
use crate::tuple::{Fields, Tuple};

/// A user of a [`Checker`].
#[derive(Clone, Copy, Debug)]
pub struct ResolvedUser(Subject);

/// A relation of a type, as a [`Checker`] knows it.
#[derive(Clone, Copy, Debug)]
pub struct ResolvedRelation(NodeId);

/// One model over one state of a store, with names resolved by hand. What it answers is as of
/// the moment at which it was made.
pub struct Checker<'a> {
    asked: Asked<'a>,
}

impl std::fmt::Debug for Checker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker")
            .field("model", self.asked.model.id())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// A checker over the state of this moment, with tuples to assume and parameters of
    /// conditions.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn checker<'a>(
        &'a self,
        model: Option<&ModelId>,
        contextual_tuples: &[Tuple],
        context: &'a Fields,
    ) -> Result<Checker<'a>, Error> {
        let asked = self.ask(model, contextual_tuples, context, Call::Check)?;
        Ok(Checker { asked })
    }
}

impl Checker<'_> {
    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.asked.model
    }

    /// Resolves a user.
    ///
    /// # Errors
    /// `validation_error` where the model does not know its type or relation.
    pub fn user(&mut self, user: &str) -> Result<ResolvedUser, Error> {
        self.asked.subject(user).map(ResolvedUser)
    }

    /// Resolves an object and the relation asked about.
    ///
    /// # Errors
    /// `validation_error` where the model does not know its type or relation.
    pub fn object(
        &mut self,
        object: &str,
        relation: &str,
    ) -> Result<(EntityId, ResolvedRelation), Error> {
        let (entity, node) = self.asked.target(object, relation)?;
        Ok((entity, ResolvedRelation(node)))
    }

    /// Resolves a user, and an object and the relation asked about, which takes less time than one
    /// after the other.
    ///
    /// # Errors
    /// `validation_error` where the model does not know a type or relation.
    pub fn question(
        &mut self,
        user: &str,
        relation: &str,
        object: &str,
    ) -> Result<(ResolvedUser, ResolvedRelation, EntityId), Error> {
        let (subject, object, node) = self.asked.question(user, relation, object)?;
        Ok((ResolvedUser(subject), ResolvedRelation(node), object))
    }

    /// Whether the user has the relation to the object, all by their names. Such questions are timed as
    /// well as counted.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check_names(&mut self, user: &str, relation: &str, object: &str) -> Result<bool, Error> {
        let store = self.asked.store;
        let answer = store.timed(|| {
            let (subject, object, node) = self.asked.question(user, relation, object)?;
            Session::new(&self.asked, subject).check(object, node.plan())
        });
        store.activity.answered(&answer);
        answer
    }

    /// Whether the user has the relation to the object. Such questions are counted, and not timed.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check(
        &self,
        user: ResolvedUser,
        relation: ResolvedRelation,
        object: EntityId,
    ) -> Result<bool, Error> {
        let answer = Session::new(&self.asked, user.0).check(object, relation.0.plan());
        self.asked.store.activity.answered(&answer);
        answer
    }

    /// Whether the user has the relation to each of the objects: what is found out for one of
    /// them is known for the next.
    pub fn check_all(
        &self,
        user: ResolvedUser,
        relation: ResolvedRelation,
        objects: &[EntityId],
    ) -> Vec<Result<bool, Error>> {
        let mut session = Session::shared(&self.asked, user.0);
        let answers = objects.iter().map(|object| {
            let answer = session.check(*object, relation.0.plan());
            self.asked.store.activity.answered(&answer);
            answer
        });
        answers.collect()
    }
}
