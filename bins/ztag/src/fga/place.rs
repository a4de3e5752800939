//! Where stores are kept, and how: `--store`, `backup`, `restore`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::runtime;
use ztag_fga::Limits;
use ztag_fga_store::{OpenError, Settings, Stores, backup, restore};
use ztag_types::DurationSpec;

use super::trouble::{Outcome, Trouble};

/// The place that keeps nothing.
const MEMORY: &str = "memory";

#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// Where stores are kept: a folder of their own, or `memory`, which forgets them when the server
    /// ends.
    #[arg(long, value_name = "DIR|memory", default_value = MEMORY)]
    store: PathBuf,

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
        if self.store != Path::new(MEMORY) {
            return Ok(Stores::open(&self.store, settings)?);
        }
        if self.keep_changes.is_some() || self.expire_by.is_some() || self.verify {
            let message = "`--keep-changes`, `--expire-by` and `--verify` need `--store DIR`";
            return Err(Trouble::new(message));
        }
        Ok(Stores::in_memory(settings))
    }
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
    wait(backup(&arguments.store, &arguments.to))?;
    writeln!(io::stdout(), "written to {}", arguments.to.display())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run_restore(arguments: &RestoreArguments) -> Outcome {
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
