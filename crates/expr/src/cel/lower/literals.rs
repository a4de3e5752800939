//! Literals, lists and maps; those known at load are built once.

use cel::common::ast::{EntryExpr, ListExpr, LiteralValue, MapExpr};
use ztag_types::{Code, Map, Value};

use super::{Lowered, Lowering, Lowers, Mistake, join};
use crate::cel::program::{Constant, Entry, Item, Op};
use crate::shape::Shape;

/// A scalar literal.
pub(super) fn lower(literal: &LiteralValue) -> Lowered {
    let (value, shape) = match literal {
        LiteralValue::Null => (Value::Null, Shape::Null),
        LiteralValue::Boolean(b) => (Value::Bool(*b.inner()), Shape::Bool),
        LiteralValue::Int(i) => (Value::Int(*i.inner()), Shape::Int),
        LiteralValue::UInt(u) => (Value::Uint(*u.inner()), Shape::Uint),
        LiteralValue::Double(d) => (Value::Double(*d.inner()), Shape::Double),
        LiteralValue::String(text) => (Value::text(text.inner()), Shape::String),
        LiteralValue::Bytes(bytes) => (Value::Bytes(bytes.inner().into()), Shape::Bytes),
    };
    Lowered::new(Op::Constant(Constant::Value(value)), shape)
}

impl Lowering<'_> {
    pub(super) fn list(&mut self, list: &ListExpr) -> Lowers {
        let mut items = Vec::with_capacity(list.elements.len());
        let mut shape: Option<Shape> = None;
        for (position, element) in list.elements.iter().enumerate() {
            let lowered = self.expression(element)?;
            let optional = list.optional_indices.contains(&position);
            let own = if optional { Shape::Any } else { lowered.shape };
            shape = Some(shape.map_or(own.clone(), |known| join(known, &own)));
            items.push(Item {
                value: lowered.op,
                optional,
            });
        }
        let op = constant_list(&items).unwrap_or_else(|| Op::List(items.into()));
        Ok(Lowered::new(op, Shape::list(shape.unwrap_or_default())))
    }

    pub(super) fn map(&mut self, map: &MapExpr) -> Lowers {
        let mut entries = Vec::with_capacity(map.entries.len());
        let mut shape: Option<Shape> = None;
        let mut text_keys = true;
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err(Mistake::new(
                    Code::ExpressionSyntax,
                    "a map cannot hold message fields",
                ));
            };
            let key = self.expression(&entry.key)?;
            let value = self.expression(&entry.value)?;
            text_keys &= key.shape == Shape::String;
            let own = if entry.optional {
                Shape::Any
            } else {
                value.shape
            };
            shape = Some(shape.map_or(own.clone(), |known| join(known, &own)));
            entries.push(Entry {
                key: key.op,
                value: value.op,
                optional: entry.optional,
            });
        }
        let op = constant_map(&entries).unwrap_or_else(|| Op::Map(entries.into()));
        let shape = shape.filter(|_| text_keys).map_or(Shape::Any, Shape::map);
        Ok(Lowered::new(op, shape))
    }
}

fn constant(op: &Op) -> Option<Value> {
    match op {
        Op::Constant(Constant::Value(value)) => Some(value.clone()),
        _ => None,
    }
}

fn constant_list(items: &[Item]) -> Option<Op> {
    let values = items.iter().map(|item| {
        if item.optional {
            None
        } else {
            constant(&item.value)
        }
    });
    let values: Vec<Value> = values.collect::<Option<_>>()?;
    Some(Op::Constant(Constant::Value(values.into())))
}

/// The map, unless a key needs the checks of evaluation: a repeated key is an error there.
fn constant_map(entries: &[Entry]) -> Option<Op> {
    let mut map = Map::new();
    for entry in entries {
        let Value::String(key) = constant(&entry.key)? else {
            return None;
        };
        let value = if entry.optional {
            None
        } else {
            constant(&entry.value)
        };
        if map.insert(ztag_types::Key::String(key), value?).is_some() {
            return None;
        }
    }
    Some(Op::Constant(Constant::Value(map.into())))
}
