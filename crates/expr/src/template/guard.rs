//! Guards around the operands of `~`, `+` and `*`.
//!
//! The engine joins text without asking anybody: `x ~ x` in a loop doubles until memory ends, and
//! `'a' * 100000000` is one instruction. It also prints `True` where JSON says `true`. So each
//! operand gets a filter that prints it in our style and counts it: `a ~ b` becomes
//! `a|string ~ b|string`. The rewritten source is surveyed again: a guard that fell to a wrong
//! place is a load error, never an unguarded operand.

use minijinja::machinery::ast::{BinOp, BinOpKind, Expr, Spanned, UnaryOpKind};
use minijinja::value::ValueKind;

use super::engine::{FACTOR, FIELD, FILE, TERM};
use super::source::Mark;

/// A filter to insert behind the operand that ends at `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Guard {
    at: usize,
    filter: &'static str,
}

/// The guards that the operands of `operation` still need. While `counting`, `+` is for numbers.
pub(super) fn guards(operation: &Spanned<BinOp<'_>>, marks: &[Mark], counting: bool) -> Vec<Guard> {
    let Some(filter) = filter_of(operation.op, counting) else {
        return Vec::new();
    };
    let (left, right) = (&operation.left, &operation.right);
    let left_end = closing(marks, end(left), usize::MAX);
    let mut guards = Vec::new();
    if needs(left, filter, counting) {
        guards.push(Guard {
            at: left_end,
            filter,
        });
    }
    if needs(right, filter, counting) {
        let at = right_end(marks, left_end, end(right));
        guards.push(Guard { at, filter });
    }
    guards
}

/// The guards of a value that goes into a field of a namespace, where it may not have parts.
pub(super) fn field_guards(value: &Expr<'_>, marks: &[Mark]) -> Vec<Guard> {
    match value {
        Expr::Const(_) | Expr::Compare(_) | Expr::Test(_) | Expr::UnaryOp(_) => Vec::new(),
        Expr::Filter(applied) if applied.name == FIELD => Vec::new(),
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                let mut guards = field_guards(&operation.left, marks);
                guards.extend(field_guards(&operation.right, marks));
                guards
            }
            _ => Vec::new(),
        },
        Expr::IfExpr(choice) => {
            let mut guards = field_guards(&choice.true_expr, marks);
            let other = choice.false_expr.iter();
            guards.extend(other.flat_map(|other| field_guards(other, marks)));
            guards
        }
        other => vec![Guard {
            at: closing(marks, end(other), usize::MAX),
            filter: FIELD,
        }],
    }
}

/// The guard that counts what an include costs. It passes the name on, so that it need not stand
/// at the whole name, only be evaluated with it.
pub(super) fn file_guards(name: &Expr<'_>, marks: &[Mark]) -> Vec<Guard> {
    match name {
        Expr::IfExpr(choice) => {
            let mut guards = file_guards(&choice.true_expr, marks);
            let other = choice.false_expr.iter();
            guards.extend(other.flat_map(|other| file_guards(other, marks)));
            guards
        }
        other => vec![Guard {
            at: closing(marks, end(other), usize::MAX),
            filter: FILE,
        }],
    }
}

/// `source` with all guards in place.
pub(super) fn rewrite(source: &str, mut guards: Vec<Guard>) -> String {
    guards.sort_unstable();
    let mut rewritten = String::with_capacity(source.len() + guards.len() * 16);
    let mut done = 0;
    for Guard { at, filter } in guards {
        rewritten.push_str(source.get(done..at).unwrap_or_default());
        rewritten.push('|');
        rewritten.push_str(filter);
        done = at;
    }
    rewritten.push_str(source.get(done..).unwrap_or_default());
    rewritten
}

fn filter_of(operation: BinOpKind, counting: bool) -> Option<&'static str> {
    match operation {
        BinOpKind::Concat => Some("string"),
        BinOpKind::Add if !counting => Some(TERM),
        BinOpKind::Add | BinOpKind::Mul | BinOpKind::Pow => Some(FACTOR),
        _ => None,
    }
}

/// Whether an operand can be anything that must be counted or printed in our style.
fn needs(operand: &Expr<'_>, filter: &str, counting: bool) -> bool {
    match operand {
        Expr::Const(constant) => match constant.value.kind() {
            ValueKind::Number => false,
            ValueKind::String => filter != "string",
            _ => true,
        },
        // The guard of an include changes nothing: what is behind it counts.
        Expr::Filter(applied) if applied.name == FILE => applied
            .expr
            .as_ref()
            .is_none_or(|inner| needs(inner, filter, counting)),
        Expr::Filter(applied) => applied.name != filter,
        // Negation and arithmetic make numbers. Sums and concatenations may make text, but of
        // operands that are counted themselves; as a factor text must not slip through.
        Expr::UnaryOp(operation) => !matches!(operation.op, UnaryOpKind::Neg),
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::Sub
            | BinOpKind::Mul
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow => false,
            BinOpKind::Add => filter == FACTOR && !counting,
            BinOpKind::Concat => filter == FACTOR,
            _ => true,
        },
        _ => true,
    }
}

fn end(operand: &Expr<'_>) -> usize {
    usize::try_from(operand.span().end_offset).unwrap_or(usize::MAX)
}

/// The end of the parentheses, at most `open`, that close directly behind `end`.
fn closing(marks: &[Mark], end: usize, open: usize) -> usize {
    let behind = marks.iter().skip_while(|mark| mark.start < end);
    let closing = behind.take_while(|mark| mark.nesting < 0).take(open);
    closing.last().map_or(end, |mark| mark.end)
}

/// The end of a right operand: what was opened behind the operator, which is the first token
/// behind the left operand, is closed again.
fn right_end(marks: &[Mark], left_end: usize, end: usize) -> usize {
    let behind = marks
        .iter()
        .skip_while(|mark| mark.start < left_end)
        .skip(1);
    let own = behind.take_while(|mark| mark.end <= end);
    let open: isize = own.map(|mark| mark.nesting).sum();
    closing(marks, end, usize::try_from(open).unwrap_or(0))
}
