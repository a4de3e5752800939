//! Names, fields and indices: constant paths from a slot become one operation.

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, SelectExpr};
use ztag_types::{Code, Value};

use super::{Lowered, Lowering, Lowers, Mistake};
use crate::cel::functions;
use crate::cel::program::{Constant, Index, Op, Select, SlotPath};
use crate::shape::Shape;

/// The segments of a name such as `a.b.c`, outermost last, and whether it begins with a dot.
pub(super) fn segments(expr: &Expr) -> Option<Vec<&str>> {
    let mut segments = Vec::new();
    let mut expr = expr;
    loop {
        match expr {
            Expr::Ident(name) => {
                segments.push(name.as_str());
                segments.reverse();
                return Some(segments);
            }
            Expr::Select(select) if !select.test => {
                segments.push(select.field.as_str());
                expr = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

impl Lowering<'_> {
    /// A name or a field.
    pub(super) fn access(&mut self, expr: &Expr) -> Lowers {
        if let Some(found) = self.qualified(expr) {
            return Ok(found);
        }
        match expr {
            Expr::Ident(name) => self.unknown_name(name.trim_start_matches('.')),
            Expr::Select(select) => self.select(select),
            _ => Err(Mistake::new(Code::ExpressionSyntax, "not a name")),
        }
    }

    /// The variable or type that the whole of `expr` names, if it does.
    fn qualified(&self, expr: &Expr) -> Option<Lowered> {
        let segments = segments(expr)?;
        let (first, rest) = segments.split_first()?;
        let rooted = first.strip_prefix('.');
        if rooted.is_none() && self.local(first).is_some() {
            return if rest.is_empty() {
                self.local(first)
            } else {
                None
            };
        }
        let name = segments.join(".");
        let name = name.trim_start_matches('.');
        self.variable(name, rooted.is_some()).or_else(|| {
            functions::type_named(name)
                .map(|name| Lowered::new(Op::Constant(Constant::Type(name)), Shape::Any))
        })
    }

    fn local(&self, name: &str) -> Option<Lowered> {
        let depth = self.locals.iter().rposition(|(own, _)| own == name)?;
        let (_, shape) = self.locals.get(depth)?;
        Some(Lowered::new(Op::Local(depth), shape.clone()))
    }

    fn variable(&self, name: &str, rooted: bool) -> Option<Lowered> {
        let (name, slot, shape) = self.vocabulary.resolve(name, rooted)?;
        let path = SlotPath {
            slot,
            name: Arc::clone(name),
            steps: Box::default(),
        };
        Some(Lowered::new(Op::Slot(path), shape.clone()))
    }

    fn unknown_name(&self, name: &str) -> Lowers {
        let known = self.vocabulary.names();
        let locals = self.locals.iter().map(|(name, _)| name.as_str());
        self.mistake(
            Mistake::new(Code::UnknownName, format!("unknown name `{name}`"))
                .about(name)
                .suggest(name, known.chain(locals)),
        )
    }

    fn select(&mut self, select: &SelectExpr) -> Lowers {
        let operand = self.expression(&select.operand)?;
        let shape = match field_shape(&operand.shape, &select.field) {
            Ok(shape) => shape,
            Err(mistake) => return self.mistake(mistake.about(&select.field)),
        };
        let field = Arc::from(select.field.as_str());
        if select.test {
            let operand = operand.op;
            let has = Select {
                operand,
                field,
                optional: false,
            };
            return Ok(Lowered::new(Op::Has(Box::new(has)), Shape::Bool));
        }
        Ok(Lowered::new(step(operand.op, field), shape))
    }

    /// `operand[key]` or `operand[?key]`.
    pub(super) fn index(&mut self, operand: &IdedExpr, key: &IdedExpr, optional: bool) -> Lowers {
        let operand = self.expression(operand)?;
        let key = self.expression(key)?;
        let text = match &key.op {
            Op::Constant(Constant::Value(Value::String(text))) => Some(Arc::clone(text)),
            _ => None,
        };
        let shape = match item_shape(&operand.shape, &key.shape, text.as_deref()) {
            Ok(shape) => shape,
            Err(mistake) => return self.mistake(mistake),
        };
        if let (Some(text), false) = (text, optional) {
            return Ok(Lowered::new(step(operand.op, text), shape));
        }
        let index = Index {
            operand: operand.op,
            key: key.op,
            optional,
        };
        let shape = if optional { Shape::Any } else { shape };
        Ok(Lowered::new(Op::Index(Box::new(index)), shape))
    }

    /// `operand.?field`.
    pub(super) fn optional_select(&mut self, operand: &IdedExpr, field: &IdedExpr) -> Lowers {
        let operand = self.expression(operand)?;
        let field = self.expression(field)?;
        let Op::Constant(Constant::Value(Value::String(field))) = field.op else {
            return Err(Mistake::new(Code::ExpressionSyntax, "a field is a name"));
        };
        if let Err(mistake) = field_shape(&operand.shape, &field) {
            return self.mistake(mistake.about(&field));
        }
        let operand = operand.op;
        let select = Select {
            operand,
            field,
            optional: true,
        };
        Ok(Lowered::new(Op::Select(Box::new(select)), Shape::Any))
    }
}

/// A field of `operand`: one more step of a slot path where it is one.
fn step(operand: Op, field: Arc<str>) -> Op {
    match operand {
        Op::Slot(path) => {
            let steps = path.steps.into_iter().chain([field]).collect();
            Op::Slot(SlotPath { steps, ..path })
        }
        operand => Op::Select(Box::new(Select {
            operand,
            field,
            optional: false,
        })),
    }
}

/// The shape of a field.
fn field_shape(shape: &Shape, field: &str) -> Result<Shape, Mistake> {
    match shape {
        // Null has no fields: `has` is false and anything else fails when evaluated.
        Shape::Any | Shape::Null => Ok(Shape::Any),
        Shape::Map(inner) => Ok((**inner).clone()),
        Shape::Record(fields) => fields.get(field).cloned().ok_or_else(|| {
            let known = fields.keys().map(AsRef::as_ref);
            Mistake::new(Code::UnknownName, format!("unknown field `{field}`"))
                .suggest(field, known)
        }),
        other => Err(Mistake::new(
            Code::ExpressionType,
            format!("a value of type `{other}` has no field `{field}`"),
        )),
    }
}

/// The shape of an item, under a key that is perhaps known.
fn item_shape(shape: &Shape, key: &Shape, text: Option<&str>) -> Result<Shape, Mistake> {
    let mismatch = || {
        let message = format!("a value of type `{shape}` has no index of type `{key}`");
        Err(Mistake::new(Code::ExpressionType, message))
    };
    match (shape, key) {
        (Shape::Any, _) => Ok(Shape::Any),
        (Shape::List(inner), Shape::Any | Shape::Int | Shape::Uint | Shape::Double) => {
            Ok((**inner).clone())
        }
        (Shape::Map(inner), Shape::Any | Shape::String) => Ok((**inner).clone()),
        (Shape::Record(_), Shape::Any | Shape::String) => match text {
            Some(text) => field_shape(shape, text),
            None => Ok(Shape::Any),
        },
        _ => mismatch(),
    }
}
