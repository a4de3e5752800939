//! Reading files and the rules folder, within bounds.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::document::{Format, MAX_BYTES};

/// Rule documents in one folder.
const MAX_FILES: usize = 1_024;
/// Levels of sub-folders.
const MAX_LEVELS: usize = 16;

/// Reads a file of at most [`MAX_BYTES`] bytes as UTF-8. The message names no content.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    read_at_most(path, MAX_BYTES)
}

/// Reads a file of at most `most` bytes as UTF-8. The message names no content.
pub(crate) fn read_at_most(path: &Path, most: usize) -> Result<String, String> {
    let bytes = bytes_at_most(path, most)?;
    let text = String::from_utf8(bytes).map_err(|_| String::from("it is not UTF-8 text"))?;
    // A byte order mark is no part of the text.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// Reads a file of at most `most` bytes. The message names no content.
pub(crate) fn bytes_at_most(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| reason(&error))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(String::from("it is a folder"));
    }
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| reason(&error))?;
    if bytes.len() > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    Ok(bytes)
}

/// The message of an I/O error without the numbers of the operating system.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => String::from("it does not exist"),
        io::ErrorKind::PermissionDenied => String::from("permission denied"),
        kind => kind.to_string(),
    }
}

/// The rule documents below `folder`, sorted by path. Hidden entries and other extensions are
/// skipped; links are followed as long as they stay inside.
pub(crate) fn documents(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let root = folder
        .canonicalize()
        .map_err(|error| FolderError::new(folder, reason(&error)))?;
    let mut found = Vec::new();
    collect(folder, &root, 0, &mut found)?;
    found.sort();
    Ok(found)
}

/// A folder that cannot be read as a whole.
#[derive(Debug)]
pub(crate) struct FolderError {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

impl FolderError {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

fn collect(
    folder: &Path,
    root: &Path,
    level: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), FolderError> {
    let broken = |error: &io::Error| FolderError::new(folder, reason(error));
    if level > MAX_LEVELS {
        return Err(FolderError::new(
            folder,
            format!("more than {MAX_LEVELS} levels of folders"),
        ));
    }
    for entry in fs::read_dir(folder).map_err(|error| broken(&error))? {
        let entry = entry.map_err(|error| broken(&error))?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // A link that leads nowhere is an error, not a file to skip: a rule may be missing.
        let real = path
            .canonicalize()
            .map_err(|error| FolderError::new(&path, reason(&error)))?;
        if real.is_dir() {
            inside(&path, &real, root)?;
            collect(&path, root, level + 1, found)?;
        } else if Format::of(&path).is_some() {
            inside(&path, &real, root)?;
            found.push(path);
        }
        if found.len() > MAX_FILES {
            return Err(FolderError::new(
                root,
                format!("more than {MAX_FILES} documents"),
            ));
        }
    }
    Ok(())
}

/// Editors and `ConfigMap` mounts keep their own things under names with a leading dot.
fn is_hidden(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || name.ends_with('~')
}

fn inside(path: &Path, real: &Path, root: &Path) -> Result<(), FolderError> {
    if real.starts_with(root) {
        return Ok(());
    }
    Err(FolderError::new(
        path,
        "it is a link that leaves the rules folder",
    ))
}
