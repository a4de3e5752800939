//! Arithmetic: every overflow is an error.

use ztag_types::{Span, Timestamp};

use super::Evaluation;
use crate::cel::meter::Meter;
use crate::cel::program::{Arithmetic, Op};
use crate::cel::time;
use crate::cel::val::{List, Val};
use crate::error::EvalError;

impl<'a> Evaluation<'a> {
    pub(super) fn negate(&mut self, inner: &'a Op) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        match self.value(inner)? {
            Val::Int(i) => i.checked_neg().map(Val::Int).ok_or_else(overflow),
            Val::Double(d) => Ok(Val::Double(-d)),
            _ => Err(EvalError::no_overload("-")),
        }
    }

    pub(super) fn arithmetic(
        &mut self,
        pair: &'a [Op; 2],
        operator: Arithmetic,
    ) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let [a, b] = pair;
        let a = self.value(a)?;
        let b = self.value(b)?;
        match (&a, &b) {
            (Val::Int(a), Val::Int(b)) => int(operator, *a, *b).map(Val::Int),
            (Val::Uint(a), Val::Uint(b)) => uint(operator, *a, *b).map(Val::Uint),
            (Val::Double(a), Val::Double(b)) => double(operator, *a, *b).map(Val::Double),
            (a, b) => match operator {
                Arithmetic::Add => add(&mut self.meter, a, b),
                Arithmetic::Subtract => subtract(a, b),
                other => Err(EvalError::no_overload(other.symbol())),
            },
        }
    }
}

fn overflow() -> EvalError {
    EvalError::new("integer overflow")
}

fn by_zero<T>(operator: Arithmetic) -> Result<T, EvalError> {
    Err(EvalError::new(match operator {
        Arithmetic::Modulo => "modulus by zero",
        _ => "division by zero",
    }))
}

fn int(operator: Arithmetic, a: i64, b: i64) -> Result<i64, EvalError> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return by_zero(operator),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    };
    result.ok_or_else(overflow)
}

fn uint(operator: Arithmetic, a: u64, b: u64) -> Result<u64, EvalError> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Modulo if b == 0 => return by_zero(operator),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    };
    result.ok_or_else(overflow)
}

fn double(operator: Arithmetic, a: f64, b: f64) -> Result<f64, EvalError> {
    match operator {
        Arithmetic::Add => Ok(a + b),
        Arithmetic::Subtract => Ok(a - b),
        Arithmetic::Multiply => Ok(a * b),
        Arithmetic::Divide => Ok(a / b),
        Arithmetic::Modulo => Err(EvalError::no_overload("%")),
    }
}

fn add<'a>(meter: &mut Meter, a: &Val<'a>, b: &Val<'a>) -> Result<Val<'a>, EvalError> {
    match (a, b) {
        (Val::Str(a), Val::Str(b)) => {
            meter.bytes(a.as_str().len() + b.as_str().len())?;
            Ok(Val::text([a.as_str(), b.as_str()].concat()))
        }
        (Val::Bytes(a), Val::Bytes(b)) => {
            meter.bytes(a.as_slice().len() + b.as_slice().len())?;
            Ok(Val::bytes([a.as_slice(), b.as_slice()].concat()))
        }
        (Val::List(a), Val::List(b)) => concatenate(meter, a, b),
        (Val::Timestamp(at), Val::Duration(span)) | (Val::Duration(span), Val::Timestamp(at)) => {
            shift(*at, span.nanos())
        }
        (Val::Duration(a), Val::Duration(b)) => length(a.nanos() + b.nanos()),
        _ => Err(EvalError::no_overload("+")),
    }
}

fn subtract<'a>(a: &Val<'a>, b: &Val<'a>) -> Result<Val<'a>, EvalError> {
    match (a, b) {
        (Val::Timestamp(a), Val::Timestamp(b)) => length(time::nanos(*a) - time::nanos(*b)),
        (Val::Timestamp(at), Val::Duration(span)) => shift(*at, -span.nanos()),
        (Val::Duration(a), Val::Duration(b)) => length(a.nanos() - b.nanos()),
        _ => Err(EvalError::no_overload("-")),
    }
}

fn concatenate<'a>(meter: &mut Meter, a: &List<'a>, b: &List<'a>) -> Result<Val<'a>, EvalError> {
    meter.items(a.len() + b.len())?;
    let mut items = a.to_vec()?;
    items.extend(b.to_vec()?);
    Ok(Val::list(items))
}

fn shift<'a>(at: Timestamp, nanos: i128) -> Result<Val<'a>, EvalError> {
    time::timestamp(time::nanos(at) + nanos)
        .map(Val::Timestamp)
        .ok_or(EvalError::new("timestamp out of range"))
}

fn length<'a>(nanos: i128) -> Result<Val<'a>, EvalError> {
    time::span(nanos)
        .map(|span: Span| Val::Duration(span))
        .ok_or(EvalError::new("duration out of range"))
}
