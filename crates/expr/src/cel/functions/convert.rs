//! Conversions between types.

use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::time;
use crate::cel::val::{Blob, Text, Val};
use crate::error::EvalError;

pub(super) static TABLE: &[Function] = &[
    Function::global(
        "bool",
        &[Kinds::BOOL.or(Kinds::STRING)],
        Kinds::BOOL,
        to_bool,
    ),
    Function::global(
        "bytes",
        &[Kinds::BYTES.or(Kinds::STRING)],
        Kinds::BYTES,
        to_bytes,
    ),
    Function::global(
        "double",
        &[Kinds::NUMBER.or(Kinds::STRING)],
        Kinds::DOUBLE,
        to_double,
    ),
    Function::global("dyn", &[Kinds::ANY], Kinds::ANY, to_dyn),
    Function::global(
        "int",
        &[Kinds::NUMBER.or(Kinds::STRING).or(Kinds::TIMESTAMP)],
        Kinds::INT,
        to_int,
    ),
    Function::global("string", &[Kinds::ANY], Kinds::STRING, to_string),
    Function::global("type", &[Kinds::ANY], Kinds::OTHER, to_type),
    Function::global(
        "uint",
        &[Kinds::NUMBER.or(Kinds::STRING)],
        Kinds::UINT,
        to_uint,
    ),
];

fn to_dyn<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    args.first().cloned().map_or_else(mismatch, Ok)
}

fn to_type<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    args.first()
        .map_or_else(mismatch, |value| Ok(Val::Type(value.type_name())))
}

fn to_bool<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Bool(b)] => Ok(Val::Bool(*b)),
        [Val::Str(text)] => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
            _ => Err(EvalError::new("text is not a bool")),
        },
        _ => mismatch(),
    }
}

fn to_bytes<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Bytes(bytes)] => Ok(Val::Bytes(bytes.clone())),
        [Val::Str(Text::Borrowed(text))] => Ok(Val::Bytes(Blob::Borrowed(text.as_bytes()))),
        [Val::Str(text)] => {
            meter.bytes(text.as_str().len())?;
            Ok(Val::bytes(text.as_str().as_bytes()))
        }
        _ => mismatch(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the conversion rounds, as CEL defines"
)]
fn to_double<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Double(d)] => Ok(Val::Double(*d)),
        [Val::Int(i)] => Ok(Val::Double(*i as f64)),
        [Val::Uint(u)] => Ok(Val::Double(*u as f64)),
        [Val::Str(text)] => {
            let parsed = text.as_str().parse().map(Val::Double);
            parsed.map_err(|_| EvalError::new("text is not a double"))
        }
        _ => mismatch(),
    }
}

fn to_int<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(i)] => Ok(Val::Int(*i)),
        [Val::Uint(u)] => i64::try_from(*u).map(Val::Int).map_err(|_| out_of_range()),
        [Val::Double(d)] => int_of(*d).map(Val::Int).ok_or_else(out_of_range),
        [Val::Str(text)] => {
            let parsed = text.as_str().parse().map(Val::Int);
            parsed.map_err(|_| EvalError::new("text is not an int"))
        }
        [Val::Timestamp(at)] => Ok(Val::Int(at.seconds())),
        _ => mismatch(),
    }
}

fn to_uint<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Uint(u)] => Ok(Val::Uint(*u)),
        [Val::Int(i)] => u64::try_from(*i).map(Val::Uint).map_err(|_| out_of_range()),
        [Val::Double(d)] => uint_of(*d).map(Val::Uint).ok_or_else(out_of_range),
        [Val::Str(text)] => {
            let parsed = text.as_str().parse().map(Val::Uint);
            parsed.map_err(|_| EvalError::new("text is not a uint"))
        }
        _ => mismatch(),
    }
}

fn out_of_range() -> EvalError {
    EvalError::new("number out of range")
}

/// The integer part, for floats strictly between the ends of the range: the ends themselves are
/// not exact.
#[expect(
    clippy::cast_possible_truncation,
    reason = "within the range, checked just before"
)]
fn int_of(d: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    (d > -END && d < END).then_some(d as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the range, checked just before"
)]
fn uint_of(d: f64) -> Option<u64> {
    const END: f64 = 18_446_744_073_709_551_616.0;
    (0.0..END).contains(&d).then_some(d as u64)
}

fn to_string<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    Ok(Val::text(match args {
        [Val::Str(text)] => return Ok(Val::Str(text.clone())),
        [Val::Bool(b)] => b.to_string(),
        [Val::Int(i)] => i.to_string(),
        [Val::Uint(u)] => u.to_string(),
        [Val::Double(d)] => general(*d),
        [Val::Bytes(bytes)] => {
            meter.bytes(bytes.as_slice().len())?;
            match str::from_utf8(bytes.as_slice()) {
                Ok(text) => text.to_owned(),
                Err(_) => return Err(EvalError::new("bytes are not UTF-8")),
            }
        }
        [Val::Timestamp(at)] => time::format_timestamp(*at),
        [Val::Duration(span)] => time::format_duration(*span),
        [Val::Type(name)] => (*name).to_owned(),
        [Val::Ip(address)] => address.to_string(),
        [Val::Cidr(network)] => network.to_string(),
        _ => return mismatch(),
    }))
}

/// A float with the fewest digits that read back the same; with an exponent when that is below -4
/// or above 20.
fn general(d: f64) -> String {
    if d.is_nan() {
        return "NaN".to_owned();
    }
    if d.is_infinite() {
        return if d > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{d:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return d.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
