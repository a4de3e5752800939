//! Why a request is refused before anybody looks at its credentials.

use std::net::SocketAddr;

use http::StatusCode;
use ztag_types::{Reason, ReasonCode, SmolStr, Timestamp};

use crate::capture::Hop;
use crate::correlation::correlation;
use crate::policy::CapturePolicy;

/// What is wrong with a request, from a closed set. Holds nothing that the request said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Fault {
    code: ReasonCode,
    detail: &'static str,
}

impl Fault {
    /// The class of the fault.
    pub const fn code(self) -> ReasonCode {
        self.code
    }

    /// The status that tells the client: 403, but 400 for a body that cannot be read and 413 for
    /// too much of something.
    pub const fn status(self) -> StatusCode {
        match self.code {
            ReasonCode::RequestMalformed => StatusCode::BAD_REQUEST,
            ReasonCode::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// What exactly is wrong, for operators.
    pub const fn detail(self) -> &'static str {
        self.detail
    }

    pub(crate) const fn ambiguous(detail: &'static str) -> Self {
        Self {
            code: ReasonCode::RequestAmbiguous,
            detail,
        }
    }

    pub(crate) const fn forwarded(detail: &'static str) -> Self {
        Self {
            code: ReasonCode::ForwardedInvalid,
            detail,
        }
    }

    pub(crate) const fn untrusted() -> Self {
        Self {
            code: ReasonCode::ProxyUntrusted,
            detail: "untrusted proxy rejected",
        }
    }

    pub(crate) const fn too_large(detail: &'static str) -> Self {
        Self {
            code: ReasonCode::RequestTooLarge,
            detail,
        }
    }

    pub(crate) const fn malformed(detail: &'static str) -> Self {
        Self {
            code: ReasonCode::RequestMalformed,
            detail,
        }
    }

    /// Whether development mode drops the proxy's words instead of refusing the request.
    pub(crate) const fn is_about_proxies(self) -> bool {
        matches!(
            self.code,
            ReasonCode::ProxyUntrusted | ReasonCode::ForwardedInvalid
        )
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self::with_detail(fault.code, fault.detail)
    }
}

/// A request refused at capture: there is no snapshot of it, only what its record needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Refused {
    /// What is wrong.
    pub fault: Fault,
    /// The status to answer ([`Fault::status`]).
    pub status: StatusCode,
    /// The correlation id: the client's when valid, else a new one.
    pub correlation: SmolStr,
    /// The peer that asked.
    pub peer: SocketAddr,
    /// When the request arrived.
    pub received: Timestamp,
}

impl Refused {
    /// The refusal of `hop`, whose body is larger than the limit or too slow to arrive: 413.
    pub fn body_too_large(hop: &Hop, policy: &CapturePolicy) -> Self {
        Self::of(
            hop,
            policy,
            Fault::too_large("the body is too large or too slow"),
        )
    }

    /// The refusal of `hop`, whose body breaks off or is malformed: 400.
    pub fn body_broken(hop: &Hop, policy: &CapturePolicy) -> Self {
        Self::of(
            hop,
            policy,
            Fault::malformed("the body breaks off or is malformed"),
        )
    }

    fn of(hop: &Hop, policy: &CapturePolicy, fault: Fault) -> Self {
        Self {
            fault,
            status: fault.status(),
            correlation: correlation(&hop.headers, policy.correlation()),
            peer: hop.peer,
            received: hop.received,
        }
    }
}
