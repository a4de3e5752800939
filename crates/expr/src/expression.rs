//! A CEL expression of any type.

use ztag_types::{Reads, Scope, Value};

use crate::cel::{Checks, Program};
use crate::error::{CompileError, EvalError};
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// A compiled CEL expression.
#[derive(Clone, Debug)]
pub struct Expression {
    program: Program,
}

impl Expression {
    /// Compiles and checks `source` against the names of `vocabulary`.
    pub fn compile(source: &str, vocabulary: &Vocabulary) -> Result<Self, CompileError> {
        let program = Program::compile(source, vocabulary, Checks::On)?;
        Ok(Self { program })
    }

    /// The value over `scope`. Types, addresses and networks become text; an optional becomes
    /// what it holds, or null.
    pub fn evaluate(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        self.program.evaluate(scope)?.into_value()
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        self.program.reads()
    }

    /// What is known about its value.
    pub fn shape(&self) -> &Shape {
        self.program.shape()
    }
}
