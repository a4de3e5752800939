//! Where a configuration is read from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a configuration is read from. The library never looks at the process's own environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The main document; YAML unless its name ends in `.toml`, `.tml` or `.json`.
    pub file: Option<PathBuf>,
    /// Environment variables: those with the prefix `ZTAG_` override keys, the others can be read
    /// through `server.variables.environment`.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// Only a file, no environment.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(path.into()),
            environment: BTreeMap::new(),
        }
    }

    /// The same with these environment variables.
    #[must_use]
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        self.environment.extend(variables);
        self
    }

    /// The folder that relative paths start at: that of the main document, else the current one.
    pub fn base(&self) -> PathBuf {
        let folder = self.file.as_deref().and_then(Path::parent);
        folder.map_or_else(PathBuf::new, Path::to_owned)
    }
}
