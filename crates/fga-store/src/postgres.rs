//! `PostgreSQL`: one database, any number of processes.

mod address;
mod ear;
mod schema;
mod tables;
mod trouble;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use ztag_fga::{NumberedChange, Revision};

use crate::error::{JournalError, OpenError};
use crate::journal::{Entry, Journal, StoreNumber, StoreRow, Touched};
use crate::writing;
use ear::Ear;
use schema::{lead, migrate, run};
use trouble::{is_lost, wrong, wrong_at_first};

pub use address::{AddressError, Encryption, PostgresAddress};
pub use schema::{SchemaName, SchemaNameError};

/// How long a statement may take, and how long it may wait for those of others.
const STATEMENT: Duration = Duration::from_secs(10);
/// How long the server may be silent before it counts as lost. More than a statement may take: who
/// is slow says so.
const SILENCE: Duration = Duration::from_secs(15);
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long to wait for a server when the process starts.
const START: Duration = Duration::from_secs(15);
/// Between attempts then.
const AGAIN: Duration = Duration::from_millis(200);
/// Bytes of a notification. The server takes 8,000.
const TOLD: usize = 7_000;

/// Where the stores are, and how they are followed.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// The server, the database, and who we are there.
    pub address: PostgresAddress,
    /// The schema of the tables, which is made if it is not there.
    pub schema: SchemaName,
    /// A folder for images, which no other process uses. They make a start fast; without a folder,
    /// every start reads all changes.
    pub images: Option<PathBuf>,
    /// How often to look whether others have written. The server tells within milliseconds; this is
    /// how late it can be when it does not.
    pub poll_every: Duration,
}

impl PostgresSettings {
    /// The defaults: no images, a look every second.
    pub fn new(address: PostgresAddress) -> Self {
        Self {
            address,
            schema: SchemaName::default(),
            images: None,
            poll_every: Duration::from_secs(1),
        }
    }
}

/// A journal in a schema of a database. A commit is on the server's disk when it returns.
///
/// Connections are made anew when they are lost, by whoever needs one next.
pub struct PostgresJournal {
    settings: PostgresSettings,
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    held: Held,
    ear: Ear,
    /// When to look without having been told.
    next_look: Instant,
}

/// The transaction that spans several calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Frozen,
    Reserved,
    /// It was lost with its connection.
    Lost,
}

impl PostgresJournal {
    /// Opens a schema, or makes it. Waits a while for a server that is not there yet.
    ///
    /// # Errors
    /// A server that cannot be reached or does not know us; tables that are newer than we are, or
    /// not ours.
    pub async fn open(settings: PostgresSettings) -> Result<Self, OpenError> {
        let options = settings.address.options(&settings.schema, STATEMENT);
        let mut journal = Self {
            ear: Ear::new(&options, &settings.schema),
            options,
            settings,
            connection: None,
            held: Held::Nothing,
            next_look: Instant::now(),
        };
        journal.reach().await?;
        let (connection, schema) = (journal.connection.as_mut(), &journal.settings.schema);
        if let Some(connection) = connection {
            within(migrate(connection, schema)).await?;
        }
        journal.ear.listen();
        Ok(journal)
    }

    /// Connects, as often as it takes within a while.
    async fn reach(&mut self) -> Result<(), JournalError> {
        let end = Instant::now() + START;
        loop {
            match self.connected().await {
                Err(JournalError::Unreachable(why)) if Instant::now() < end => {
                    tracing::info!(why, "waiting for the database");
                    sleep(AGAIN).await;
                }
                done => return done.map(drop),
            }
        }
    }

    /// The connection, made anew if it was lost.
    async fn connected(&mut self) -> Result<&mut PgConnection, JournalError> {
        if self.held == Held::Lost {
            let why = "the connection was lost meanwhile";
            return Err(JournalError::Unreachable(why.into()));
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options, &self.ear).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Lets go of a connection that is of no use any more.
    fn settle<T>(&mut self, done: Result<T, JournalError>) -> Result<T, JournalError> {
        if done.as_ref().is_err_and(is_lost) {
            self.connection = None;
            if self.held != Held::Nothing {
                self.held = Held::Lost;
            }
        }
        done
    }

    /// Begins the transaction that spans several calls.
    async fn hold(&mut self, begin: &'static str, held: Held) -> Result<(), JournalError> {
        let connection = self.connected().await?;
        let begun = within(run(connection, begin)).await;
        self.settle(begun)?;
        self.held = held;
        Ok(())
    }

    async fn write(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let notification = notification(&self.settings.schema, entries);
        let is_begun = self.held == Held::Reserved;
        let connection = self.connected().await?;
        if !is_begun {
            within(run(connection, "BEGIN")).await?;
        }
        let mut done = within(writing::write(connection, entries)).await;
        if done.is_ok() {
            let end = format!("{notification}; COMMIT");
            let ended = within(run(connection, end)).await;
            done = ended.map_err(|error| match error {
                JournalError::Unreachable(why) => JournalError::Uncertain(why),
                other => other,
            });
        }
        // Without a connection there is no transaction left, either.
        if done.as_ref().is_err_and(|error| !is_lost(error)) {
            within(run(connection, "ROLLBACK")).await?;
        }
        done
    }
}

impl Journal for PostgresJournal {
    async fn stores(&mut self, which: &Touched) -> Result<Vec<StoreRow>, JournalError> {
        let connection = self.connected().await?;
        let done = within(tables::stores(connection, which)).await;
        self.settle(done)
    }

    async fn models(&mut self, store: StoreNumber) -> Result<Vec<String>, JournalError> {
        let connection = self.connected().await?;
        let done = within(tables::models(connection, store)).await;
        self.settle(done)
    }

    async fn assertions(
        &mut self,
        store: StoreNumber,
    ) -> Result<Vec<(String, String)>, JournalError> {
        let connection = self.connected().await?;
        let done = within(tables::assertions(connection, store)).await;
        self.settle(done)
    }

    async fn changes(
        &mut self,
        store: StoreNumber,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<NumberedChange>, JournalError> {
        let connection = self.connected().await?;
        let done = within(tables::changes(connection, store, after, limit)).await;
        self.settle(done)
    }

    async fn next_number(&mut self) -> Result<StoreNumber, JournalError> {
        let connection = self.connected().await?;
        let next = sqlx::query_scalar("SELECT nextval('store_numbers')");
        let next = async {
            next.fetch_one(connection)
                .await
                .map_err(|error| wrong(&error))
        };
        let done = within(next).await;
        self.settle(done)
    }

    async fn commit(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let written = self.write(entries).await;
        let done = self.settle(written);
        self.held = Held::Nothing;
        done
    }

    async fn freeze(&mut self) -> Result<(), JournalError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        self.hold(begin, Held::Frozen).await
    }

    async fn reserve(&mut self, stores: &[StoreNumber]) -> Result<(), JournalError> {
        self.hold("BEGIN", Held::Reserved).await?;
        let connection = self.connected().await?;
        let locked = within(tables::lock(connection, stores)).await;
        let locked = self.settle(locked);
        if locked.is_err() {
            self.release().await;
        }
        locked
    }

    async fn release(&mut self) {
        if let (Held::Frozen | Held::Reserved, Some(connection)) =
            (self.held, self.connection.as_mut())
        {
            let ended = within(run(connection, "ROLLBACK")).await;
            if ended.is_err() {
                self.connection = None;
            }
        }
        self.held = Held::Nothing;
    }

    async fn probe(&mut self) -> Result<(), JournalError> {
        const ASK: &str = "SELECT current_setting('transaction_read_only') = 'on'";
        let connection = self.connected().await?;
        let asked = sqlx::query_scalar::<_, bool>(ASK);
        let asked = async {
            asked
                .fetch_one(connection)
                .await
                .map_err(|error| wrong(&error))
        };
        let done = within(asked).await;
        if self.settle(done)? {
            // Who asks next may reach another server.
            self.connection = None;
            return Err(JournalError::Unreachable("it takes no writes".into()));
        }
        Ok(())
    }

    async fn leads(&mut self) -> Result<bool, JournalError> {
        let schema = self.settings.schema.clone();
        // A new connection is a new session: it has to ask again.
        let connection = self.connected().await?;
        let leads = within(lead(connection, &schema)).await;
        self.settle(leads)
    }

    async fn purge(&mut self, limit: usize) -> Result<bool, JournalError> {
        let connection = self.connected().await?;
        let done = within(tables::purge(connection, limit)).await;
        self.settle(done)
    }

    async fn backup(&mut self, _: &Path) -> Result<(), JournalError> {
        Err(JournalError::Unsupported(
            "use `pg_dump`, which copies a database while it is used",
        ))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn woken(&mut self) -> Touched {
        let touched = tokio::select! {
            touched = self.ear.heard() => touched,
            () = sleep_until(self.next_look) => Touched::All,
        };
        if touched == Touched::All {
            self.next_look = Instant::now() + self.settings.poll_every;
        }
        touched
    }

    async fn close(mut self) -> Result<(), JournalError> {
        self.ear.close().await;
        match self.connection.take() {
            Some(connection) => within(part(connection)).await,
            None => Ok(()),
        }
    }
}

/// Makes a connection whose commits are on the disk when they return.
async fn connect(options: &PgConnectOptions, ear: &Ear) -> Result<PgConnection, JournalError> {
    let connected = timeout(CONNECT, options.connect()).await;
    let connected = connected.map_err(|_| JournalError::Unreachable("no answer".into()))?;
    let mut connection = connected.map_err(|error| wrong_at_first(&error))?;
    within(prepare(&mut connection, ear)).await?;
    Ok(connection)
}

async fn prepare(connection: &mut PgConnection, ear: &Ear) -> Result<(), JournalError> {
    // Stronger settings of the server stay.
    const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', FALSE)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    const ABOUT: &str = "SELECT pg_backend_pid(), current_setting('fsync') = 'on',
        current_setting('server_encoding')";
    run(connection, DURABLE).await?;
    let about = sqlx::query_as::<_, (i32, bool, String)>(ABOUT);
    let about = about.fetch_one(connection).await;
    let (process, is_synced, encoding) = about.map_err(|error| wrong(&error))?;
    if encoding != "UTF8" {
        let message = format!("the encoding of the database is {encoding}, not UTF8");
        return Err(JournalError::Damaged(message));
    }
    if !is_synced {
        tracing::warn!("the database runs with `fsync = off`: a crash of its machine loses writes");
    }
    ear.ignore(process);
    Ok(())
}

/// Ends a session. The server notices later that it is gone: what it kept from others is given
/// back before.
async fn part(mut connection: PgConnection) -> Result<(), JournalError> {
    run(&mut connection, "SELECT pg_advisory_unlock_all()").await?;
    connection.close().await.map_err(|error| wrong(&error))
}

/// The statement that tells others which stores were touched.
fn notification(schema: &SchemaName, entries: &[Entry]) -> String {
    let mut numbers: Vec<_> = entries.iter().map(Entry::store).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    let mut told = numbers.join(",");
    if told.len() > TOLD {
        // Any of them.
        told.clear();
    }
    format!("NOTIFY {schema}, '{told}'")
}

/// Waits for an answer, but not for ever.
async fn within<T>(work: impl Future<Output = Result<T, JournalError>>) -> Result<T, JournalError> {
    let silent = |_| JournalError::Unreachable("no answer".into());
    timeout(SILENCE, work).await.map_err(silent)?
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresJournal")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
