//! Sizes, look-ups, lists and sets.

use std::cmp::Ordering;

use super::{Function, Kinds, mismatch};
use crate::cel::eval::{equal, order};
use crate::cel::meter::Meter;
use crate::cel::val::{List, Val};
use crate::error::EvalError;

const SIZED: Kinds = Kinds::STRING
    .or(Kinds::BYTES)
    .or(Kinds::LIST)
    .or(Kinds::MAP);

/// Items that `lists.range` makes at the most.
const MAX_RANGE: usize = 10_000;

/// Levels that `flatten` opens at the most.
const MAX_FLATTEN: i64 = 32;

pub(super) static TABLE: &[Function] = &[
    Function::global("size", &[SIZED], Kinds::INT, size),
    Function::method("size", &[SIZED], Kinds::INT, size),
    Function::global(
        "lookup",
        &[Kinds::MAP.or(Kinds::NULL), Kinds::ANY],
        Kinds::ANY,
        lookup,
    ),
    Function::global("lists.range", &[Kinds::INT], Kinds::LIST, range),
    Function::method("distinct", &[Kinds::LIST], Kinds::LIST, distinct),
    Function::method("first", &[Kinds::LIST], Kinds::OTHER, first),
    Function::method("flatten", &[Kinds::LIST, Kinds::INT], Kinds::LIST, flatten).at_least(1),
    Function::method("last", &[Kinds::LIST], Kinds::OTHER, last),
    Function::method(
        "slice",
        &[Kinds::LIST, Kinds::INT, Kinds::INT],
        Kinds::LIST,
        slice,
    ),
    Function::method("sort", &[Kinds::LIST], Kinds::LIST, sort),
    Function::global(
        "sets.contains",
        &[Kinds::LIST, Kinds::LIST],
        Kinds::BOOL,
        set_contains,
    ),
    Function::global(
        "sets.equivalent",
        &[Kinds::LIST, Kinds::LIST],
        Kinds::BOOL,
        set_equivalent,
    ),
    Function::global(
        "sets.intersects",
        &[Kinds::LIST, Kinds::LIST],
        Kinds::BOOL,
        set_intersects,
    ),
];

fn size<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let count = match args {
        [Val::Str(text)] => {
            meter.bytes(text.as_str().len())?;
            text.as_str().chars().count()
        }
        [Val::Bytes(bytes)] => bytes.as_slice().len(),
        [Val::List(items)] => items.len(),
        [Val::Map(map)] => map.len(),
        _ => return mismatch(),
    };
    Ok(Val::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The value under a key, or null where the key or the whole map is absent.
fn lookup<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Map(map), key] => Ok(map.find(key)?.unwrap_or(Val::Null)),
        [Val::Null, _] => Ok(Val::Null),
        _ => mismatch(),
    }
}

fn range<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Int(end)] => {
            let count = usize::try_from(*end).unwrap_or(0);
            if count > MAX_RANGE {
                return Err(EvalError::new("the list is too long"));
            }
            meter.items(count)?;
            Ok(Val::list((0..*end).map(Val::Int).collect()))
        }
        _ => mismatch(),
    }
}

fn distinct<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::List(items)] = args else {
        return mismatch();
    };
    meter.items(items.len())?;
    let mut kept: Vec<Val<'a>> = Vec::new();
    for item in items.to_vec()? {
        if !holds(meter, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Val::list(kept))
}

fn first<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::List(items)] => Ok(items.get(0)?.map_or(Val::Optional(None), Val::some)),
        _ => mismatch(),
    }
}

fn last<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::List(items)] => {
            let found = match items.len().checked_sub(1) {
                Some(position) => items.get(position)?,
                None => None,
            };
            Ok(found.map_or(Val::Optional(None), Val::some))
        }
        _ => mismatch(),
    }
}

fn flatten<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (items, depth) = match args {
        [Val::List(items)] => (items, 1),
        [Val::List(items), Val::Int(depth)] => (items, *depth),
        _ => return mismatch(),
    };
    if !(0..=MAX_FLATTEN).contains(&depth) {
        return Err(EvalError::new("the depth of `flatten` is out of range"));
    }
    let mut flat = Vec::new();
    open(meter, items, depth, &mut flat)?;
    Ok(Val::list(flat))
}

fn open<'a>(
    meter: &mut Meter,
    items: &List<'a>,
    depth: i64,
    flat: &mut Vec<Val<'a>>,
) -> Result<(), EvalError> {
    meter.items(items.len())?;
    for item in items.to_vec()? {
        match item {
            Val::List(inner) if depth > 0 => open(meter, &inner, depth - 1, flat)?,
            item => flat.push(item),
        }
    }
    Ok(())
}

fn slice<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::List(items), Val::Int(start), Val::Int(end)] = args else {
        return mismatch();
    };
    let (Ok(start), Ok(end)) = (usize::try_from(*start), usize::try_from(*end)) else {
        return Err(EvalError::new("a slice begins and ends inside its list"));
    };
    if start > end || end > items.len() {
        return Err(EvalError::new("a slice begins and ends inside its list"));
    }
    meter.items(end - start)?;
    let part = (start..end).filter_map(|position| items.get(position).transpose());
    part.collect::<Result<_, _>>().map(Val::list)
}

/// Sorts numbers, or values of one other ordered type.
fn sort<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::List(items)] = args else {
        return mismatch();
    };
    let count = items.len();
    meter.items(
        count.saturating_mul(usize::try_from(count.checked_ilog2().unwrap_or(0)).unwrap_or(0) + 1),
    )?;
    let mut items = items.to_vec()?;
    if let Some(first) = items.first() {
        for item in &items {
            if order(first, item)
                .map_err(|error| error.named("sort"))?
                .is_none()
            {
                return Err(EvalError::new("a number that is none has no order"));
            }
        }
    }
    items.sort_by(total);
    Ok(Val::list(items))
}

/// The order of values known to be comparable. Sorting panics over an order with contradictions,
/// and comparing integers with each other exactly but with floats as floats is one: here integers
/// that equal the same float are told apart afterwards.
fn total(a: &Val<'_>, b: &Val<'_>) -> Ordering {
    match (line(a), line(b)) {
        (Some((a, whole_a)), Some((b, whole_b))) => {
            let ordering = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            ordering.then_with(|| whole_a.cmp(&whole_b))
        }
        _ => order(a, b).ok().flatten().unwrap_or(Ordering::Equal),
    }
}

/// A number as a float, and its whole part.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the two parts together are exact enough to order by"
)]
fn line(value: &Val<'_>) -> Option<(f64, i128)> {
    match value {
        Val::Int(i) => Some((*i as f64, i128::from(*i))),
        Val::Uint(u) => Some((*u as f64, i128::from(*u))),
        Val::Double(d) => Some((*d, *d as i128)),
        _ => None,
    }
}

fn set_contains<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::List(set), Val::List(part)] => {
            meter.items(set.len() + part.len())?;
            subset(meter, &part.to_vec()?, &set.to_vec()?).map(Val::Bool)
        }
        _ => mismatch(),
    }
}

fn set_equivalent<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::List(a), Val::List(b)] => {
            meter.items(a.len() + b.len())?;
            let (a, b) = (a.to_vec()?, b.to_vec()?);
            Ok(Val::Bool(subset(meter, &a, &b)? && subset(meter, &b, &a)?))
        }
        _ => mismatch(),
    }
}

fn set_intersects<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::List(a), Val::List(b)] = args else {
        return mismatch();
    };
    meter.items(a.len() + b.len())?;
    let b = b.to_vec()?;
    for item in a.to_vec()? {
        if holds(meter, &b, &item)? {
            return Ok(Val::Bool(true));
        }
    }
    Ok(Val::Bool(false))
}

fn subset(meter: &mut Meter, part: &[Val<'_>], whole: &[Val<'_>]) -> Result<bool, EvalError> {
    for item in part {
        if !holds(meter, whole, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn holds(meter: &mut Meter, items: &[Val<'_>], wanted: &Val<'_>) -> Result<bool, EvalError> {
    for item in items {
        if equal(meter, item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}
