//! Why a question has no answer.

use std::borrow::Cow;

use ztag_fga::ErrorCode;

/// The class of a server that does not know a call.
const UNKNOWN_CALL: &str = "unknown_call";

/// A question without an answer: whoever asked must not take it for a yes.
///
/// `Display` names classes alone and may be shown to operators; [`Undecided::message`] may name users
/// and objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.class())]
pub struct Undecided {
    kind: Kind,
    message: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The store understood the question and cannot answer it.
    Refused(Cow<'static, str>),
    /// Nobody answered.
    Unavailable(&'static str),
}

impl Undecided {
    /// The store refuses the question, with this code of `OpenFGA`.
    pub fn refused(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind: Kind::Refused(code.into()),
            message: message.into(),
        }
    }

    /// Nobody answered: a class such as `timeout`.
    pub const fn unavailable(class: &'static str) -> Self {
        Self {
            kind: Kind::Unavailable(class),
            message: Cow::Borrowed(""),
        }
    }

    /// The server does not know what it is asked for.
    pub(crate) const fn unknown_call() -> Self {
        Self::unavailable(UNKNOWN_CALL)
    }

    /// Whether the server does not know what it is asked for.
    pub(crate) fn is_unknown_call(&self) -> bool {
        let told =
            |code: &str| matches!(code, UNKNOWN_CALL | "undefined_endpoint" | "unimplemented");
        told(self.class())
    }

    /// Whether nobody answered, rather than that the question cannot be answered.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.kind, Kind::Unavailable(_))
    }

    /// The class: a code of `OpenFGA` such as `validation_error`, or what kept the store away.
    pub fn class(&self) -> &str {
        match &self.kind {
            Kind::Refused(code) => code,
            Kind::Unavailable(class) => class,
        }
    }

    /// What the store says about it; may name users and objects, and is empty where it says nothing.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<ztag_fga::Error> for Undecided {
    fn from(error: ztag_fga::Error) -> Self {
        let code: ErrorCode = error.code();
        Self::refused(code.as_str(), error.message().to_owned())
    }
}
