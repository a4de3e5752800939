//! What can go wrong: at load with a place in the source, at evaluation without any value read.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ztag_types::{Code, ConfigPath, Diagnostic};

/// Why a source does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// The number of the finding.
    pub code: Code,
    /// What is wrong: lower case, names in backticks.
    pub message: String,
    /// The part of the source meant, in bytes.
    pub span: Option<Range<usize>>,
    /// How to mend it.
    pub hint: Option<String>,
}

impl CompileError {
    /// A finding without place and hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            hint: None,
        }
    }

    /// The same, pointing at a part of the source.
    #[must_use]
    pub fn within(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span.or(self.span);
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint that proposes the candidate nearest to `word`, where one is near.
    #[must_use]
    pub fn suggest<'a>(
        mut self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        if let Some(near) = Diagnostic::nearest(word, candidates) {
            self.hint = Some(format!("did you mean `{near}`?"));
        }
        self
    }

    /// The finding as an error about the configuration value at `path`.
    pub fn at(self, path: &ConfigPath) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.code, path, self.message);
        diagnostic.within = self.span;
        diagnostic.hint = self.hint;
        diagnostic
    }
}

/// Why an expression has no value. The message names functions, types and keys of the source,
/// never a value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError(Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Message(Cow<'static, str>),
    NoSuchKey(Arc<str>),
    NoOverload(&'static str),
}

impl EvalError {
    /// An error of this message, which must hold no value read.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(Fault::Message(message.into()))
    }

    /// A key written in the source that the value read does not have.
    pub(crate) fn no_such_key(key: &Arc<str>) -> Self {
        Self(Fault::NoSuchKey(Arc::clone(key)))
    }

    /// Types that the function or operator `name` does not take.
    pub(crate) const fn no_overload(name: &'static str) -> Self {
        Self(Fault::NoOverload(name))
    }

    /// The same, where a function did not say its name.
    pub(crate) fn named(self, name: &'static str) -> Self {
        match self.0 {
            Fault::NoOverload("") => Self::no_overload(name),
            _ => self,
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::Message(message) => f.write_str(message),
            Fault::NoSuchKey(key) => write!(f, "no such key: `{key}`"),
            Fault::NoOverload(name) => write!(f, "`{name}` does not take values of these types"),
        }
    }
}

impl std::error::Error for EvalError {}
