#![doc = include_str!("../README.md")]

mod error;
mod folder;
mod image_file;
mod journal;
mod mailbox;
mod named;
mod scribe;
mod settings;
mod sql;
mod sqlite;
mod store_id;
mod stores;

pub use error::{JournalError, OpenError};
pub use journal::{Entry, Journal, StoreNumber, StoreRow};
pub use named::NamedStore;
pub use settings::Settings;
pub use sqlite::{SqliteJournal, SqliteSettings, backup, restore};
pub use store_id::StoreId;
pub use stores::Stores;
