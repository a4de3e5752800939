//! What can go wrong: with the configuration, and with a call.

use std::error::Error;
use std::fmt;

use ztag_types::Diagnostic;

/// The configuration of a client cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.summary())]
pub struct BackendError {
    diagnostics: Vec<Diagnostic>,
}

impl BackendError {
    pub(crate) const fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics }
    }

    /// Everything wrong, with paths relative to the [`ClientSpec`](crate::ClientSpec).
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn summary(&self) -> String {
        let mut messages = self.diagnostics.iter().map(|found| &*found.message);
        let first = messages.next().unwrap_or("invalid configuration");
        messages.fold(first.to_owned(), |text, message| text + "; " + message)
    }
}

/// The class of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The host name did not resolve, or nobody accepted a connection in time.
    Connect,
    /// The whole call took too long.
    Timeout,
    /// The peer's certificate or TLS itself was not acceptable, or ours not to the peer.
    Tls,
    /// The reply is longer than allowed.
    BodyTooLarge,
    /// The peer did not speak HTTP, or hung up before the reply was complete.
    Protocol,
    /// The address guard denies every address of the host.
    BlockedAddress,
    /// The URL or method cannot be called.
    BadUrl,
    /// Every connection the origin may have was busy for too long.
    PoolExhausted,
    /// A page names its successor on another origin.
    CrossOriginPage,
}

impl FailureKind {
    /// Every class.
    pub const ALL: &'static [Self] = &[
        Self::Connect,
        Self::Timeout,
        Self::Tls,
        Self::BodyTooLarge,
        Self::Protocol,
        Self::BlockedAddress,
        Self::BadUrl,
        Self::PoolExhausted,
        Self::CrossOriginPage,
    ];

    /// The name in metrics and reports, such as `body_too_large`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::BodyTooLarge => "body_too_large",
            Self::Protocol => "protocol",
            Self::BlockedAddress => "blocked_address",
            Self::BadUrl => "bad_url",
            Self::PoolExhausted => "pool_exhausted",
            Self::CrossOriginPage => "cross_origin_page",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call without a usable reply.
///
/// `Display` is the class alone and may be shown to anyone. [`Error::source`] says more, for
/// operators; it names addresses and certificates, but no header, body or query.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    attempts: u32,
    pages: u32,
    source: Option<Cause>,
}

pub(crate) type Cause = Box<dyn Error + Send + Sync>;

impl Failure {
    pub(crate) const fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            attempts: 0,
            pages: 0,
            source: None,
        }
    }

    pub(crate) fn because(kind: FailureKind, cause: impl Into<Cause>) -> Self {
        Self {
            source: Some(cause.into()),
            ..Self::new(kind)
        }
    }

    pub(crate) fn after(self, attempts: u32, pages: u32) -> Self {
        Self {
            attempts,
            pages,
            ..self
        }
    }

    /// A call or connection that took too long, as measured by whoever asked for it.
    pub const fn timeout() -> Self {
        Self::new(FailureKind::Timeout)
    }

    /// The class.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Requests sent or tried, retries included.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Pages that had arrived whole; they are discarded.
    pub const fn pages(&self) -> u32 {
        self.pages
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend call failed: {}", self.kind)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|cause| cause as &(dyn Error + 'static))
    }
}
