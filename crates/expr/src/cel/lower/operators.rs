//! Operators, with the combinations of types that can never work refused at load.

use cel::common::ast::{IdedExpr, operators as names};

use super::{Lowered, Lowering, Lowers, join};
use crate::cel::program::{Arithmetic, Constant, Op, Order, Select};
use crate::shape::Shape;
use ztag_types::Value;

impl Lowering<'_> {
    /// The operator `name` over `args`; `None` when there is no such operator.
    pub(super) fn operator(&mut self, name: &str, args: &[IdedExpr]) -> Option<Lowers> {
        Some(match (name, args) {
            (names::LOGICAL_NOT, [inner]) => self.not(inner),
            (names::NEGATE, [inner]) => self.negate(inner),
            (names::CONDITIONAL, [condition, yes, no]) => self.conditional(condition, yes, no),
            (names::LOGICAL_AND, [a, b]) => self.logical("&&", a, b, Op::And),
            (names::LOGICAL_OR, [a, b]) => self.logical("||", a, b, Op::Or),
            (names::EQUALS, [a, b]) => self.equal(a, b, false),
            (names::NOT_EQUALS, [a, b]) => self.equal(a, b, true),
            (names::LESS, [a, b]) => self.order(a, b, Order::Less),
            (names::LESS_EQUALS, [a, b]) => self.order(a, b, Order::LessEqual),
            (names::GREATER, [a, b]) => self.order(a, b, Order::Greater),
            (names::GREATER_EQUALS, [a, b]) => self.order(a, b, Order::GreaterEqual),
            (names::ADD, [a, b]) => self.arithmetic(a, b, Arithmetic::Add),
            (names::SUBSTRACT, [a, b]) => self.arithmetic(a, b, Arithmetic::Subtract),
            (names::MULTIPLY, [a, b]) => self.arithmetic(a, b, Arithmetic::Multiply),
            (names::DIVIDE, [a, b]) => self.arithmetic(a, b, Arithmetic::Divide),
            (names::MODULO, [a, b]) => self.arithmetic(a, b, Arithmetic::Modulo),
            (names::IN, [a, b]) => self.membership(a, b),
            (names::INDEX, [a, b]) => self.index(a, b, false),
            (names::OPT_INDEX, [a, b]) => self.index(a, b, true),
            (names::OPT_SELECT, [a, b]) => self.optional_select(a, b),
            _ => return None,
        })
    }

    /// Refuses a value that is known not to be a `bool`.
    pub(super) fn require_bool(&self, shape: &Shape, place: &str) -> Result<(), super::Mistake> {
        if matches!(shape, Shape::Any | Shape::Bool) {
            return Ok(());
        }
        self.type_error(|| format!("{place} is of type `{shape}`, not `bool`"))
    }

    fn not(&mut self, inner: &IdedExpr) -> Lowers {
        let inner = self.expression(inner)?;
        self.require_bool(&inner.shape, "operand of `!`")?;
        Ok(Lowered::new(Op::Not(Box::new(inner.op)), Shape::Bool))
    }

    fn negate(&mut self, inner: &IdedExpr) -> Lowers {
        let inner = self.expression(inner)?;
        if !matches!(inner.shape, Shape::Any | Shape::Int | Shape::Double) {
            self.type_error(|| format!("`-` does not take a value of type `{}`", inner.shape))?;
        }
        Ok(Lowered::new(Op::Negate(Box::new(inner.op)), inner.shape))
    }

    fn conditional(&mut self, condition: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Lowers {
        let condition = self.expression(condition)?;
        self.require_bool(&condition.shape, "condition of `? :`")?;
        let yes = self.expression(yes)?;
        let no = self.expression(no)?;
        let op = Op::If(Box::new([condition.op, yes.op, no.op]));
        Ok(Lowered::new(op, join(yes.shape, &no.shape)))
    }

    fn logical(
        &mut self,
        symbol: &str,
        a: &IdedExpr,
        b: &IdedExpr,
        op: fn(Box<[Op; 2]>) -> Op,
    ) -> Lowers {
        let a = self.expression(a)?;
        let b = self.expression(b)?;
        for side in [&a, &b] {
            if !matches!(side.shape, Shape::Any | Shape::Bool) {
                self.require_bool(&side.shape, &format!("operand of `{symbol}`"))?;
            }
        }
        Ok(Lowered::new(op(Box::new([a.op, b.op])), Shape::Bool))
    }

    fn equal(&mut self, a: &IdedExpr, b: &IdedExpr, negated: bool) -> Lowers {
        let pair = Box::new([self.expression(a)?.op, self.expression(b)?.op]);
        Ok(Lowered::new(Op::Equal(pair, negated), Shape::Bool))
    }

    fn order(&mut self, a: &IdedExpr, b: &IdedExpr, order: Order) -> Lowers {
        let a = self.expression(a)?;
        let b = self.expression(b)?;
        if !can_order(&a.shape, &b.shape) {
            self.mismatch(order.symbol(), &a.shape, &b.shape)?;
        }
        Ok(Lowered::new(
            Op::Order(Box::new([a.op, b.op]), order),
            Shape::Bool,
        ))
    }

    fn arithmetic(&mut self, a: &IdedExpr, b: &IdedExpr, operator: Arithmetic) -> Lowers {
        let a = self.expression(a)?;
        let b = self.expression(b)?;
        let known = result(operator, &a.shape, &b.shape);
        if known.is_none() {
            self.mismatch(operator.symbol(), &a.shape, &b.shape)?;
        }
        let shape = known.unwrap_or_default();
        Ok(Lowered::new(
            Op::Arithmetic(Box::new([a.op, b.op]), operator),
            shape,
        ))
    }

    /// `a in b`; the test for a known key of a map is a presence test, which reads only that key.
    fn membership(&mut self, a: &IdedExpr, b: &IdedExpr) -> Lowers {
        let a = self.expression(a)?;
        let b = self.expression(b)?;
        let op = match (a.op, &b.shape) {
            (
                Op::Constant(Constant::Value(Value::String(field))),
                Shape::Map(_) | Shape::Record(_),
            ) => Op::Has(Box::new(Select {
                operand: b.op,
                field,
                optional: false,
            })),
            (_, shape)
                if !matches!(
                    shape,
                    Shape::Any | Shape::List(_) | Shape::Map(_) | Shape::Record(_)
                ) =>
            {
                self.type_error(|| {
                    format!("`in` needs a list or map on its right, not `{shape}`")
                })?;
                Op::Fail("`in` needs a list or map on its right".into())
            }
            (key, _) => Op::In(Box::new([key, b.op])),
        };
        Ok(Lowered::new(op, Shape::Bool))
    }

    fn mismatch(&self, symbol: &str, a: &Shape, b: &Shape) -> Result<(), super::Mistake> {
        self.type_error(|| format!("`{symbol}` does not take `{a}` and `{b}`"))
    }
}

fn can_order(a: &Shape, b: &Shape) -> bool {
    use Shape::{Any, Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let numeric = |shape: &Shape| matches!(shape, Int | Uint | Double);
    let ordered = |shape: &Shape| {
        matches!(shape, Bool | String | Bytes | Timestamp | Duration) || numeric(shape)
    };
    match (a, b) {
        (Any, Any) => true,
        (Any, known) | (known, Any) => ordered(known),
        (a, b) => (numeric(a) && numeric(b)) || (a == b && ordered(a)),
    }
}

/// The shape of `a operator b`; `None` when no value of these shapes can be combined.
fn result(operator: Arithmetic, a: &Shape, b: &Shape) -> Option<Shape> {
    use Shape::{Any, Bytes, Double, Duration, Int, List, String, Timestamp, Uint};
    let whole = matches!(operator, Arithmetic::Modulo);
    Some(match (operator, a, b) {
        (_, Int, Int) => Int,
        (_, Uint, Uint) => Uint,
        (_, Double, Double | Any) | (_, Any, Double) if !whole => Double,
        (_, Any, known @ (Int | Uint)) | (_, known @ (Int | Uint), Any) => known.clone(),
        (Arithmetic::Add, String, String | Any) | (Arithmetic::Add, Any, String) => String,
        (Arithmetic::Add, Bytes, Bytes | Any) | (Arithmetic::Add, Any, Bytes) => Bytes,
        (Arithmetic::Add, List(x), List(y)) => Shape::list(join((**x).clone(), y)),
        (Arithmetic::Add, Any, List(_)) | (Arithmetic::Add, List(_), Any) => Shape::list(Any),
        (Arithmetic::Add | Arithmetic::Subtract, Duration, Duration)
        | (Arithmetic::Subtract, Timestamp, Timestamp) => Duration,
        (Arithmetic::Add | Arithmetic::Subtract, Timestamp, Duration)
        | (Arithmetic::Add, Duration, Timestamp) => Timestamp,
        (Arithmetic::Add | Arithmetic::Subtract, Timestamp | Duration, Any)
        | (Arithmetic::Add | Arithmetic::Subtract, Any, Timestamp | Duration)
        | (_, Any, Any) => Any,
        _ => return None,
    })
}
