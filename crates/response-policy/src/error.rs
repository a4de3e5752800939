//! Why a reply could not be rendered.

use http::HeaderName;
use ztag_expr::EvalError;
use ztag_types::{Reason, ReasonCode};

/// A part of the reply could not be rendered. No value read is part of the message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplyFault {
    #[error("header `{name}`: {source}")]
    Header { name: HeaderName, source: EvalError },
    #[error("header `{name}` would hold a line break or control character")]
    HeaderValue { name: HeaderName },
    #[error("body: {source}")]
    Body { source: EvalError },
}

impl From<ReplyFault> for Reason {
    fn from(fault: ReplyFault) -> Self {
        Self::with_detail(ReasonCode::ReplyFailed, fault.to_string())
    }
}
