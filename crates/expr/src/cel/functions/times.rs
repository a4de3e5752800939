//! Timestamps and durations.

use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::time::{self, Field};
use crate::cel::val::Val;
use crate::error::EvalError;

const MOMENT: &[Kinds] = &[Kinds::TIMESTAMP, Kinds::STRING];
const EITHER: &[Kinds] = &[Kinds::TIMESTAMP.or(Kinds::DURATION), Kinds::STRING];

const NANOS_PER_MILLISECOND: i128 = 1_000_000;
const NANOS_PER_SECOND: i128 = 1_000 * NANOS_PER_MILLISECOND;

pub(super) static TABLE: &[Function] = &[
    Function::global(
        "duration",
        &[Kinds::STRING.or(Kinds::DURATION)],
        Kinds::DURATION,
        duration,
    ),
    Function::global(
        "timestamp",
        &[Kinds::STRING.or(Kinds::INT).or(Kinds::TIMESTAMP)],
        Kinds::TIMESTAMP,
        timestamp,
    ),
    Function::method("getDate", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::Day)
    })
    .at_least(1),
    Function::method("getDayOfMonth", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::DayFromZero)
    })
    .at_least(1),
    Function::method("getDayOfWeek", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::WeekDay)
    })
    .at_least(1),
    Function::method("getDayOfYear", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::YearDay)
    })
    .at_least(1),
    Function::method("getFullYear", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::Year)
    })
    .at_least(1),
    Function::method("getMonth", MOMENT, Kinds::INT, |_, args| {
        calendar(args, Field::Month)
    })
    .at_least(1),
    Function::method("getHours", EITHER, Kinds::INT, |_, args| {
        part(args, Field::Hour)
    })
    .at_least(1),
    Function::method("getMinutes", EITHER, Kinds::INT, |_, args| {
        part(args, Field::Minute)
    })
    .at_least(1),
    Function::method("getSeconds", EITHER, Kinds::INT, |_, args| {
        part(args, Field::Second)
    })
    .at_least(1),
    Function::method("getMilliseconds", EITHER, Kinds::INT, |_, args| {
        part(args, Field::Millisecond)
    })
    .at_least(1),
];

fn timestamp<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let made = match args {
        [Val::Timestamp(at)] => Some(*at),
        [Val::Int(seconds)] => time::timestamp(i128::from(*seconds) * NANOS_PER_SECOND),
        [Val::Str(text)] => time::parse_timestamp(text.as_str()),
        _ => return mismatch(),
    };
    made.map(Val::Timestamp)
        .ok_or(EvalError::new("not a timestamp of the years 1 to 9999"))
}

fn duration<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let made = match args {
        [Val::Duration(span)] => Some(*span),
        [Val::Str(text)] => time::parse_duration(text.as_str()),
        _ => return mismatch(),
    };
    made.map(Val::Duration)
        .ok_or(EvalError::new("not a duration, or out of range"))
}

fn calendar<'a>(args: &[Val<'a>], field: Field) -> Result<Val<'a>, EvalError> {
    let found = match args {
        [Val::Timestamp(at)] => time::field(*at, None, field),
        [Val::Timestamp(at), Val::Str(zone)] => time::field(*at, Some(zone.as_str()), field),
        _ => return mismatch(),
    };
    found
        .map(Val::Int)
        .ok_or(EvalError::new("unknown time zone"))
}

/// A field of a timestamp, or the whole of a duration in that unit; of milliseconds those within
/// the second.
fn part<'a>(args: &[Val<'a>], field: Field) -> Result<Val<'a>, EvalError> {
    let [Val::Duration(span)] = args else {
        return calendar(args, field);
    };
    let nanos = span.nanos();
    let count = match field {
        Field::Hour => nanos / (3_600 * NANOS_PER_SECOND),
        Field::Minute => nanos / (60 * NANOS_PER_SECOND),
        Field::Second => nanos / NANOS_PER_SECOND,
        Field::Millisecond => nanos % NANOS_PER_SECOND / NANOS_PER_MILLISECOND,
        _ => return mismatch(),
    };
    i64::try_from(count)
        .map(Val::Int)
        .map_err(|_| EvalError::new("number out of range"))
}
