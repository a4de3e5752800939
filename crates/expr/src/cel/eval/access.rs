//! Fields, indices, presence and membership.

use std::sync::Arc;

use ztag_types::{Value, View};

use super::{Evaluation, equal};
use crate::cel::functions::Function;
use crate::cel::program::{Constant, Index, Op, Select, SlotPath};
use crate::cel::val::{List, Val};
use crate::error::EvalError;

impl<'a> Evaluation<'a> {
    pub(super) fn select(&mut self, select: &'a Select) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let operand = self.value(&select.operand)?;
        field(&operand, &select.field, select.optional)
    }

    /// `has(operand.field)`. Of an input, a missing or null parent has no fields: what the words
    /// say, although the specification makes it an error.
    pub(super) fn has(&mut self, select: &'a Select) -> Result<bool, EvalError> {
        if let Op::Slot(path) = &select.operand
            && self.lacks(path)
        {
            return Ok(false);
        }
        let operand = self.value(&select.operand)?;
        present(&operand, &select.field)
    }

    /// Whether some step of an input's path is not there.
    fn lacks(&self, path: &SlotPath) -> bool {
        let mut view = self.scope.slot(path.slot);
        for step in &path.steps {
            view = match (view.field(step), view) {
                (Some(next), _) => next,
                (None, View::Null | View::Map(_) | View::Object(_)) => return true,
                (None, _) => return false,
            };
        }
        false
    }

    pub(super) fn index(&mut self, index: &'a Index) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let operand = self.value(&index.operand)?;
        let key = self.value(&index.key)?;
        item(&operand, &key, index.optional)
    }

    /// `key in container`.
    pub(super) fn contains(&mut self, pair: &'a [Op; 2]) -> Result<bool, EvalError> {
        let [key, container] = pair;
        let key = self.value(key)?;
        if let Some((text, by)) = pieces(container) {
            return self.is_piece(&key, text, by);
        }
        match self.value(container)? {
            Val::List(List::Values(items)) => {
                for item in items {
                    if equal(&mut self.meter, &key, &Val::read(item.view())?)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Val::List(items) => {
                for position in 0..items.len() {
                    if let Some(item) = items.get(position)?
                        && equal(&mut self.meter, &key, &item)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Val::Map(map) => map.find(&key).map(|found| found.is_some()),
            _ => Err(EvalError::no_overload("in")),
        }
    }

    /// `key in text.split(by)`, which is how scopes are asked for, without making the list.
    fn is_piece(&mut self, key: &Val<'a>, text: &'a Op, by: u8) -> Result<bool, EvalError> {
        let Val::Str(text) = self.value(text)? else {
            return Err(EvalError::no_overload("split"));
        };
        let text = text.as_str().as_bytes();
        // Cut once, and compared once.
        self.meter.bytes(text.len())?;
        self.meter.bytes(text.len())?;
        let Val::Str(key) = key else {
            return Ok(false);
        };
        let mut pieces = text.split(|byte| *byte == by);
        Ok(pieces.any(|piece| piece == key.as_str().as_bytes()))
    }
}

/// The text and the separator of `text.split(by)`, where that is one letter of ASCII.
fn pieces(op: &Op) -> Option<(&Op, u8)> {
    let Op::Call(Function { name: "split", .. }, args) = op else {
        return None;
    };
    let [text, Op::Constant(Constant::Value(Value::String(by)))] = &**args else {
        return None;
    };
    match by.as_bytes() {
        [by] => Some((text, *by)),
        _ => None,
    }
}

/// Why `view` has no field `step`.
#[cold]
pub(super) fn missing(view: View<'_>, step: &Arc<str>) -> EvalError {
    match Val::read(view) {
        Err(failed) => failed,
        Ok(Val::Map(_)) => EvalError::no_such_key(step),
        Ok(other) => no_field(&other, step),
    }
}

#[cold]
fn no_field(value: &Val<'_>, name: &str) -> EvalError {
    EvalError::new(format!(
        "a value of type `{}` has no field `{name}`",
        value.type_name()
    ))
}

fn field<'a>(value: &Val<'a>, name: &Arc<str>, optional: bool) -> Result<Val<'a>, EvalError> {
    match value {
        Val::Map(map) => found(map.text(name)?, optional, || EvalError::no_such_key(name)),
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(held)) => field(held, name, true),
        other => Err(no_field(other, name)),
    }
}

fn item<'a>(value: &Val<'a>, key: &Val<'_>, optional: bool) -> Result<Val<'a>, EvalError> {
    match value {
        Val::Map(map) => found(map.find(key)?, optional, || EvalError::new("no such key")),
        Val::List(items) => found(list_item(items, key)?, optional, || {
            EvalError::new("index out of bounds")
        }),
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(held)) => item(held, key, true),
        _ => Err(EvalError::no_overload("[]")),
    }
}

fn list_item<'a>(items: &List<'a>, key: &Val<'_>) -> Result<Option<Val<'a>>, EvalError> {
    let Some(position) = key.whole_i64() else {
        return Err(EvalError::new("the index of a list is a whole number"));
    };
    match usize::try_from(position) {
        Ok(position) => items.get(position),
        Err(_) => Ok(None),
    }
}

fn found(
    value: Option<Val<'_>>,
    optional: bool,
    error: impl FnOnce() -> EvalError,
) -> Result<Val<'_>, EvalError> {
    match (value, optional) {
        (Some(value), false) => Ok(value),
        (Some(value), true) => Ok(Val::some(value)),
        (None, true) => Ok(Val::Optional(None)),
        (None, false) => Err(error()),
    }
}

/// Whether the field is there. Null has no fields, which is not an error.
fn present(value: &Val<'_>, name: &str) -> Result<bool, EvalError> {
    match value {
        Val::Map(map) => map.text(name).map(|found| found.is_some()),
        Val::Null | Val::Optional(None) => Ok(false),
        Val::Optional(Some(held)) => present(held, name),
        other => Err(no_field(other, name)),
    }
}
