//! A CEL expression that is true or false.

use ztag_types::{Code, Reads, Scope};

use crate::cel::{Checks, Program};
use crate::error::{CompileError, EvalError};
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// A compiled CEL expression of type `bool`.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Box<str>,
    program: Program,
}

impl Condition {
    /// Compiles and checks `source` against the names of `vocabulary`. An expression that cannot
    /// be a `bool` is refused.
    pub fn compile(source: &str, vocabulary: &Vocabulary) -> Result<Self, CompileError> {
        let program = Program::compile(source, vocabulary, Checks::On)?;
        if !matches!(program.shape(), Shape::Any | Shape::Bool) {
            let message = format!(
                "a condition is a `bool`, this is of type `{}`",
                program.shape()
            );
            return Err(CompileError::new(Code::ExpressionType, message));
        }
        Ok(Self {
            source: source.into(),
            program,
        })
    }

    /// Whether the condition holds over `scope`. A value that is not a `bool` is an error.
    pub fn holds(&self, scope: Scope<'_>) -> Result<bool, EvalError> {
        self.program.holds(scope)
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        self.program.reads()
    }

    /// The source it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }
}
