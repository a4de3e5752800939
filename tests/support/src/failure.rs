//! What went wrong while preparing or running a test, as one readable text.

use std::error::Error;
use std::fmt;

/// A failure told to the developer. `Debug` prints the text as it is, because that is what the
/// test harness shows.
#[derive(Clone)]
pub struct Failure(String);

impl Failure {
    /// A failure that reads `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same failure, saying first what was under way.
    #[must_use]
    pub fn during(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}
