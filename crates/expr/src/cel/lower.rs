//! Syntax tree to program: names become slots, macros become loops, types are checked.

mod access;
mod calls;
mod literals;
mod macros;
mod operators;

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr};
use ztag_types::Code;

use crate::cel::parse::find_name;
use crate::cel::program::Op;
use crate::error::CompileError;
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// Whether names, functions and types are checked at load, or only when evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    /// At load, as every policy is.
    On,
    /// When evaluated, as conformance cases may ask for.
    Off,
}

/// An operation and what is known about its value.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) op: Op,
    pub(crate) shape: Shape,
}

impl Lowered {
    fn new(op: Op, shape: Shape) -> Self {
        Self { op, shape }
    }
}

/// A finding, and the name in the source it is about.
#[derive(Debug)]
pub(crate) struct Mistake {
    error: CompileError,
    name: Option<String>,
}

impl Mistake {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            error: CompileError::new(code, message),
            name: None,
        }
    }

    fn about(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    fn suggest<'s>(mut self, word: &str, candidates: impl IntoIterator<Item = &'s str>) -> Self {
        self.error = self.error.suggest(word, candidates);
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error = self.error.hint(hint);
        self
    }

    /// The finding with its place in `source`.
    pub(crate) fn locate(self, source: &str) -> CompileError {
        let span = self.name.and_then(|name| find_name(source, &name));
        self.error.within(span)
    }
}

/// Lowers a whole expression.
pub(crate) fn lower(
    ast: &IdedExpr,
    vocabulary: &Vocabulary,
    checks: Checks,
) -> Result<Lowered, Mistake> {
    let mut lowering = Lowering {
        vocabulary,
        checks,
        locals: Vec::new(),
    };
    lowering.expression(ast)
}

type Lowers = Result<Lowered, Mistake>;

struct Lowering<'v> {
    vocabulary: &'v Vocabulary,
    checks: Checks,
    /// The variables in scope, innermost last; the position is the depth at run time.
    locals: Vec<(String, Shape)>,
}

impl Lowering<'_> {
    fn expression(&mut self, ast: &IdedExpr) -> Lowers {
        match &ast.expr {
            Expr::Ident(_) | Expr::Select(_) => self.access(&ast.expr),
            Expr::Literal(literal) => Ok(literals::lower(literal)),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(message) => Err(Mistake::new(
                Code::RefusedFeature,
                format!(
                    "message `{}` cannot be built: protobuf messages are not offered",
                    message.type_name
                ),
            )
            .about(message.type_name.rsplit('.').next().unwrap_or_default())),
            Expr::Unspecified => Err(Mistake::new(Code::ExpressionSyntax, "expression is empty")),
        }
    }

    /// Lowers `body` with `names` in scope.
    fn with_locals<const N: usize>(
        &mut self,
        names: [(&str, Shape); N],
        body: &IdedExpr,
    ) -> Lowers {
        let depth = self.locals.len();
        let names = names
            .into_iter()
            .map(|(name, shape)| (name.to_owned(), shape));
        self.locals.extend(names);
        let lowered = self.expression(body);
        self.locals.truncate(depth);
        lowered
    }

    /// A finding that is an error at load, or an operation that fails when checks are off.
    fn mistake(&self, mistake: Mistake) -> Lowers {
        match self.checks {
            Checks::On => Err(mistake),
            Checks::Off => Ok(Lowered::new(
                Op::Fail(Arc::from(mistake.error.message)),
                Shape::Any,
            )),
        }
    }

    /// A finding that is an error at load, and left to evaluation when checks are off.
    fn type_error(&self, message: impl FnOnce() -> String) -> Result<(), Mistake> {
        match self.checks {
            Checks::On => Err(Mistake::new(Code::ExpressionType, message())),
            Checks::Off => Ok(()),
        }
    }
}

/// What is known of a value that has one of two shapes.
fn join(a: Shape, b: &Shape) -> Shape {
    if a == *b { a } else { Shape::Any }
}
