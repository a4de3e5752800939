//! Why a rule could not be judged. No message holds a value read.

use std::sync::Arc;

use http::HeaderName;
use ztag_expr::EvalError;
use ztag_types::{Outcome, Reason, ReasonCode};

/// A step of a rule that failed; the rule then ends in [`Outcome::Error`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("auth.forwardAs: {part}: {source}")]
    Forward {
        part: &'static str,
        source: EvalError,
    },
    #[error("auth.forwardAs: {part} is empty")]
    EmptyForward { part: &'static str },
    #[error("auth.forwardAs: {part} cannot be sent")]
    UnfitForward { part: &'static str },
    #[error("{place}: {source}")]
    Render { place: String, source: EvalError },
    #[error("backendApi.headers.{name}: {source}")]
    Header { name: HeaderName, source: EvalError },
    #[error("backendApi.headers.{name} would hold a line break or control character")]
    HeaderValue { name: HeaderName },
    #[error("backendApi.query.{name}: {source}")]
    Query { name: Arc<str>, source: EvalError },
    #[error("backendApi.body: {source}")]
    Body { source: EvalError },
    #[error("backend: {class}")]
    Backend { class: &'static str },
    #[error("conditions.{list}[{index}]: {source}")]
    Condition {
        list: Outcome,
        index: usize,
        source: EvalError,
    },
    #[error("responses.{outcome}.variables.{name}: {source}")]
    Export {
        outcome: Outcome,
        name: Arc<str>,
        source: EvalError,
    },
}

impl Fault {
    /// The class of a backend's failure; empty for anything else.
    pub(crate) const fn class(&self) -> &'static str {
        match self {
            Self::Backend { class } => class,
            _ => "",
        }
    }

    const fn code(&self) -> ReasonCode {
        match self {
            Self::Backend { .. } => ReasonCode::BackendFailed,
            Self::Condition { .. } => ReasonCode::ConditionFailed,
            _ => ReasonCode::RenderFailed,
        }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self::with_detail(fault.code(), fault.to_string())
    }
}
