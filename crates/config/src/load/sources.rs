//! Where a configuration is read from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a configuration is read from. The library never looks at the process's own environment.
/// `Debug` shows the names of variables, not their values.
#[derive(Clone, Default)]
pub struct Sources {
    /// The main document; YAML unless its name ends in `.toml`, `.tml` or `.json`.
    pub file: Option<PathBuf>,
    /// Environment variables: those with the prefix `ZTAG_` override keys, the others can be read
    /// through `server.variables.environment`.
    pub environment: BTreeMap<String, String>,
    /// Who reads it.
    pub program: Program,
}

/// A program that is configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// Answers the questions of proxies. Routes are checked and not served.
    #[default]
    ForwardAuth,
    /// Proxies itself. Reads the short variables, such as `ZTAG_PORT`, too.
    Gateway,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("program", &self.program)
            .field("file", &self.file)
            .field("environment", &self.environment.keys())
            .finish()
    }
}

impl Sources {
    /// Only a file, no environment.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(path.into()),
            ..Self::default()
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

    /// The same for this program.
    #[must_use]
    pub const fn read_by(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// The folder that relative paths start at: that of the main document, else the current one.
    pub fn base(&self) -> PathBuf {
        let folder = self.file.as_deref().and_then(Path::parent);
        folder.map_or_else(PathBuf::new, Path::to_owned)
    }

    /// The file or folder that the configuration calls `path`.
    pub(crate) fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        // Collecting drops the `.` of `./rules`.
        self.base().join(path).components().collect()
    }
}
