//! A refused call, as the API tells it.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value as Json, json};
use ztag_fga::{Error, ErrorCode};

/// A status, a code and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// The body of a refusal.
#[derive(Debug, Serialize)]
pub(crate) struct FailureBody<'a> {
    code: &'a str,
    message: &'a str,
}

/// Codes that no engine gives, because they are about the protocol.
macro_rules! protocol {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal;)*) => {
        impl Failure {
            $($(#[$doc])* pub(crate) fn $name(message: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $code, message)
            })*
        }
    };
}

protocol! {
    /// No bearer token.
    bearer_token_missing = UNAUTHORIZED, "bearer_token_missing";
    /// A key that nobody has.
    unauthenticated = UNAUTHORIZED, "unauthenticated";
    /// A token that is not accepted.
    invalid_claims = UNAUTHORIZED, "invalid_claims";
    /// Somebody known who may not do this. The API answers 401 here, and clients count on it.
    forbidden = UNAUTHORIZED, "forbidden";
    /// No such path.
    undefined_endpoint = NOT_FOUND, "undefined_endpoint";
    /// No such method of this path.
    unimplemented = NOT_FOUND, "unimplemented";
    /// Too much is under way.
    throttled = UNPROCESSABLE_ENTITY, "throttled_timeout_error";
    /// A request that could not be read.
    validation = BAD_REQUEST, "validation_error";
    /// A request that is too large.
    too_large = BAD_REQUEST, "exceeded_entity_limit";
    /// A defect of ours.
    internal = INTERNAL_SERVER_ERROR, "internal_error";
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// A field that breaks a rule of the protocol. Some fields have codes of their own.
    pub(crate) fn field(message: &str, field: &str, reason: &str) -> Self {
        let text = format!("invalid {message}.{field}: {reason}");
        Self::new(StatusCode::BAD_REQUEST, code_of(field, reason), text)
    }

    /// Whether a model is not known that somebody else may know.
    pub(crate) fn is_unknown_model(&self) -> bool {
        let codes = [ErrorCode::ModelNotFound, ErrorCode::LatestModelNotFound];
        codes.iter().any(|code| code.as_str() == self.code)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn body(&self) -> FailureBody<'_> {
        FailureBody {
            code: self.code,
            message: &self.message,
        }
    }
}

impl Failure {
    /// As a stream tells it: by gRPC's number for the kind of failure.
    pub(crate) fn in_stream(&self) -> Json {
        let number = if self.status.is_server_error() { 13 } else { 3 };
        json!({"code": number, "message": self.message, "details": []})
    }
}

/// The code for a field, where it is not the general one.
fn code_of(field: &str, reason: &str) -> &'static str {
    let is = |start| reason.starts_with(start);
    match field {
        "PageSize" if is("value must be inside range") => "page_size_invalid",
        "TupleKey" if is("value is required") => "tuple_key_value_not_specified",
        "Type" if is("value does not match") => "type_invalid_pattern",
        "Object" if is("value does not match") => "object_invalid_pattern",
        "TypeDefinitions" if is("value must contain at least") => "type_definitions_too_few_items",
        _ => "validation_error",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = error.code();
        let status = StatusCode::from_u16(code.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, code.as_str(), error.message())
    }
}

impl Failure {
    /// A code of the engine with another message.
    pub(crate) fn coded(code: ErrorCode, message: &str) -> Self {
        Error::new(code, message).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_codes_of_their_own() {
        let code = |field, reason| Failure::field("Request", field, reason).code;
        let range = "value must be inside range [1, 100]";
        assert_eq!(code("PageSize", range), "page_size_invalid");
        assert_eq!(
            code("TupleKey", "value is required"),
            "tuple_key_value_not_specified"
        );
        assert_eq!(code("StoreId", "value does not match"), "validation_error");
    }

    #[test]
    fn statuses_are_those_of_the_protocol() {
        let of = |code| Failure::coded(code, "").status().as_u16();
        assert_eq!(of(ErrorCode::Aborted), 409);
        assert_eq!(of(ErrorCode::Validation), 400);
        assert_eq!(of(ErrorCode::StoreNotFound), 404);
        assert_eq!(of(ErrorCode::Internal), 500);
    }
}
