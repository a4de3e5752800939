//! `SQLite`: one file, one process.

mod copies;
mod tables;

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, raw_sql};
use ztag_fga::{NumberedChange, Revision};

use crate::error::{JournalError, OpenError};
use crate::folder::{self, sync_folder};
use crate::journal::{Entry, Journal, StoreNumber, StoreRow, Touched};
use crate::sql::{self, Dialect};
use crate::writing;

pub use copies::{backup, restore};

/// The file in a folder of stores.
const FILE: &str = "stores.db";
/// Tells our files from those of other programs: "ZTFG".
const APPLICATION: i64 = 0x5a54_4647;
const DIALECT: Dialect = Dialect {
    by_key: " WITHOUT ROWID",
};
/// How long a backup or a checkpoint of somebody else may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a database up to which every page of it is looked at when it is opened.
const SMALL: u64 = 64 << 20;
/// Rows that wait between the thread of `SQLite` and us.
const ROWS: usize = 1024;

/// A journal in a file of `SQLite`, with a log of its own in front (`-wal`). A commit is on the disk
/// when it returns.
pub struct SqliteJournal {
    connection: SqliteConnection,
    /// The number given last; 0 before any was.
    last_number: StoreNumber,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqliteSettings {
    /// Bytes that the file may have; as many as there is room for if nothing is said. What is in
    /// the log in front comes on top.
    pub max_bytes: Option<u64>,
    /// Whether every page is looked at before anything is read, however large the file.
    pub verify: bool,
}

impl SqliteJournal {
    /// Opens the file of a folder, or makes it. The caller has locked the folder.
    ///
    /// # Errors
    /// A file that is not ours, newer than we are, or damaged; a folder that cannot be written.
    pub async fn open(folder: &Path, settings: SqliteSettings) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        folder::create_private(&path).map_err(|error| OpenError::file(&path, error))?;
        let size = fs::metadata(&path).map_or(0, |found| found.len());
        let options = options(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .row_buffer_size(ROWS);
        let connection = options.connect().await.map_err(|error| wrong(&error))?;
        let mut journal = Self::of(connection);
        journal.judge(settings.verify || size <= SMALL).await?;
        journal.migrate().await?;
        if let Some(bytes) = settings.max_bytes {
            journal.limit(bytes).await?;
        }
        sync_folder(folder).map_err(|error| OpenError::file(folder, error))?;
        Ok(journal)
    }

    const fn of(connection: SqliteConnection) -> Self {
        Self {
            connection,
            last_number: 0,
        }
    }

    /// Refuses files that are not ours, and damaged ones where `wholly` is asked for.
    async fn judge(&mut self, wholly: bool) -> Result<(), JournalError> {
        let application = self.number("PRAGMA application_id").await?;
        let version = self.number("PRAGMA user_version").await?;
        let tables = self.number("SELECT count(*) FROM sqlite_schema").await?;
        if application != APPLICATION && (application, tables) != (0, 0) {
            return Err(JournalError::Damaged("not a file of stores".into()));
        }
        if usize::try_from(version).is_ok_and(|version| version > sql::VERSION) {
            let message = format!("version {version} of the tables is newer than this program");
            return Err(JournalError::Damaged(message));
        }
        if wholly {
            self.verify().await?;
        }
        Ok(())
    }

    /// Looks at every page.
    async fn verify(&mut self) -> Result<(), JournalError> {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| wrong(&error))?;
        if found == "ok" {
            return Ok(());
        }
        Err(JournalError::Damaged(found))
    }

    /// Brings the tables to this program's version.
    async fn migrate(&mut self) -> Result<(), JournalError> {
        let version = self.number("PRAGMA user_version").await?;
        let done = usize::try_from(version).unwrap_or_default();
        for (step, number) in sql::MIGRATIONS.iter().zip(1..).skip(done) {
            let mut text = String::from("BEGIN IMMEDIATE;");
            for statement in sql::statements(step, DIALECT) {
                text.push_str(&statement);
                text.push(';');
            }
            let _ = write!(
                text,
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number}; COMMIT"
            );
            self.run(text).await?;
        }
        Ok(())
    }

    async fn limit(&mut self, bytes: u64) -> Result<(), JournalError> {
        let page = self.number("PRAGMA page_size").await?;
        let page = u64::try_from(page).unwrap_or(4096).max(1);
        self.run(format!("PRAGMA max_page_count = {}", bytes / page))
            .await
    }

    async fn number(&mut self, query: &'static str) -> Result<i64, JournalError> {
        let number = sqlx::query_scalar(query).fetch_one(&mut self.connection);
        number.await.map_err(|error| wrong(&error))
    }

    /// Runs statements of our own, which hold nothing that a caller wrote.
    async fn run(&mut self, text: impl Into<String>) -> Result<(), JournalError> {
        let done = raw_sql(AssertSqlSafe(text.into())).execute(&mut self.connection);
        done.await.map(drop).map_err(|error| wrong(&error))
    }
}

impl Journal for SqliteJournal {
    async fn stores(&mut self, which: &Touched) -> Result<Vec<StoreRow>, JournalError> {
        let mut rows = tables::stores(&mut self.connection).await?;
        rows.retain(|row| which.contains(row.number));
        Ok(rows)
    }

    async fn models(&mut self, store: StoreNumber) -> Result<Vec<String>, JournalError> {
        tables::models(&mut self.connection, store).await
    }

    async fn assertions(
        &mut self,
        store: StoreNumber,
    ) -> Result<Vec<(String, String)>, JournalError> {
        tables::assertions(&mut self.connection, store).await
    }

    async fn changes(
        &mut self,
        store: StoreNumber,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<NumberedChange>, JournalError> {
        tables::changes(&mut self.connection, store, after, limit).await
    }

    async fn next_number(&mut self) -> Result<StoreNumber, JournalError> {
        if self.last_number == 0 {
            self.last_number = self.number(sql::LAST_NUMBER).await?;
        }
        self.last_number += 1;
        Ok(self.last_number)
    }

    async fn commit(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.run("BEGIN IMMEDIATE").await?;
        let written = writing::write(&mut self.connection, entries).await;
        let done = match written {
            Ok(()) => self.run("COMMIT").await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Where the transaction has ended already there is nothing to roll back.
            let _ = self.run("ROLLBACK").await;
        }
        done
    }

    async fn probe(&mut self) -> Result<(), JournalError> {
        self.run("BEGIN IMMEDIATE").await?;
        let written = tables::probe(&mut self.connection).await;
        let done = match written {
            Ok(()) => self.run("COMMIT").await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            let _ = self.run("ROLLBACK").await;
        }
        done
    }

    async fn purge(&mut self, limit: usize) -> Result<bool, JournalError> {
        tables::purge(&mut self.connection, limit).await
    }

    async fn backup(&mut self, to: &Path) -> Result<(), JournalError> {
        copies::write(&mut self.connection, to).await
    }

    async fn close(self) -> Result<(), JournalError> {
        self.connection.close().await.map_err(|error| wrong(&error))
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .thread_name(|number| format!("sqlite-{number}"))
        .disable_statement_logging()
}

/// What `SQLite` says, in our words. Result codes: <https://sqlite.org/rescode.html>.
fn wrong(error: &sqlx::Error) -> JournalError {
    const FULL: u32 = 13;
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    let sqlx::Error::Database(found) = error else {
        return JournalError::Failed(error.to_string());
    };
    let code = found.code().and_then(|code| code.parse::<u32>().ok());
    // The lower eight bits are the kind of the failure.
    match code.map(|code| code & 0xff) {
        Some(FULL) => JournalError::Full,
        Some(CORRUPT | NOT_A_DATABASE) => JournalError::Damaged(found.message().to_owned()),
        _ if found.is_unique_violation() => JournalError::Conflict,
        _ => JournalError::Failed(found.message().to_owned()),
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal").finish_non_exhaustive()
    }
}
