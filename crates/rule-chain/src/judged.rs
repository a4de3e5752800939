//! What came of judging one rule.

use std::sync::Arc;
use std::time::Duration;

use ztag_result_cache::Entry;
use ztag_types::{BackendState, Map, Outcome, Reason, ReasonCode};

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
        }
    }
}
