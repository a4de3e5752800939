//! One store: models, tuples, the log of their changes, assertions.

mod assertions;
mod batch;
mod bulk;
mod changes;
mod edit;
mod fold;
mod image;
mod log;
mod models;
mod question;
mod read;
mod renewal;
mod resolve;
mod restore;
mod select;
mod staging;
mod token;
mod validate;
mod write;
mod writer;

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use ztag_types::{Clock, SystemClock};

use crate::activity::{Activity, Tally};
use crate::index::{Entities, Snapshot};
use crate::limits::Limits;
use crate::symbols::Symbols;
use assertions::Assertions;
use log::Log;
use models::Models;

pub use assertions::Assertion;
pub use changes::{ChangesPage, ChangesRequest, TupleChange};
pub use edit::{
    DeleteRequest, Edit, Edited, ExpireRequest, NumberedChange, RelatedUser, ReplaceRequest,
};
pub use fold::Fold;
pub(crate) use question::{NamedSubject, NamedTarget, Subject};
pub use read::{ReadPage, ReadRequest, StoredTuple, TupleFilter};
pub use renewal::Renewal;
pub(crate) use resolve::{Asked, Call};
pub use restore::Restore;
pub use staging::Staging;
pub use write::{OnDuplicate, OnMissing, Revision, WriteRequest};
pub use writer::{StagedModel, Writer};

/// A store of models and tuples, in memory.
///
/// A write is either seen whole by every question asked after it returned, or not at all.
/// Questions take no lock that a write holds for long: names are looked up under a short lock, and
/// everything else is read from an immutable snapshot.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    clock: Arc<dyn Clock>,
    symbols: RwLock<Symbols>,
    entities: RwLock<Entities>,
    models: RwLock<Models>,
    assertions: RwLock<Assertions>,
    /// Held by the one write at a time.
    turn: Mutex<()>,
    log: RwLock<Log>,
    snapshot: ArcSwap<Snapshot>,
    /// Whether only its [`Writer`] may change it.
    is_journaled: bool,
    pub(crate) activity: Activity,
}

/// How large a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Tuples stored.
    pub tuples: usize,
    /// Objects that tuples have named.
    pub entities: usize,
    /// Bytes of the immutable part of the index.
    pub index_bytes: usize,
    /// Bytes of the names of objects.
    pub name_bytes: usize,
    /// Bytes of the log of changes.
    pub log_bytes: usize,
}

impl Store {
    /// An empty store with these limits and the system's clock.
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, Arc::new(SystemClock::new()))
    }

    /// An empty store with these limits and this clock.
    pub fn with_clock(mut limits: Limits, clock: Arc<dyn Clock>) -> Self {
        limits.resolution_depth = limits.resolution_depth.min(64);
        Self {
            limits,
            clock,
            symbols: RwLock::default(),
            entities: RwLock::default(),
            models: RwLock::default(),
            assertions: RwLock::default(),
            turn: Mutex::default(),
            log: RwLock::default(),
            snapshot: ArcSwap::default(),
            is_journaled: false,
            activity: Activity::default(),
        }
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What tells it the time.
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What the store has been asked and told since it was opened.
    pub fn tally(&self) -> Tally {
        self.activity.tally()
    }

    /// How large the store is.
    pub fn size(&self) -> Size {
        let snapshot = self.snapshot.load();
        let entities = self.entities.read();
        Size {
            tuples: snapshot.tuples(),
            entities: entities.count(),
            index_bytes: snapshot.bytes(),
            name_bytes: entities.bytes(),
            log_bytes: self.log.read().bytes(),
        }
    }

    /// Rebuilds the index as one piece, which happens by itself now and then.
    pub fn compact(&self) {
        let _turn = self.turn.lock();
        let bound = {
            let mut entities = self.entities.write();
            entities.shrink();
            entities.bound()
        };
        self.snapshot
            .store(Arc::new(self.snapshot.load().rebuilt(bound)));
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}
