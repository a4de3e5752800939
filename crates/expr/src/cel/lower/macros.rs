//! Macros. The parser expands the standard ones into folds; those are recognised again, because a
//! loop of its own kind neither copies its accumulator nor needs a variable for it.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators as names,
};
use ztag_types::Code;

use super::{Lowered, Lowering, Lowers, Mistake};
use crate::cel::program::{Alternative, Bind, Loop, LoopKind, Op, OptionalMap};
use crate::shape::Shape;

/// The parts of a loop, still as syntax.
struct Walk<'e> {
    kind: LoopKind,
    range: &'e IdedExpr,
    names: &'e [&'e str],
    filter: Option<&'e IdedExpr>,
    body: &'e IdedExpr,
}

impl Lowering<'_> {
    /// A macro that the parser expanded.
    pub(super) fn comprehension(&mut self, fold: &ComprehensionExpr) -> Lowers {
        let Some((kind, filter, body)) = recognise(fold) else {
            return Err(Mistake::new(
                Code::RefusedFeature,
                "this comprehension is not offered",
            ));
        };
        self.walk(&Walk {
            kind,
            range: &fold.iter_range,
            names: &[&fold.iter_var],
            filter,
            body,
        })
    }

    /// A macro that the parser does not know; `None` when `call` is none.
    pub(super) fn macro_call(&mut self, call: &CallExpr) -> Option<Lowers> {
        let target = call.target.as_deref()?;
        if let Expr::Ident(namespace) = &target.expr
            && namespace == "cel"
        {
            return self.cel_macro(call);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("or", [other]) => Some(self.or_else(target, other, Alternative::Optional)),
            ("orValue", [other]) => Some(self.or_else(target, other, Alternative::Value)),
            ("optMap", [name, body]) => Some(self.optional_map(target, name, body, false)),
            ("optFlatMap", [name, body]) => Some(self.optional_map(target, name, body, true)),
            (name, [key, value, rest @ ..]) => {
                let (kind, filtered) = two_variable(name)?;
                let (filter, body) = match rest {
                    [body] => (None, body),
                    [filter, body] if filtered => (Some(filter), body),
                    _ => return None,
                };
                Some(self.pair_walk(kind, target, [key, value], filter, body))
            }
            _ => None,
        }
    }

    fn pair_walk(
        &mut self,
        kind: LoopKind,
        range: &IdedExpr,
        names: [&IdedExpr; 2],
        filter: Option<&IdedExpr>,
        body: &IdedExpr,
    ) -> Lowers {
        let [key, value] = [simple_name(names[0])?, simple_name(names[1])?];
        if key == value {
            return Err(Mistake::new(
                Code::ExpressionSyntax,
                format!("variable `{key}` is bound twice"),
            )
            .about(key));
        }
        self.walk(&Walk {
            kind,
            range,
            names: &[key, value],
            filter,
            body,
        })
    }

    fn walk(&mut self, walk: &Walk<'_>) -> Lowers {
        let range = self.expression(walk.range)?;
        let Some((key, value)) = item_shapes(&range.shape) else {
            self.type_error(|| format!("a value of type `{}` has no items", range.shape))?;
            return Ok(Lowered::new(
                Op::Fail("a value without items".into()),
                Shape::Any,
            ));
        };
        let single = if matches!(range.shape, Shape::List(_)) {
            value.clone()
        } else {
            key.clone()
        };
        let inner = |this: &mut Self, part: &IdedExpr| match walk.names {
            [key_name, value_name] => this.with_locals(
                [(*key_name, key.clone()), (*value_name, value.clone())],
                part,
            ),
            names => this.with_locals(
                [(names.first().copied().unwrap_or_default(), single.clone())],
                part,
            ),
        };
        let filter = walk.filter.map(|filter| inner(self, filter)).transpose()?;
        let body = inner(self, walk.body)?;
        if let Some(filter) = &filter {
            self.require_bool(&filter.shape, "filter of a comprehension")?;
        }
        let shape = match walk.kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => {
                self.require_bool(&body.shape, "body of a comprehension")?;
                Shape::Bool
            }
            LoopKind::List => Shape::list(body.shape),
            LoopKind::Map | LoopKind::MapEntry => Shape::Any,
        };
        let pairs = walk.names.len() == 2;
        let filter = filter.map(|filter| filter.op);
        let op = Loop {
            kind: walk.kind,
            range: range.op,
            pairs,
            filter,
            body: body.op,
        };
        Ok(Lowered::new(Op::Loop(Box::new(op)), shape))
    }

    fn or_else(&mut self, target: &IdedExpr, other: &IdedExpr, alternative: Alternative) -> Lowers {
        let pair = Box::new([self.expression(target)?.op, self.expression(other)?.op]);
        Ok(Lowered::new(Op::OrElse(pair, alternative), Shape::Any))
    }

    fn optional_map(
        &mut self,
        target: &IdedExpr,
        name: &IdedExpr,
        body: &IdedExpr,
        flat: bool,
    ) -> Lowers {
        let operand = self.expression(target)?.op;
        let body = self
            .with_locals([(simple_name(name)?, Shape::Any)], body)?
            .op;
        let map = OptionalMap {
            operand,
            body,
            flat,
        };
        Ok(Lowered::new(Op::OptionalMap(Box::new(map)), Shape::Any))
    }

    fn cel_macro(&mut self, call: &CallExpr) -> Option<Lowers> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("bind", [name, value, body]) => Some(self.bind(name, value, body)),
            ("block", [slots, body]) => match &slots.expr {
                Expr::List(slots) => Some(self.block(0, &slots.elements, body)),
                _ => None,
            },
            ("index", [index]) => Some(self.block_index(index)),
            _ => None,
        }
    }

    fn bind(&mut self, name: &IdedExpr, value: &IdedExpr, body: &IdedExpr) -> Lowers {
        let name = simple_name(name)?;
        let value = self.expression(value)?;
        let body = self.with_locals([(name, value.shape)], body)?;
        let bind = Bind {
            value: value.op,
            body: body.op,
        };
        Ok(Lowered::new(Op::Bind(Box::new(bind)), body.shape))
    }

    /// Nested bindings, one for each slot; a slot is evaluated when first read.
    fn block(&mut self, position: usize, slots: &[IdedExpr], body: &IdedExpr) -> Lowers {
        let Some((first, rest)) = slots.split_first() else {
            return self.expression(body);
        };
        if position >= MAX_BLOCK {
            return Err(Mistake::new(
                Code::RefusedFeature,
                format!("`cel.block` has more than {MAX_BLOCK} slots"),
            ));
        }
        let value = self.expression(first)?;
        let depth = self.locals.len();
        self.locals.push((block_name(position), value.shape));
        let body = self.block(position + 1, rest, body);
        self.locals.truncate(depth);
        let body = body?;
        let bind = Bind {
            value: value.op,
            body: body.op,
        };
        Ok(Lowered::new(Op::Bind(Box::new(bind)), body.shape))
    }

    fn block_index(&mut self, index: &IdedExpr) -> Lowers {
        let Expr::Literal(LiteralValue::Int(index)) = &index.expr else {
            return Err(Mistake::new(
                Code::ExpressionSyntax,
                "`cel.index` takes a number",
            ));
        };
        let name = usize::try_from(*index.inner())
            .map(block_name)
            .unwrap_or_default();
        let depth = self.locals.iter().rposition(|(own, _)| *own == name);
        match depth.and_then(|depth| {
            self.locals
                .get(depth)
                .map(|(_, shape)| (depth, shape.clone()))
        }) {
            Some((depth, shape)) => Ok(Lowered::new(Op::Local(depth), shape)),
            None => Err(
                Mistake::new(Code::UnknownName, "`cel.index` names no slot of a block")
                    .about("index"),
            ),
        }
    }
}

/// Slots of a `cel.block`: each is one level of nesting.
const MAX_BLOCK: usize = 64;

/// A name that no source can spell.
fn block_name(position: usize) -> String {
    format!("@index{position}")
}

fn simple_name(expr: &IdedExpr) -> Result<&str, Mistake> {
    match &expr.expr {
        Expr::Ident(name) if !name.starts_with('.') => Ok(name),
        _ => Err(Mistake::new(
            Code::ExpressionSyntax,
            "the variable of a macro is a simple name",
        )),
    }
}

/// Kind of a macro over key and value, and whether it may have a filter.
fn two_variable(name: &str) -> Option<(LoopKind, bool)> {
    Some(match name {
        "all" => (LoopKind::All, false),
        "exists" => (LoopKind::Exists, false),
        "existsOne" | "exists_one" => (LoopKind::ExistsOne, false),
        "transformList" => (LoopKind::List, true),
        "transformMap" => (LoopKind::Map, true),
        "transformMapEntry" => (LoopKind::MapEntry, true),
        _ => return None,
    })
}

/// Shapes of key (or index) and value of the items.
fn item_shapes(range: &Shape) -> Option<(Shape, Shape)> {
    match range {
        Shape::Any => Some((Shape::Any, Shape::Any)),
        Shape::List(inner) => Some((Shape::Int, (**inner).clone())),
        Shape::Map(inner) => Some((Shape::String, (**inner).clone())),
        Shape::Record(_) => Some((Shape::String, Shape::Any)),
        _ => None,
    }
}

/// The macro that the parser expanded into `fold`: its kind, filter and body.
fn recognise(fold: &ComprehensionExpr) -> Option<(LoopKind, Option<&IdedExpr>, &IdedExpr)> {
    let step = call(&fold.loop_step)?;
    match (
        step.func_name.as_str(),
        step.args.as_slice(),
        &fold.accu_init.expr,
    ) {
        (names::LOGICAL_AND, [_, body], _) => Some((LoopKind::All, None, body)),
        (names::LOGICAL_OR, [_, body], _) => Some((LoopKind::Exists, None, body)),
        (names::CONDITIONAL, [body, _, _], Expr::Literal(_)) => {
            Some((LoopKind::ExistsOne, None, body))
        }
        (names::CONDITIONAL, [filter, step, _], Expr::List(_)) => {
            Some((LoopKind::List, Some(filter), appended(step)?))
        }
        (names::ADD, _, Expr::List(_)) => Some((LoopKind::List, None, appended(&fold.loop_step)?)),
        _ => None,
    }
}

/// The `x` of `result + [x]`.
fn appended(step: &IdedExpr) -> Option<&IdedExpr> {
    match call(step)?.args.as_slice() {
        [
            _,
            IdedExpr {
                expr: Expr::List(list),
                ..
            },
        ] => list.elements.first(),
        _ => None,
    }
}

fn call(expr: &IdedExpr) -> Option<&CallExpr> {
    match &expr.expr {
        Expr::Call(call) => Some(call),
        _ => None,
    }
}
