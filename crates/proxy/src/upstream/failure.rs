//! Why there is no response, or no more of one.

use http::StatusCode;
use ztag_types::ReasonCode;

use crate::body::BodyError;

/// Why an upstream group gave no response. `Display` is the class alone and may be shown to
/// anyone; the source says more, for operators.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// No target can be reached.
    #[error("upstream unavailable")]
    Unavailable(#[source] Absence),
    /// No response head in time.
    #[error("upstream timeout")]
    Timeout,
    /// A target hung up before a response, or what it sent is none.
    #[error("upstream failed")]
    Broken(#[source] Breach),
    /// The group has as much to do as it may.
    #[error("upstream overloaded")]
    Overloaded,
}

/// Why no target can be reached.
#[derive(Debug, thiserror::Error)]
pub enum Absence {
    /// Every target is left out: unhealthy, ejected, or of weight 0.
    #[error("every target is left out")]
    LeftOut,
    /// Too many requests failed lately.
    #[error("the circuit breaker is open")]
    Open,
    /// No connection could be made.
    #[error(transparent)]
    Connect(#[from] ztag_backend::Failure),
    /// The connection was lost, or another could not be made, before anything was sent.
    #[error("the connection was lost before the request was sent")]
    Lost,
}

/// What was wrong with what a target sent.
#[derive(Debug, thiserror::Error)]
pub enum Breach {
    /// The connection broke, or what came over it is not HTTP.
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    /// The response can be framed in more than one way.
    #[error("the framing of the response is ambiguous")]
    Framing,
    /// The target changed the protocol without having been asked.
    #[error("an upgrade that nobody asked for")]
    Upgrade,
    /// The client broke off the body of its request.
    #[error("the body of the request broke off")]
    Request,
    /// The client was too slow to send the body of its request.
    #[error("the body of the request came too slowly")]
    Slow,
    /// What the client sent as the body of its request is none.
    #[error("the body of the request is malformed")]
    Malformed,
    /// The body of the request lasts longer than what the client was admitted by.
    #[error("the body of the request outlasts its permission")]
    Expired,
    /// The request cannot be written in the protocol of the group.
    #[error("the request has no form in this protocol")]
    Form,
}

impl From<BodyError> for Breach {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed(_) => Self::Malformed,
            BodyError::Slow => Self::Slow,
            BodyError::Expired => Self::Expired,
            BodyError::Broken(_) | BodyError::TooLarge => Self::Request,
        }
    }
}

impl UpstreamFailure {
    /// The status that the client gets.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable(_) | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken(Breach::Slow | Breach::Expired) => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(Breach::Request | Breach::Malformed) => StatusCode::BAD_REQUEST,
            Self::Broken(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The reason for the record.
    pub const fn reason(&self) -> ReasonCode {
        match self {
            Self::Unavailable(_) | Self::Overloaded => ReasonCode::UpstreamUnavailable,
            Self::Timeout => ReasonCode::UpstreamTimeout,
            Self::Broken(Breach::Request | Breach::Malformed | Breach::Slow | Breach::Expired) => {
                ReasonCode::RequestMalformed
            }
            Self::Broken(_) => ReasonCode::UpstreamFailed,
        }
    }

    /// The class in metrics and reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unavailable(Absence::LeftOut) => "left_out",
            Self::Unavailable(Absence::Open) => "breaker_open",
            Self::Unavailable(Absence::Connect(_) | Absence::Lost) => "connect",
            Self::Timeout => "timeout",
            Self::Broken(Breach::Request) => "request_broken",
            Self::Broken(Breach::Malformed) => "request_malformed",
            Self::Broken(Breach::Slow) => "request_slow",
            Self::Broken(Breach::Expired) => "request_expired",
            Self::Broken(_) => "broken",
            Self::Overloaded => "overloaded",
        }
    }
}

/// Why a response body ends before its end: the client must not take it for whole.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The connection broke, or what came over it is not HTTP.
    #[error("the response of the upstream broke off")]
    Broken(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("the upstream fell silent in the middle of its response")]
    Silent,
    /// It lasts longer than what the client was admitted by.
    #[error("the response outlasts its permission")]
    Expired,
    /// A guardrail does not let the rest pass.
    #[error("the rest of the response is withheld")]
    Withheld,
}
