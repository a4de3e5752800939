//! What can go wrong.

use thiserror::Error;

/// Why a verdict may not be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotCacheable {
    /// An error decides nothing, so there is nothing to remember.
    #[error("an error outcome is never remembered")]
    ErrorOutcome,
    /// The exports and backend parts take more than 256 KiB.
    #[error("the verdict is too large to be remembered")]
    TooLarge,
    /// The exports or backend parts are nested more than 64 levels deep.
    #[error("the verdict is nested too deeply to be remembered")]
    TooDeep,
}

/// Why the cache cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is not `host:port`.
    #[error("`{0}` is not an address such as `redis.internal:6379`")]
    Address(String),
    /// The trust anchors cannot be read.
    #[error("the certificate authorities for redis cannot be used: {0}")]
    Authorities(String),
    /// There is no async runtime to connect from.
    #[error("a redis cache must be opened inside a tokio runtime")]
    NoRuntime,
}
