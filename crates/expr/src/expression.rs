//! A CEL expression of any type.

use ztag_types::{Reads, Scope, Value};

use crate::error::{CompileError, EvalError};
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// A compiled CEL expression.
#[derive(Clone, Debug)]
pub struct Expression {
    reads: Reads,
    shape: Shape,
}

impl Expression {
    /// Compiles and checks `source` against the names of `vocabulary`.
    pub fn compile(_source: &str, _vocabulary: &Vocabulary) -> Result<Self, CompileError> {
        Ok(Self {
            reads: Reads::nothing(),
            shape: Shape::Any,
        })
    }

    /// The value over `scope`.
    pub fn evaluate(&self, _scope: Scope<'_>) -> Result<Value, EvalError> {
        Err(EvalError::new("not evaluated"))
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What is known about its value.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
}
