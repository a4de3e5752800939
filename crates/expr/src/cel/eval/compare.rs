//! Equality and order. Numbers compare across their types; values of other differing types are
//! unequal and have no order.

use std::cmp::Ordering;

use super::Evaluation;
use crate::cel::meter::Meter;
use crate::cel::program::{Op, Order};
use crate::cel::val::{Dict, List, Val};
use crate::error::EvalError;

impl<'a> Evaluation<'a> {
    pub(super) fn equal(&mut self, pair: &'a [Op; 2]) -> Result<bool, EvalError> {
        let [a, b] = pair;
        let a = self.value(a)?;
        let b = self.value(b)?;
        equal(&mut self.meter, &a, &b)
    }

    pub(super) fn order(&mut self, pair: &'a [Op; 2], wanted: Order) -> Result<bool, EvalError> {
        let [a, b] = pair;
        let a = self.value(a)?;
        let b = self.value(b)?;
        if let (Val::Str(a), Val::Str(b)) = (&a, &b) {
            self.meter.bytes(a.as_str().len().min(b.as_str().len()))?;
        }
        let ordering = order(&a, &b).map_err(|error| error.named(wanted.symbol()))?;
        Ok(ordering.is_some_and(|ordering| match wanted {
            Order::Less => ordering.is_lt(),
            Order::LessEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterEqual => ordering.is_ge(),
        }))
    }
}

/// Whether two values are equal.
#[expect(clippy::float_cmp, reason = "CEL compares floats exactly")]
pub(crate) fn equal(meter: &mut Meter, a: &Val<'_>, b: &Val<'_>) -> Result<bool, EvalError> {
    meter.step()?;
    Ok(match (a, b) {
        (Val::Str(a), Val::Str(b)) => {
            equal_bytes(meter, a.as_str().as_bytes(), b.as_str().as_bytes())?
        }
        (Val::Int(a), Val::Int(b)) => a == b,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Null, Val::Null) | (Val::Optional(None), Val::Optional(None)) => true,
        (Val::Uint(a), Val::Uint(b)) => a == b,
        (Val::Double(a), Val::Double(b)) => a == b,
        (
            Val::Int(_) | Val::Uint(_) | Val::Double(_),
            Val::Int(_) | Val::Uint(_) | Val::Double(_),
        ) => numeric(a, b) == Some(Ordering::Equal),
        (Val::Bytes(a), Val::Bytes(b)) => equal_bytes(meter, a.as_slice(), b.as_slice())?,
        (Val::Timestamp(a), Val::Timestamp(b)) => a == b,
        (Val::Duration(a), Val::Duration(b)) => a == b,
        (Val::List(a), Val::List(b)) => equal_lists(meter, a, b)?,
        (Val::Map(a), Val::Map(b)) => equal_maps(meter, a, b)?,
        (Val::Type(a), Val::Type(b)) => a == b,
        (Val::Optional(Some(a)), Val::Optional(Some(b))) => equal(meter, a, b)?,
        (Val::Ip(a), Val::Ip(b)) => a == b,
        (Val::Cidr(a), Val::Cidr(b)) => a == b,
        _ => false,
    })
}

fn equal_bytes(meter: &mut Meter, a: &[u8], b: &[u8]) -> Result<bool, EvalError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    meter.bytes(a.len())?;
    Ok(a == b)
}

fn equal_lists(meter: &mut Meter, a: &List<'_>, b: &List<'_>) -> Result<bool, EvalError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for position in 0..a.len() {
        let same = match (a.get(position)?, b.get(position)?) {
            (Some(a), Some(b)) => equal(meter, &a, &b)?,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_maps(meter: &mut Meter, a: &Dict<'_>, b: &Dict<'_>) -> Result<bool, EvalError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    meter.items(a.len())?;
    for (key, own) in a.entries()? {
        let same = match b.find(&key)? {
            Some(other) => equal(meter, &own, &other)?,
            None => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values; `None` beside a float that is not a number.
pub(crate) fn order(a: &Val<'_>, b: &Val<'_>) -> Result<Option<Ordering>, EvalError> {
    Ok(match (a, b) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Str(a), Val::Str(b)) => Some(a.as_str().cmp(b.as_str())),
        (
            Val::Int(_) | Val::Uint(_) | Val::Double(_),
            Val::Int(_) | Val::Uint(_) | Val::Double(_),
        ) => numeric(a, b),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Bytes(a), Val::Bytes(b)) => Some(a.as_slice().cmp(b.as_slice())),
        (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        _ => return Err(EvalError::no_overload("")),
    })
}

/// Numbers on one line. An integer beside a float is compared as a float, as CEL defines.
fn numeric(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    match (a, b) {
        (Val::Int(a), Val::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Val::Uint(a), Val::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Val::Uint(a), Val::Uint(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        _ => as_double(a)?.partial_cmp(&as_double(b)?),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CEL compares integers with floats as floats"
)]
fn as_double(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(i) => Some(*i as f64),
        Val::Uint(u) => Some(*u as f64),
        Val::Double(d) => Some(*d),
        _ => None,
    }
}
