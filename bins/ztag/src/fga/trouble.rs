//! What keeps a command from being carried out.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// What a command comes to: an exit code, or why it could not be carried out.
pub(super) type Outcome = Result<ExitCode, Trouble>;

/// A sentence for the user.
#[derive(Debug)]
pub(super) struct Trouble(String);

impl Trouble {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Something about a file.
    pub(super) fn with_file(path: &Path, error: impl fmt::Display) -> Self {
        Self(format!("`{}`: {error}", path.display()))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<ztag_fga::Error> for Trouble {
    fn from(error: ztag_fga::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<ztag_fga_store::OpenError> for Trouble {
    fn from(error: ztag_fga_store::OpenError) -> Self {
        Self(error.to_string())
    }
}
