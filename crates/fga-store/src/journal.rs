//! Where stores are written down before anybody sees what changed.

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
pub trait Journal: Debug + Send + 'static {
    /// Every store that was not deleted.
    fn stores(&mut self) -> impl Future<Output = Result<Vec<StoreRow>, JournalError>> + Send;

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

    /// Writes all entries down, or none. When it returns, they outlive a crash of the machine.
    ///
    /// Changes go behind those that are there. [`JournalError::Conflict`] where others got ahead.
    /// After any other error it is not known whether the entries are there.
    fn commit(
        &mut self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether entries could be written now.
    fn probe(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Removes up to `limit` changes of deleted stores for good; whether some are left.
    fn purge(&mut self, limit: usize) -> impl Future<Output = Result<bool, JournalError>> + Send;

    /// Copies everything to a new file, while writes go on.
    fn backup(&mut self, to: &Path) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether other processes may write as well.
    fn is_shared(&self) -> bool;

    /// Returns when another process may have written; never where none does. Dropping the future
    /// halfway is fine.
    fn woken(&mut self) -> impl Future<Output = ()> + Send;

    /// Lets go of everything in good order.
    fn close(self) -> impl Future<Output = Result<(), JournalError>> + Send;
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
