//! What goes wrong where stores are kept.

use std::io;

use ztag_fga::{Error, ErrorCode};
use ztag_types::Timestamp;

/// Why a journal did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else changed a store meanwhile. What was asked for may be right after catching up.
    #[error("another process changed the stores meanwhile")]
    Conflict,
    /// There is no room left.
    #[error("no room left for the stores")]
    Full,
    /// It does not answer, or not in time.
    #[error("the journal cannot be reached: {0}")]
    Unreachable(String),
    /// It was lost while it wrote: whether that is there shows when it is back.
    #[error("the journal was lost while it wrote: {0}")]
    Uncertain(String),
    /// What it holds makes no sense.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// It cannot do this.
    #[error("the journal cannot do this: {0}")]
    Unsupported(&'static str),
    /// Anything else.
    #[error("the journal failed: {0}")]
    Failed(String),
}

/// Why stores cannot be opened, backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has them.
    #[error("`{0}` is in use by another process")]
    InUse(String),
    /// There is something already where something new should be made.
    #[error("`{0}` exists already")]
    Exists(String),
    /// A file or folder.
    #[error("`{path}`: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A store contradicts itself, or is beyond what fits.
    #[error("store {store}: {error}")]
    Store {
        /// The id of the store.
        store: String,
        /// Why.
        error: Error,
    },
}

impl OpenError {
    pub(crate) fn file(path: &std::path::Path, error: io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            error,
        }
    }
}

/// Since when nothing can be written down, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Since when.
    pub since: Timestamp,
    /// Why, as far as the last attempt tells.
    pub why: String,
}

/// A write that was refused because it could not be kept.
pub(crate) fn unavailable(why: &JournalError) -> Error {
    match why {
        JournalError::Uncertain(why) => Error::new(
            ErrorCode::Unavailable,
            format!("it is not known whether this was written: the journal was lost: {why}"),
        ),
        _ => refused(&why.to_string()),
    }
}

/// A write that was refused without trying.
pub(crate) fn refused(why: &str) -> Error {
    Error::new(
        ErrorCode::Unavailable,
        format!("nothing was written: {why}"),
    )
}

/// A question that must know the latest, which nobody can tell.
pub(crate) fn unconfirmed(why: &str) -> Error {
    let message = format!("what is the latest cannot be confirmed: {why}");
    Error::new(ErrorCode::Unavailable, message)
}

/// The stores are closed, or their writer is gone.
pub(crate) fn closed() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "nothing was written: the stores are closed",
    )
}
