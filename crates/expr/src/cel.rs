//! CEL: parsed by the crate `cel`, lowered at load to a program of our own, evaluated by borrowing.
//!
//! `parse` bounds and parses, `lower` resolves names, checks types and builds [`program::Op`]s,
//! `eval` runs them over a scope, `functions` holds what can be called.

mod eval;
mod functions;
mod lower;
mod meter;
mod parse;
mod pattern;
mod program;
mod reads;
#[cfg(test)]
mod tests;
mod time;
mod val;

use ztag_types::{Reads, Scope};

use crate::error::{CompileError, EvalError};
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

pub(crate) use lower::Checks;
pub(crate) use time::{format_duration, format_timestamp};
pub(crate) use val::Val;

use program::Op;

/// A compiled CEL expression.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    root: Op,
    shape: Shape,
    reads: Reads,
}

impl Program {
    /// Parses, resolves and checks `source`.
    pub(crate) fn compile(
        source: &str,
        vocabulary: &Vocabulary,
        checks: Checks,
    ) -> Result<Self, CompileError> {
        let ast = parse::parse(source)?;
        let lowered =
            lower::lower(&ast, vocabulary, checks).map_err(|mistake| mistake.locate(source))?;
        Ok(Self {
            reads: reads::of(&lowered.op),
            root: lowered.op,
            shape: lowered.shape,
        })
    }

    /// The value over `scope`.
    pub(crate) fn evaluate<'a>(&'a self, scope: Scope<'a>) -> Result<Val<'a>, EvalError> {
        eval::Evaluation::new(scope).value(&self.root)
    }

    /// The truth of a condition over `scope`; a value that is not a `bool` is an error.
    pub(crate) fn holds(&self, scope: Scope<'_>) -> Result<bool, EvalError> {
        eval::Evaluation::new(scope).truth(&self.root)
    }

    /// What it reads.
    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// What is known about its value.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }
}
