//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use ztag_test_support::{Failure, workspace};

/// Folders that hold no sources of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];

/// A text file of the repository.
pub(crate) struct Source {
    /// Its path inside the repository, with `/`.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) text: String,
}

/// Every file of the repository whose name ends in `.{extension}`, sorted by name.
pub(crate) fn files(extension: &str) -> Result<Vec<Source>, Failure> {
    let root = workspace();
    let mut paths = Vec::new();
    walk(&root, &mut paths)?;
    paths.retain(|path| path.extension().is_some_and(|own| own == extension));
    paths.sort();
    paths.iter().map(|path| read(&root, path)).collect()
}

/// The folders below `crates/` and `bins/`, with the rest of their path.
pub(crate) fn packages() -> Result<Vec<PathBuf>, Failure> {
    let mut packages = Vec::new();
    for shelf in ["crates", "bins"] {
        for entry in fs::read_dir(workspace().join(shelf))? {
            packages.push(entry?.path());
        }
    }
    packages.retain(|path| path.join("Cargo.toml").exists());
    packages.sort();
    Ok(packages)
}

/// Fails with one line per deviation, when there is any.
pub(crate) fn report(deviations: &[String]) -> Result<(), Failure> {
    if deviations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(deviations.join("\n")))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        if hidden || SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn read(root: &Path, path: &Path) -> Result<Source, Failure> {
    let name = path.strip_prefix(root).unwrap_or(path);
    let name = name.to_string_lossy().replace('\\', "/");
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(Source { name, text })
}
