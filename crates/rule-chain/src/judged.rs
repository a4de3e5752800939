//! What came of judging one rule.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ztag_result_cache::Entry;
use ztag_types::{BackendState, Challenge, Map, Outcome, Reason, ReasonCode};

use crate::conditions::Ruling;

/// Outcome, reason, exports and answer.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) exports: Arc<Map>,
    pub(crate) backend: BackendState,
    /// How long the rule's own cache keeps it; `None` for not at all.
    pub(crate) keep_for: Option<Duration>,
    /// How long any cache may keep it; `None` for no bound of its own.
    pub(crate) fresh_for: Option<Duration>,
    /// What would let the client pass.
    pub(crate) challenge: Option<Box<Challenge>>,
    /// The body in the place of the one received.
    pub(crate) masked: Option<Bytes>,
}

/// The shorter of two bounds; `None` is no bound.
pub(crate) fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The outcome where no condition decides: by the status, where a backend was asked.
pub(crate) fn implicit(backend: &BackendState) -> Ruling {
    let Some(page) = backend.pages.last() else {
        return Ruling::new(Outcome::Pass, ReasonCode::RulePassed);
    };
    let status = || format!("status {}", page.status);
    if page.accepted {
        Ruling::new(Outcome::Pass, ReasonCode::RulePassed)
    } else if page.status >= 500 {
        let reason = Reason::with_detail(ReasonCode::BackendUnavailable, status());
        Ruling::new(Outcome::Error, reason)
    } else {
        let reason = Reason::with_detail(ReasonCode::BackendRefused, status());
        Ruling::new(Outcome::Fail, reason)
    }
}

impl Judged {
    pub(crate) fn new(ruling: Ruling, exports: Arc<Map>, backend: BackendState) -> Self {
        Self {
            outcome: ruling.outcome,
            reason: ruling.reason,
            exports,
            backend,
            keep_for: None,
            fresh_for: None,
            challenge: None,
            masked: None,
        }
    }

    /// The same, kept by no cache beyond `bound`.
    pub(crate) fn bounded(self, bound: Option<Duration>) -> Self {
        Self {
            fresh_for: shorter(self.fresh_for, bound),
            ..self
        }
    }

    /// The same with the body that passes in the place of the one received. Nobody remembers that.
    pub(crate) fn masking(self, masked: Option<Bytes>) -> Self {
        match masked {
            None => self,
            Some(masked) => Self {
                masked: Some(masked),
                ..self.bounded(Some(Duration::ZERO))
            },
        }
    }

    /// The same with what would let the client pass. Nobody remembers that: it is about this
    /// request's credentials at this moment.
    pub(crate) fn challenging(self, challenge: Option<Challenge>) -> Self {
        match challenge {
            None => self,
            Some(challenge) => Self {
                challenge: Some(Box::new(challenge)),
                ..self.bounded(Some(Duration::ZERO))
            },
        }
    }

    /// What a remembered verdict says, `left` before it is forgotten.
    pub(crate) fn remembered(entry: &Entry, left: Option<Duration>) -> Self {
        Self {
            outcome: entry.outcome(),
            reason: entry.reason().clone(),
            exports: entry.shared_exports(),
            backend: BackendState {
                requested: true,
                remembered: Some(entry.backend().clone()),
                ..BackendState::default()
            },
            keep_for: None,
            fresh_for: left,
            challenge: None,
            masked: None,
        }
    }
}
