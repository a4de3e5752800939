//! Files that only we may read, and that are there after a crash or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::OpenError;

/// The file that tells others that the folder is taken.
const LOCK: &str = "lock";
/// Who may read and write files: only their owner.
const PRIVATE_FILE: u32 = 0o600;
/// Who may look into folders: only their owner.
const PRIVATE_FOLDER: u32 = 0o700;

/// Holds a folder until it is dropped, or the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough while a process that was just forked has the file, too.
        let _ = self.0.unlock();
    }
}

/// Makes a folder if it is not there, and takes it.
pub(crate) fn lock(folder: &Path) -> Result<Lock, OpenError> {
    let wrong = |error| OpenError::file(folder, error);
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(folder)
        .map_err(wrong)?;
    let file = open_private(&folder.join(LOCK)).map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.display().to_string())),
        Err(TryLockError::Error(error)) => Err(wrong(error)),
    }
}

/// Makes an empty file if it is not there.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    open_private(path).map(drop)
}

/// Makes an empty file, which must not be there.
pub(crate) fn create_new_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
}

/// Copies a file to a new one.
pub(crate) fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = create_new_private(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}

/// Gives a file that is complete its name, whatever had it before.
pub(crate) fn put_in_place(draft: &Path, path: &Path) -> io::Result<()> {
    fs::rename(draft, path)?;
    sync_parent(path)
}

/// Sees to it that a new file is still there after a crash.
pub(crate) fn sync_new(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_parent(path)
}

/// Sees to it that the names in a folder are.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    sync_folder(parent.unwrap_or(Path::new(".")))
}

fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(path)
}
