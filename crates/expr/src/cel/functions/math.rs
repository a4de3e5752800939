//! The math extension.

use std::cmp::Ordering;

use super::{Function, Kinds, mismatch};
use crate::cel::eval::order;
use crate::cel::meter::Meter;
use crate::cel::val::Val;
use crate::error::EvalError;

const WHOLE: Kinds = Kinds::INT.or(Kinds::UINT);
const NUMBERS: Kinds = Kinds::NUMBER.or(Kinds::LIST);

/// Arguments of `math.greatest` and `math.least` at the most.
const MAX_ARGUMENTS: usize = 64;

pub(super) static TABLE: &[Function] = &[
    Function::global("math.abs", &[Kinds::NUMBER], Kinds::ANY, abs),
    Function::global("math.bitAnd", &[WHOLE, WHOLE], Kinds::ANY, |_, args| {
        bits(args, |a, b| a & b)
    }),
    Function::global("math.bitNot", &[WHOLE], Kinds::ANY, bit_not),
    Function::global("math.bitOr", &[WHOLE, WHOLE], Kinds::ANY, |_, args| {
        bits(args, |a, b| a | b)
    }),
    Function::global(
        "math.bitShiftLeft",
        &[WHOLE, Kinds::INT],
        Kinds::ANY,
        |_, args| shift(args, u64::checked_shl),
    ),
    Function::global(
        "math.bitShiftRight",
        &[WHOLE, Kinds::INT],
        Kinds::ANY,
        |_, args| shift(args, u64::checked_shr),
    ),
    Function::global("math.bitXor", &[WHOLE, WHOLE], Kinds::ANY, |_, args| {
        bits(args, |a, b| a ^ b)
    }),
    Function::global("math.ceil", &[Kinds::DOUBLE], Kinds::DOUBLE, |_, args| {
        rounded(args, f64::ceil)
    }),
    Function::global("math.floor", &[Kinds::DOUBLE], Kinds::DOUBLE, |_, args| {
        rounded(args, f64::floor)
    }),
    Function::global("math.greatest", &[NUMBERS], Kinds::ANY, |meter, args| {
        extreme(meter, args, Ordering::Greater)
    })
    .at_most(MAX_ARGUMENTS),
    Function::global("math.isFinite", &[Kinds::DOUBLE], Kinds::BOOL, |_, args| {
        test(args, f64::is_finite)
    }),
    Function::global("math.isInf", &[Kinds::DOUBLE], Kinds::BOOL, |_, args| {
        test(args, f64::is_infinite)
    }),
    Function::global("math.isNaN", &[Kinds::DOUBLE], Kinds::BOOL, |_, args| {
        test(args, f64::is_nan)
    }),
    Function::global("math.least", &[NUMBERS], Kinds::ANY, |meter, args| {
        extreme(meter, args, Ordering::Less)
    })
    .at_most(MAX_ARGUMENTS),
    Function::global("math.round", &[Kinds::DOUBLE], Kinds::DOUBLE, |_, args| {
        rounded(args, f64::round)
    }),
    Function::global("math.sign", &[Kinds::NUMBER], Kinds::ANY, sign),
    Function::global("math.sqrt", &[Kinds::NUMBER], Kinds::DOUBLE, square_root),
    Function::global("math.trunc", &[Kinds::DOUBLE], Kinds::DOUBLE, |_, args| {
        rounded(args, f64::trunc)
    }),
];

fn abs<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(i)] => i
            .checked_abs()
            .map(Val::Int)
            .ok_or(EvalError::new("integer overflow")),
        [Val::Uint(u)] => Ok(Val::Uint(*u)),
        [Val::Double(d)] => Ok(Val::Double(d.abs())),
        _ => mismatch(),
    }
}

fn sign<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(i)] => Ok(Val::Int(i.signum())),
        [Val::Uint(u)] => Ok(Val::Uint(u64::from(*u != 0))),
        [Val::Double(d)] if *d == 0.0 || d.is_nan() => Ok(Val::Double(*d)),
        [Val::Double(d)] => Ok(Val::Double(d.signum())),
        _ => mismatch(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a root is a float")]
fn square_root<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(i)] => Ok(Val::Double((*i as f64).sqrt())),
        [Val::Uint(u)] => Ok(Val::Double((*u as f64).sqrt())),
        [Val::Double(d)] => Ok(Val::Double(d.sqrt())),
        _ => mismatch(),
    }
}

fn rounded<'a>(args: &[Val<'a>], round: fn(f64) -> f64) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Double(d)] => Ok(Val::Double(round(*d))),
        _ => mismatch(),
    }
}

fn test<'a>(args: &[Val<'a>], test: fn(f64) -> bool) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Double(d)] => Ok(Val::Bool(test(*d))),
        _ => mismatch(),
    }
}

/// Works on the bits of either type of integer.
fn bits<'a>(args: &[Val<'a>], combine: fn(u64, u64) -> u64) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(a), Val::Int(b)] => Ok(Val::Int(
            combine(a.cast_unsigned(), b.cast_unsigned()).cast_signed(),
        )),
        [Val::Uint(a), Val::Uint(b)] => Ok(Val::Uint(combine(*a, *b))),
        _ => mismatch(),
    }
}

fn bit_not<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(i)] => Ok(Val::Int(!i)),
        [Val::Uint(u)] => Ok(Val::Uint(!u)),
        _ => mismatch(),
    }
}

/// Shifts bits, filling with zeros; a shift by the width or more leaves none.
fn shift<'a>(args: &[Val<'a>], shift: fn(u64, u32) -> Option<u64>) -> Result<Val<'a>, EvalError> {
    let [value, Val::Int(by)] = args else {
        return mismatch();
    };
    if *by < 0 {
        return Err(EvalError::new("negative shift"));
    }
    let by = u32::try_from(*by).unwrap_or(u32::MAX);
    match value {
        Val::Int(i) => Ok(Val::Int(
            shift(i.cast_unsigned(), by).unwrap_or(0).cast_signed(),
        )),
        Val::Uint(u) => Ok(Val::Uint(shift(*u, by).unwrap_or(0))),
        _ => mismatch(),
    }
}

/// The greatest or least of the arguments, or of the items of one list.
fn extreme<'a>(
    meter: &mut Meter,
    args: &[Val<'a>],
    wanted: Ordering,
) -> Result<Val<'a>, EvalError> {
    if let [Val::List(items)] = args {
        meter.items(items.len())?;
        return best(&items.to_vec()?, wanted);
    }
    best(args, wanted)
}

fn best<'a>(values: &[Val<'a>], wanted: Ordering) -> Result<Val<'a>, EvalError> {
    let Some((mut best, rest)) = values.split_first() else {
        return Err(EvalError::new(
            "an empty list has no greatest and no least item",
        ));
    };
    if !values
        .iter()
        .all(|value| matches!(value, Val::Int(_) | Val::Uint(_) | Val::Double(_)))
    {
        return mismatch();
    }
    for value in rest {
        if order(value, best)? == Some(wanted) {
            best = value;
        }
    }
    Ok(best.clone())
}
