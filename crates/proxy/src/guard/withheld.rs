//! Why a message is not passed on.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use ztag_ai_security::extract::Refused;
use ztag_ai_security::guardrail::{Judgement, Unreadable};
use ztag_types::{Reason, ReasonCode, SmolStr};

use super::RouteGuard;
use crate::whole::Unwhole;

/// Why a message is not passed on.
#[derive(Debug)]
pub(crate) struct Withheld {
    guardrail: SmolStr,
    of: Side,
    why: Why,
    /// Whether both sides speak JSON.
    is_json: bool,
}

/// Whose message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

#[derive(Debug)]
enum Why {
    /// What was found first: where, and what it means.
    Blocked(String),
    Unread(Unread),
}

/// Why a body cannot be read. Messages hold nothing of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It is not there whole.
    #[error(transparent)]
    Body(#[from] Unwhole),
    /// It is not what it is said to be, or nobody said how to read it.
    #[error(transparent)]
    Form(#[from] Unreadable),
    /// Reading it failed.
    #[error("the guardrail failed")]
    Failed,
}

impl Withheld {
    pub(super) fn blocked(guard: &RouteGuard, of: Side, judgement: &Judgement) -> Self {
        let first = judgement.findings.first();
        let why = first.map_or("", |found| &found.finding.reason);
        let place = first.map_or("", |found| &found.place);
        Self {
            guardrail: guard.name.clone(),
            of,
            why: Why::Blocked(format!("{place}: {why}")),
            is_json: guard.reads_json(),
        }
    }

    pub(super) fn unread(guard: &RouteGuard, of: Side, why: Unread) -> Self {
        Self {
            guardrail: guard.name.clone(),
            of,
            why: Why::Unread(why),
            is_json: guard.reads_json(),
        }
    }

    /// The status that the client gets. What is blocked is 403 in both directions: whoever asks again
    /// after a 502 would only pay for the same answer twice.
    pub(crate) const fn status(&self) -> StatusCode {
        match (&self.why, self.of) {
            (Why::Blocked(_), _) => StatusCode::FORBIDDEN,
            (Why::Unread(Unread::Failed), Side::Request) => StatusCode::INTERNAL_SERVER_ERROR,
            (Why::Unread(_), Side::Response) => StatusCode::BAD_GATEWAY,
            (
                Why::Unread(
                    Unread::Body(Unwhole::TooLarge)
                    | Unread::Form(Unreadable::Json(Refused::TooLong { .. })),
                ),
                Side::Request,
            ) => StatusCode::PAYLOAD_TOO_LARGE,
            (
                Why::Unread(
                    Unread::Body(Unwhole::Encoded)
                    | Unread::Form(Unreadable::Encoded | Unreadable::MediaType),
                ),
                Side::Request,
            ) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            (Why::Unread(_), Side::Request) => StatusCode::BAD_REQUEST,
        }
    }

    /// The reason for the record.
    pub(crate) fn reason(&self) -> Reason {
        let (code, why) = match &self.why {
            Why::Blocked(why) => (ReasonCode::InspectionBlocked, why.clone()),
            Why::Unread(why) => (ReasonCode::InspectionFailed, why.to_string()),
        };
        let side = match self.of {
            Side::Request => "request",
            Side::Response => "response",
        };
        Reason::with_detail(
            code,
            format!("guardrail `{}`: {side}: {why}", self.guardrail),
        )
    }

    /// What the client is told, and in which media type. Where JSON is spoken, it is the error that
    /// clients of models read: that of a stream which is ended (`content_blocked` or
    /// `content_unreadable`), with a few words.
    pub(crate) fn body(&self) -> (&'static str, Bytes) {
        let text = self.text();
        if !self.is_json {
            return (
                "text/plain; charset=utf-8",
                Bytes::from_static(text.as_bytes()),
            );
        }
        let code = match self.why {
            Why::Blocked(_) => "content_blocked",
            Why::Unread(_) => "content_unreadable",
        };
        let error = json!({"type": code, "code": code, "message": text});
        let body = json!({"type": "error", "error": error}).to_string();
        ("application/json", body.into())
    }

    const fn text(&self) -> &'static str {
        match (&self.why, self.of) {
            (Why::Blocked(_), Side::Request) => "request blocked",
            (Why::Blocked(_), Side::Response) => "response blocked",
            (Why::Unread(_), Side::Request) => "request body cannot be read",
            (Why::Unread(_), Side::Response) => "response withheld",
        }
    }
}
