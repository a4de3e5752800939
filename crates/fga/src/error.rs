//! Why a call is refused or cannot be answered: `OpenFGA`'s codes as a type.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal,)*) => {
        /// A code of `OpenFGA`'s API. Clients match on [`ErrorCode::as_str`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number of the code in the protocol.
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The spelling in error bodies.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

codes! {
    /// A transaction lost against another one, or an ignored duplicate differs from what is stored.
    Aborted = 10, "Aborted",
    /// The call cannot be carried out now, because what it needs is out of order. It may be repeated.
    Unavailable = 14, "Unavailable",
    /// A part of the request breaks a rule of the model or of the protocol.
    Validation = 2000, "validation_error",
    /// No model has this id.
    ModelNotFound = 2001, "authorization_model_not_found",
    /// The answer lies deeper than the limit on resolution, or costs more than the budget.
    ResolutionTooComplex = 2002, "authorization_model_resolution_too_complex",
    /// A write without writes and deletes.
    InvalidWriteInput = 2003, "invalid_write_input",
    /// The same tuple twice in one write.
    DuplicateTuples = 2004, "cannot_allow_duplicate_tuples_in_one_request",
    /// A continuation token that this store did not give out.
    InvalidContinuationToken = 2007, "invalid_continuation_token",
    /// A tuple to write exists, or a tuple to delete does not.
    WriteFailed = 2017, "write_failed_due_to_invalid_input",
    /// The store has no model yet.
    LatestModelNotFound = 2020, "latest_authorization_model_not_found",
    /// The model has no such type.
    TypeNotFound = 2021, "type_not_found",
    /// The type has no such relation.
    RelationNotFound = 2022, "relation_not_found",
    /// A contextual tuple that the model does not allow.
    InvalidTuple = 2027, "invalid_tuple",
    /// More assertions than allowed.
    TooManyAssertions = 2033, "assertions_too_many_items",
    /// A list that must have items has none, or too many.
    TupleKeyCount = 2038, "tuple_keys_too_many_or_too_few_items",
    /// A page size outside its bounds.
    PageSizeInvalid = 2039, "page_size_invalid",
    /// A type filter that is not the one the continuation token was given for.
    TokenTypeMismatch = 2052, "query_string_type_continuation_token_mismatch",
    /// More types, tuples or bytes than the limit.
    ExceededEntityLimit = 2053, "exceeded_entity_limit",
    /// A model that breaks a rule.
    InvalidModel = 2056, "invalid_authorization_model",
    /// A schema version that is not supported.
    UnsupportedSchemaVersion = 2057, "unsupported_schema_version",
    /// Something failed that is not the caller's fault.
    Internal = 4000, "internal_error",
    /// No store has this id.
    StoreNotFound = 5002, "store_id_not_found",
}

impl ErrorCode {
    /// The status that `OpenFGA`'s HTTP API answers with.
    pub const fn http_status(self) -> u16 {
        match self.number() {
            10 => 409,
            14 => 503,
            4000..=4999 => 500,
            5000.. => 404,
            _ => 400,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    code: ErrorCode,
    message: Box<str>,
}

impl Error {
    /// An error of this code; the message may name users, relations and objects.
    pub fn new(code: ErrorCode, message: impl Into<Box<str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn validation(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorCode::Validation, message)
    }

    pub(crate) fn model(message: impl Into<Box<str>>) -> Self {
        Self::new(ErrorCode::InvalidModel, message)
    }

    /// The same message under another code.
    #[must_use]
    pub(crate) fn coded(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }
}
