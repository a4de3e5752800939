//! Where stores are kept, and how: `--store`, `backup`, `restore`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::runtime;
use ztag_fga::Limits;
use ztag_fga_store::{
    AddressError, OpenError, PostgresSettings, SchemaName, Settings, Stores, backup, restore,
};
use ztag_types::DurationSpec;

use super::trouble::{Outcome, Trouble};

/// The place that keeps nothing.
const MEMORY: &str = "memory";

#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// Where stores are kept: a folder of their own; a database that several servers may share, as
    /// `postgres://user@host/database`; or `memory`, which forgets them when the server ends. An
    /// address with a password is better in the environment than on the command line.
    #[arg(
        long,
        value_name = "DIR|URL|memory",
        default_value = MEMORY,
        env = "ZTAG_FGA_STORE",
        hide_env_values = true
    )]
    store: String,

    /// Schema of the tables in a database, which is made if it is not there.
    #[arg(long, value_name = "NAME", default_value_t)]
    schema: SchemaName,

    /// Folder for images of the stores of a database: they make a start fast, and one server uses
    /// it at a time.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// How long to keep changes that were taken back, such as `30d`, for those who read changes; for
    /// ever if nothing is said.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    keep_changes: Option<Duration>,

    /// Delete tuples when the time (RFC 3339) that their stored context has under this key is over.
    #[arg(long, value_name = "KEY")]
    expire_by: Option<String>,

    /// Look at every page of the database before anything is served, however large it is.
    #[arg(long)]
    verify: bool,
}

impl PlaceArguments {
    /// Opens the stores; in a folder, those that are there.
    pub(super) fn open(&self, limits: Limits) -> Result<Stores, Trouble> {
        let mut settings = Settings {
            limits,
            keep_changes: self.keep_changes,
            expire_by: self.expire_by.clone(),
            ..Settings::default()
        };
        settings.sqlite.verify = self.verify;
        if let Some(database) = self.database()? {
            return Ok(Stores::connect(settings, database)?);
        }
        if self.images.is_some() {
            return Err(Trouble::new("`--images` needs `--store postgres://...`"));
        }
        if self.store != MEMORY {
            return Ok(Stores::open(Path::new(&self.store), settings)?);
        }
        if self.keep_changes.is_some() || self.expire_by.is_some() || self.verify {
            let message = "`--keep-changes`, `--expire-by` and `--verify` need `--store DIR`";
            return Err(Trouble::new(message));
        }
        Ok(Stores::in_memory(settings))
    }

    /// The database that is meant, if one is. Its address is never shown: it may hold a password.
    fn database(&self) -> Result<Option<PostgresSettings>, Trouble> {
        if !is_address(&self.store) {
            return Ok(None);
        }
        let address = self.store.parse();
        let address = address.map_err(|error: AddressError| {
            Trouble::new(format!(
                "the address of the database cannot be used: {error}"
            ))
        })?;
        if self.verify {
            return Err(Trouble::new("`--verify` needs `--store DIR`"));
        }
        Ok(Some(PostgresSettings {
            schema: self.schema.clone(),
            images: self.images.clone(),
            ..PostgresSettings::new(address)
        }))
    }
}

fn is_address(place: &str) -> bool {
    ["postgres:", "postgresql:"]
        .iter()
        .any(|scheme| place.starts_with(scheme))
}

/// Copies of a database are made with its own tools.
fn refuse_address(place: &Path) -> Result<(), Trouble> {
    if place.to_str().is_some_and(is_address) {
        let message = "a database is copied with `pg_dump` and `pg_restore`, also while it is used";
        return Err(Trouble::new(message));
    }
    Ok(())
}

#[derive(Debug, Args)]
#[command(after_help = "A server may be running on the folder; it goes on.")]
pub(super) struct BackupArguments {
    /// The folder of the stores.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,

    /// The file to write, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Nothing is overwritten: the folder must not have stores yet.")]
pub(super) struct RestoreArguments {
    /// The file that `backup` wrote.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

pub(super) fn run_backup(arguments: &BackupArguments) -> Outcome {
    refuse_address(&arguments.store)?;
    wait(backup(&arguments.store, &arguments.to))?;
    writeln!(io::stdout(), "written to {}", arguments.to.display())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run_restore(arguments: &RestoreArguments) -> Outcome {
    refuse_address(&arguments.store)?;
    wait(restore(&arguments.from, &arguments.store))?;
    writeln!(io::stdout(), "restored to {}", arguments.store.display())?;
    Ok(ExitCode::SUCCESS)
}

fn wait(work: impl Future<Output = Result<(), OpenError>>) -> Result<(), Trouble> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work)?)
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: DurationSpec = text.parse().map_err(|error| format!("{error}"))?;
    Ok(parsed.get())
}
