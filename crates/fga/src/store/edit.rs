//! Everything that changes tuples.

use ztag_types::Timestamp;

use crate::model::ModelId;
use crate::store::changes::TupleChange;
use crate::store::read::TupleFilter;
use crate::store::write::{Revision, WriteRequest};
use crate::tuple::{Fields, TupleCondition};

/// A change of tuples that happens whole or not at all.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Tuples written and deleted one by one.
    Write(WriteRequest),
    /// Every tuple that a filter matches, step by step.
    Delete(DeleteRequest),
    /// All users of one relation of one object.
    Replace(ReplaceRequest),
    /// Tuples whose time is over, step by step.
    Expire(ExpireRequest),
}

/// Asks to delete what a filter matches: a step deletes as many tuples as
/// [`Limits::changes_per_edit`](crate::Limits) allows.
///
/// A user without an object stands for all objects; an object without id (`type:`) for all of its
/// type, whoever the users are.
#[derive(Clone, Debug, Default)]
pub struct DeleteRequest {
    /// Which tuples; a user or an object must be named.
    pub filter: TupleFilter,
    /// What the step before answered; empty at the beginning.
    pub continuation_token: String,
}

/// Asks that a relation of an object has these users and no others.
#[derive(Clone, Debug, Default)]
pub struct ReplaceRequest {
    /// The model that must allow the tuples; the latest if none is named.
    pub model: Option<ModelId>,
    /// The object.
    pub object: String,
    /// The relation.
    pub relation: String,
    /// Who has it from now on; nobody if empty.
    pub users: Vec<RelatedUser>,
}

/// A user of a relation, and under what condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelatedUser {
    /// The user, as a tuple names it.
    pub user: String,
    /// The condition, if there is one.
    pub condition: Option<TupleCondition>,
}

/// Asks to delete tuples whose condition says that they are over: those whose stored context holds
/// a time (RFC 3339) under a key that is agreed on.
///
/// A check does not look at this key, only at what the condition makes of it; what is deleted
/// should be what the condition refuses for ever.
#[derive(Clone, Debug)]
pub struct ExpireRequest {
    /// The key of stored contexts.
    pub key: String,
    /// Tuples whose time is before this are over.
    pub before: Timestamp,
    /// Where the step before ended; the beginning at first.
    pub after: Revision,
}

/// What an edit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The number of the last change that every question from now on sees.
    pub revision: Revision,
    /// Tuples written.
    pub written: usize,
    /// Tuples deleted.
    pub deleted: usize,
    /// What to go on with; empty where nothing is left to do.
    pub continuation_token: String,
    /// How far a step of [`Edit::Expire`] looked; `None` where it looked at everything.
    pub looked_until: Option<Revision>,
}

/// A change with its number, as journals keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedChange {
    /// The number.
    pub revision: Revision,
    /// The change.
    pub change: TupleChange,
}

impl ExpireRequest {
    /// Whether a stored context says that its tuple is over.
    pub(super) fn covers(&self, context: Option<&Fields>) -> bool {
        let text = context.and_then(|fields| fields.get(&self.key)?.as_str());
        let time = text.and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
        time.is_some_and(|time| {
            let nanos = time.timestamp_subsec_nanos().min(999_999_999);
            let time = Timestamp::new(time.timestamp(), nanos);
            time.is_some_and(|time| time < self.before)
        })
    }
}
