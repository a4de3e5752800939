#![doc = include_str!("../README.md")]

mod beginning;
mod cells;
mod error;
mod folder;
mod image_file;
mod journal;
mod mailbox;
mod named;
mod postgres;
mod scribe;
mod settings;
mod sql;
mod sqlite;
mod store_id;
mod stores;
mod writing;

pub use beginning::Beginning;
pub use error::{JournalError, OpenError, Outage};
pub use journal::{Entry, Journal, StoreNumber, StoreRow, Touched};
pub use named::NamedStore;
pub use postgres::{
    AddressError, Encryption, PostgresAddress, PostgresJournal, PostgresSettings, SchemaName,
    SchemaNameError,
};
pub use settings::Settings;
pub use sqlite::{SqliteJournal, SqliteSettings, backup, restore};
pub use store_id::StoreId;
pub use stores::Stores;
