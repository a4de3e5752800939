//! Why the curated headers could not be made.

use ztag_expr::EvalError;
use ztag_types::{Reason, ReasonCode};

/// A template of the policy could not be rendered. No value read is part of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("forwardRequestPolicy.{part}.{name}: {source}")]
pub struct ForwardFault {
    part: &'static str,
    name: Box<str>,
    source: EvalError,
}

impl ForwardFault {
    pub(crate) fn new(part: &'static str, name: &str, source: EvalError) -> Self {
        Self {
            part,
            name: name.into(),
            source,
        }
    }
}

impl From<&ForwardFault> for Reason {
    fn from(fault: &ForwardFault) -> Self {
        Self::with_detail(ReasonCode::RenderFailed, fault.to_string())
    }
}
