//! Look-ups as paths: `request.headers['x-a']`.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Expr};

/// A look-up whose every step is written out.
#[derive(Debug)]
pub(in crate::template) struct Path<'a> {
    pub(in crate::template) root: &'a str,
    pub(in crate::template) root_span: Span,
    /// The keys below the root with the place of the look-up that ends there.
    pub(in crate::template) keys: Vec<(String, Span)>,
}

impl<'a> Path<'a> {
    /// The path that `expression` is, if it is one.
    pub(in crate::template) fn of(expression: &Expr<'a>) -> Option<Self> {
        let mut keys = Vec::new();
        let mut at = expression;
        loop {
            match at {
                Expr::Var(var) => {
                    keys.reverse();
                    return Some(Self {
                        root: var.id,
                        root_span: var.span(),
                        keys,
                    });
                }
                Expr::GetAttr(step) => {
                    keys.push((step.name.to_owned(), step.span()));
                    at = &step.expr;
                }
                Expr::GetItem(step) => {
                    keys.push((literal(&step.subscript_expr)?, step.span()));
                    at = &step.expr;
                }
                _ => return None,
            }
        }
    }
}

/// The text of a text literal.
pub(in crate::template) fn literal(expression: &Expr<'_>) -> Option<String> {
    match expression {
        Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
        _ => None,
    }
}

/// The literal text a concatenation begins with; empty when it begins with something else.
pub(super) fn beginning(expression: &Expr<'_>) -> String {
    match expression {
        Expr::BinOp(operation) if matches!(operation.op, BinOpKind::Concat) => {
            match (literal(&operation.left), literal(&operation.right)) {
                (Some(left), Some(right)) => left + &right,
                (Some(left), None) => left,
                (None, _) => beginning(&operation.left),
            }
        }
        other => literal(other).unwrap_or_default(),
    }
}
