//! A CEL expression that is true or false.

use ztag_types::{Reads, Scope};

use crate::error::{CompileError, EvalError};
use crate::vocabulary::Vocabulary;

/// A compiled CEL expression of type `bool`.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Box<str>,
    reads: Reads,
}

impl Condition {
    /// Compiles and checks `source` against the names of `vocabulary`.
    pub fn compile(source: &str, _vocabulary: &Vocabulary) -> Result<Self, CompileError> {
        Ok(Self {
            source: source.into(),
            reads: Reads::nothing(),
        })
    }

    /// Whether the condition holds over `scope`. A value that is not a `bool` is an error.
    pub fn holds(&self, _scope: Scope<'_>) -> Result<bool, EvalError> {
        Err(EvalError::new("not evaluated"))
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The source it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }
}
