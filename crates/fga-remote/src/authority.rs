//! Who answers questions about relationships, wherever the tuples are.

use std::sync::Arc;
use std::time::Duration;

use ztag_fga::{Fields, Tuple};

use crate::local::LocalStore;
use crate::remote::RemoteStore;
use crate::undecided::Undecided;

/// Who answers. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Authority {
    /// A store of this process.
    Local(Arc<LocalStore>),
    /// A store of a server.
    Remote(Arc<RemoteStore>),
}

/// Has this user this relation to this object?
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Check {
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what: `type:id`.
    pub object: String,
}

/// To which objects of a type has this user this relation?
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Who.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// The type of the objects.
    pub type_name: String,
}

/// What questions are asked with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Tuples to assume besides those stored.
    pub contextual_tuples: Vec<Tuple>,
    /// Parameters of conditions.
    pub context: Fields,
    /// How fresh the answer must be.
    pub consistency: Consistency,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// A remembered answer will do.
    #[default]
    MinimizeLatency,
    /// As of the latest write.
    HigherConsistency,
}

/// Answers to checks that were asked together.
#[derive(Clone, Debug)]
pub struct Answers {
    /// One for each check, in their order.
    pub results: Vec<Result<bool, Undecided>>,
    /// Where they come from.
    pub provenance: Provenance,
}

/// The objects that were asked for.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `type:id`, sorted.
    pub objects: Vec<String>,
    /// Whether there may be more.
    pub is_truncated: bool,
    /// Where they come from.
    pub provenance: Provenance,
}

/// Where an answer comes from, and how old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Who answered.
    pub source: Source,
    /// The change of the store as of which it was answered, at the least, where that is known.
    pub revision: Option<u64>,
    /// How many checks of a batch were answered from memory.
    pub remembered: usize,
    /// Age of the oldest answer.
    pub age: Duration,
    /// How long whoever asked may remember the answer.
    pub fresh_for: Duration,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A store of this process.
    Local,
    /// A copy of a store of a server, in this process.
    Replica,
    /// A store of a server.
    Remote,
}

impl Provenance {
    /// Of an answer that was given just now and that nobody may remember.
    pub(crate) const fn now(source: Source, revision: Option<u64>) -> Self {
        Self {
            source,
            revision,
            remembered: 0,
            age: Duration::ZERO,
            fresh_for: Duration::ZERO,
        }
    }
}

impl Source {
    /// The spelling in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Replica => "replica",
            Self::Remote => "remote",
        }
    }
}

impl Authority {
    /// Answers the checks, all of them with what is `given`. Those of a store of this process see
    /// one state of it.
    pub async fn check(&self, checks: &[Check], given: &Given) -> Answers {
        match self {
            Self::Local(store) => store.check_fresh(checks, given).await,
            Self::Remote(store) => store.check(checks, given).await,
        }
    }

    /// The objects of the wanted type to which the user has the relation, up to the limit of the
    /// store. Needs a tokio runtime.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn list_objects(&self, wanted: &Wanted, given: &Given) -> Result<Listed, Undecided> {
        match self {
            Self::Local(store) => store.list_objects(wanted, given).await,
            Self::Remote(store) => Box::pin(store.list_objects(wanted, given)).await,
        }
    }
}
