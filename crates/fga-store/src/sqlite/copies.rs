//! Backups, and folders made of them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use sqlx::{ConnectOptions, SqliteConnection};

use super::{FILE, SqliteJournal, options, wrong};
use crate::error::{JournalError, OpenError};
use crate::folder;
use crate::journal::Journal;

/// Copies the stores of a folder to a new file, also while a server writes to them.
///
/// # Errors
/// A file that exists already; a folder without stores; anything that keeps it from being written.
pub async fn backup(folder: &Path, to: &Path) -> Result<(), OpenError> {
    let from = folder.join(FILE);
    fs::metadata(&from).map_err(|error| OpenError::file(&from, error))?;
    let connection = options(&from).create_if_missing(false).connect().await;
    let mut journal = SqliteJournal::of(connection.map_err(|error| wrong(&error))?);
    journal.judge(false).await?;
    let done = journal.backup(to).await;
    journal.close().await?;
    Ok(done?)
}

/// Makes a folder of stores from a backup, which is looked at whole before. The folder must not
/// have stores yet.
///
/// # Errors
/// Stores that are there already, in use or not; a backup that is damaged or none.
pub async fn restore(from: &Path, folder: &Path) -> Result<(), OpenError> {
    fs::metadata(from).map_err(|error| OpenError::file(from, error))?;
    let _lock = folder::lock(folder)?;
    let path = folder.join(FILE);
    if path.exists() {
        return Err(OpenError::Exists(path.display().to_string()));
    }
    let draft = folder.join(format!("{FILE}.new"));
    let _ = fs::remove_file(&draft);
    folder::copy_private(from, &draft).map_err(|error| OpenError::file(&draft, error))?;
    let judged = judge_copy(&draft).await;
    if let Err(error) = judged {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    folder::put_in_place(&draft, &path).map_err(|error| OpenError::file(&path, error))
}

async fn judge_copy(path: &Path) -> Result<(), OpenError> {
    let connection = options(path)
        .create_if_missing(false)
        .read_only(true)
        .immutable(true)
        .connect()
        .await;
    let mut journal = SqliteJournal::of(connection.map_err(|error| wrong(&error))?);
    let judged = journal.judge(true).await;
    let version = journal.number("PRAGMA user_version").await;
    journal.close().await?;
    judged?;
    if version? == 0 {
        return Err(JournalError::Damaged("not a backup of stores".into()).into());
    }
    Ok(())
}

/// Copies everything to a new file that only we may read.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    to: &Path,
) -> Result<(), JournalError> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => JournalError::Failed(format!("`{}` exists", to.display())),
        ErrorKind::StorageFull => JournalError::Full,
        _ => JournalError::Failed(format!("`{}`: {error}", to.display())),
    };
    folder::create_new_private(to).map_err(failed)?;
    let text = to.to_string_lossy().into_owned();
    let done = sqlx::query("VACUUM INTO $1").bind(text).execute(connection);
    let done = match done.await {
        Ok(_) => folder::sync_new(to).map_err(failed),
        Err(error) => Err(wrong(&error)),
    };
    if done.is_err() {
        let _ = fs::remove_file(to);
    }
    done
}
