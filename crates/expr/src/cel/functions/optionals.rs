//! Optional values.

use std::rc::Rc;

use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::val::Val;
use crate::error::EvalError;

pub(super) static TABLE: &[Function] = &[
    Function::global("optional.none", &[], Kinds::OTHER, |_, _| {
        Ok(Val::Optional(None))
    }),
    Function::global("optional.of", &[Kinds::ANY], Kinds::OTHER, of),
    Function::global(
        "optional.ofNonZeroValue",
        &[Kinds::ANY],
        Kinds::OTHER,
        of_non_zero,
    ),
    Function::global("optional.unwrap", &[Kinds::LIST], Kinds::LIST, unwrap),
    Function::method("hasValue", &[Kinds::OTHER], Kinds::BOOL, has_value),
    Function::method("unwrapOpt", &[Kinds::LIST], Kinds::LIST, unwrap),
    Function::method("value", &[Kinds::OTHER], Kinds::ANY, value),
];

fn of<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    args.first()
        .cloned()
        .map_or_else(mismatch, |held| Ok(Val::some(held)))
}

fn of_non_zero<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [held] if is_zero(held) => Ok(Val::Optional(None)),
        args => of(meter, args),
    }
}

fn is_zero(value: &Val<'_>) -> bool {
    match value {
        Val::Null | Val::Optional(None) => true,
        Val::Bool(b) => !b,
        Val::Int(i) => *i == 0,
        Val::Uint(u) => *u == 0,
        Val::Double(d) => *d == 0.0,
        Val::Str(text) => text.as_str().is_empty(),
        Val::Bytes(bytes) => bytes.as_slice().is_empty(),
        Val::List(items) => items.len() == 0,
        Val::Map(map) => map.len() == 0,
        Val::Duration(span) => span.nanos() == 0,
        Val::Timestamp(_) | Val::Type(_) | Val::Optional(Some(_)) | Val::Ip(_) | Val::Cidr(_) => {
            false
        }
    }
}

fn has_value<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Optional(held)] => Ok(Val::Bool(held.is_some())),
        _ => mismatch(),
    }
}

fn value<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Optional(Some(held))] => Ok(Val::clone(held)),
        [Val::Optional(None)] => Err(EvalError::new("an optional holds no value")),
        _ => mismatch(),
    }
}

/// The values that the optionals of a list hold.
fn unwrap<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::List(items)] = args else {
        return mismatch();
    };
    meter.items(items.len())?;
    let mut held = Vec::new();
    for item in items.to_vec()? {
        match item {
            Val::Optional(value) => held.extend(value.map(Rc::unwrap_or_clone)),
            _ => return mismatch(),
        }
    }
    Ok(Val::list(held))
}
