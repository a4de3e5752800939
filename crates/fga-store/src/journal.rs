//! Where stores are written down before anybody sees what changed.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::path::Path;

use ztag_fga::{NumberedChange, Revision};
use ztag_types::Timestamp;

use crate::error::JournalError;
use crate::store_id::StoreId;

/// The number of a store in a journal. Numbers are never given again.
pub type StoreNumber = i64;

/// Something that keeps what is written, so that it is still there after a crash.
///
/// One task uses a journal, one call after the other. The changes of a store are the truth; its
/// tuples follow from them. No call is given up halfway.
///
/// What a journal says by itself here is true of one that nobody else writes to.
pub trait Journal: Debug + Send + 'static {
    /// Those of the stores that were not deleted.
    fn stores(
        &mut self,
        which: &Touched,
    ) -> impl Future<Output = Result<Vec<StoreRow>, JournalError>> + Send;

    /// The models of a store as JSON, the oldest first.
    fn models(
        &mut self,
        store: StoreNumber,
    ) -> impl Future<Output = Result<Vec<String>, JournalError>> + Send;

    /// The assertions of a store: ids of models, and a list as JSON.
    fn assertions(
        &mut self,
        store: StoreNumber,
    ) -> impl Future<Output = Result<Vec<(String, String)>, JournalError>> + Send;

    /// Up to `limit` changes after `after`, in order. Where changes were folded there are gaps.
    fn changes(
        &mut self,
        store: StoreNumber,
        after: Revision,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<NumberedChange>, JournalError>> + Send;

    /// A number that no store has or had.
    fn next_number(&mut self) -> impl Future<Output = Result<StoreNumber, JournalError>> + Send;

    /// Writes all entries down, or none. When it returns, they outlive a crash of the machine.
    ///
    /// Changes go behind those that are there. [`JournalError::Conflict`] where others got ahead,
    /// which cannot happen to stores that are reserved. After any other error it is not known
    /// whether the entries are there. A reservation ends in any case.
    fn commit(
        &mut self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// From now on whatever is read is as of one moment, until [`Journal::release`].
    fn freeze(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send {
        async { Ok(()) }
    }

    /// From now on nobody else changes these stores, until [`Journal::commit`] or
    /// [`Journal::release`]. Waits for those who do, for a bounded time.
    fn reserve(
        &mut self,
        stores: &[StoreNumber],
    ) -> impl Future<Output = Result<(), JournalError>> + Send {
        let _ = stores;
        async { Ok(()) }
    }

    /// Ends what `freeze` or `reserve` began, if anything.
    fn release(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Whether entries could be written now.
    fn probe(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether this process is the one that cleans up, of all who share the journal.
    fn leads(&mut self) -> impl Future<Output = Result<bool, JournalError>> + Send {
        async { Ok(true) }
    }

    /// Removes up to `limit` changes of deleted stores for good; whether some are left.
    fn purge(&mut self, limit: usize) -> impl Future<Output = Result<bool, JournalError>> + Send;

    /// Copies everything to a new file, while writes go on.
    fn backup(&mut self, to: &Path) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether other processes may write as well.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns when other processes may have written, and where. Dropping the future halfway is
    /// fine.
    fn woken(&mut self) -> impl Future<Output = Touched> + Send {
        std::future::pending()
    }

    /// Lets go of everything in good order.
    fn close(self) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// Stores that somebody may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Any of them.
    All,
    /// These.
    Some(BTreeSet<StoreNumber>),
}

impl Touched {
    /// Whether it may have been this store.
    pub fn contains(&self, store: StoreNumber) -> bool {
        match self {
            Self::All => true,
            Self::Some(numbers) => numbers.contains(&store),
        }
    }
}

/// A store, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRow {
    /// Its number.
    pub number: StoreNumber,
    /// Its id.
    pub id: StoreId,
    /// Its name.
    pub name: String,
    /// When it was made, in whole milliseconds.
    pub created: Timestamp,
    /// Its last change.
    pub revision: Revision,
    /// Changes up to here were folded.
    pub folded: Revision,
    /// How often its models or assertions changed.
    pub generation: i64,
}

/// Something to write down.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A new store, without changes yet.
    Created(StoreRow),
    /// A store is gone.
    Deleted {
        /// Which.
        store: StoreNumber,
    },
    /// Changes of a store.
    Changes {
        /// Which.
        store: StoreNumber,
        /// The last change that must be there.
        after: Revision,
        /// The generation that it must have.
        generation: i64,
        /// The changes that follow.
        changes: Vec<NumberedChange>,
    },
    /// A new model.
    Model {
        /// The store.
        store: StoreNumber,
        /// The id of the model.
        id: String,
        /// The model as JSON.
        spec: String,
        /// Ids of models that make room for it.
        outdated: Vec<String>,
    },
    /// The assertions of a model.
    Assertions {
        /// The store.
        store: StoreNumber,
        /// The id of the model.
        model: String,
        /// A list as JSON.
        content: String,
    },
    /// Changes that nobody needs any more.
    Folded {
        /// The store.
        store: StoreNumber,
        /// How far changes were folded.
        until: Revision,
        /// Those to forget.
        dropped: Vec<Revision>,
    },
}

impl Entry {
    /// The store that it is about.
    pub const fn store(&self) -> StoreNumber {
        match self {
            Self::Created(row) => row.number,
            Self::Deleted { store }
            | Self::Changes { store, .. }
            | Self::Model { store, .. }
            | Self::Assertions { store, .. }
            | Self::Folded { store, .. } => *store,
        }
    }
}
