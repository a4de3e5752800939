//! What can go wrong at the start.

use thiserror::Error;

/// Why telemetry cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The thread that empties the log buffers cannot be started.
    #[error("the log writer cannot be started: {0}")]
    Writer(#[source] std::io::Error),
    /// Another `tracing` subscriber is installed already.
    #[error("another log subscriber is installed already")]
    AlreadyInstalled,
}
