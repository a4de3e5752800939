//! Text: the standard functions and the string extension. Positions count code points.

use super::format::format;
use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::pattern;
use crate::cel::val::{Text, Val};
use crate::error::EvalError;

const TEXT: &[Kinds] = &[Kinds::STRING];
const TWO: &[Kinds] = &[Kinds::STRING, Kinds::STRING];
const FIND: &[Kinds] = &[Kinds::STRING, Kinds::STRING, Kinds::INT];

pub(super) static TABLE: &[Function] = &[
    Function::method(
        "charAt",
        &[Kinds::STRING, Kinds::INT],
        Kinds::STRING,
        char_at,
    ),
    Function::method("contains", TWO, Kinds::BOOL, |meter, args| {
        test(meter, args, |text, part| text.contains(part))
    }),
    Function::method("endsWith", TWO, Kinds::BOOL, |meter, args| {
        test(meter, args, |text, part| text.ends_with(part))
    }),
    Function::method(
        "format",
        &[Kinds::STRING, Kinds::LIST],
        Kinds::STRING,
        formatted,
    ),
    Function::method("indexOf", FIND, Kinds::INT, index_of).at_least(2),
    Function::method("join", &[Kinds::LIST, Kinds::STRING], Kinds::STRING, join).at_least(1),
    Function::method("lastIndexOf", FIND, Kinds::INT, last_index_of).at_least(2),
    Function::method("lowerAscii", TEXT, Kinds::STRING, |meter, args| {
        map(meter, args, str::to_ascii_lowercase)
    }),
    Function::global("matches", TWO, Kinds::BOOL, matches),
    Function::method("matches", TWO, Kinds::BOOL, matches),
    Function::method(
        "replace",
        &[Kinds::STRING, Kinds::STRING, Kinds::STRING, Kinds::INT],
        Kinds::STRING,
        replace,
    )
    .at_least(3),
    Function::method(
        "reverse",
        &[Kinds::STRING.or(Kinds::LIST)],
        Kinds::ANY,
        reverse,
    ),
    Function::method("split", FIND, Kinds::LIST, split).at_least(2),
    Function::method("startsWith", TWO, Kinds::BOOL, |meter, args| {
        test(meter, args, |text, part| text.starts_with(part))
    }),
    Function::global("strings.quote", TEXT, Kinds::STRING, quote),
    Function::method(
        "substring",
        &[Kinds::STRING, Kinds::INT, Kinds::INT],
        Kinds::STRING,
        substring,
    )
    .at_least(2),
    Function::method("trim", TEXT, Kinds::STRING, trim),
    Function::method("upperAscii", TEXT, Kinds::STRING, |meter, args| {
        map(meter, args, str::to_ascii_uppercase)
    }),
];

fn test<'a>(
    meter: &mut Meter,
    args: &[Val<'a>],
    test: fn(&str, &str) -> bool,
) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text), Val::Str(part)] => {
            meter.bytes(text.as_str().len() + part.as_str().len())?;
            Ok(Val::Bool(test(text.as_str(), part.as_str())))
        }
        _ => mismatch(),
    }
}

fn map<'a>(
    meter: &mut Meter,
    args: &[Val<'a>],
    map: fn(&str) -> String,
) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => {
            meter.bytes(text.as_str().len())?;
            Ok(Val::text(map(text.as_str())))
        }
        _ => mismatch(),
    }
}

fn matches<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text), Val::Str(pattern)] => {
            meter.bytes(text.as_str().len())?;
            pattern::is_match(meter, pattern.as_str(), text.as_str()).map(Val::Bool)
        }
        _ => mismatch(),
    }
}

/// The byte at which code point `position` begins; the end of the text for its length.
fn byte_at(text: &str, position: i64) -> Result<usize, EvalError> {
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let position = usize::try_from(position).ok();
    position
        .and_then(|position| starts.nth(position))
        .ok_or(EvalError::new("a position is outside its text"))
}

/// The code point that begins at byte `at`.
fn position_of(text: &str, at: usize) -> Val<'static> {
    let before = text.get(..at).map_or(0, |before| before.chars().count());
    Val::Int(i64::try_from(before).unwrap_or(i64::MAX))
}

/// A part of `text`, borrowed where `text` is.
fn part<'a>(text: &Text<'a>, start: usize, end: usize) -> Val<'a> {
    match text {
        Text::Borrowed(text) => Val::Str(Text::Borrowed(text.get(start..end).unwrap_or_default())),
        Text::Built(text) => Val::text(text.get(start..end).unwrap_or_default()),
    }
}

fn char_at<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::Str(text), Val::Int(position)] = args else {
        return mismatch();
    };
    meter.bytes(text.as_str().len())?;
    let start = byte_at(text.as_str(), *position)?;
    let rest = text.as_str().get(start..).unwrap_or_default();
    let len = rest.chars().next().map_or(0, char::len_utf8);
    Ok(part(text, start, start + len))
}

fn substring<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (text, start, end) = match args {
        [Val::Str(text), Val::Int(start)] => (text, *start, None),
        [Val::Str(text), Val::Int(start), Val::Int(end)] => (text, *start, Some(*end)),
        _ => return mismatch(),
    };
    meter.bytes(text.as_str().len())?;
    if end.is_some_and(|end| start > end) {
        return Err(EvalError::new("a substring ends before it begins"));
    }
    let start = byte_at(text.as_str(), start)?;
    let end = match end {
        Some(end) => byte_at(text.as_str(), end)?,
        None => text.as_str().len(),
    };
    Ok(part(text, start, end))
}

fn index_of<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (text, wanted, from) = match args {
        [Val::Str(text), Val::Str(wanted)] => (text.as_str(), wanted.as_str(), 0),
        [Val::Str(text), Val::Str(wanted), Val::Int(from)] => {
            (text.as_str(), wanted.as_str(), *from)
        }
        _ => return mismatch(),
    };
    meter.bytes(text.len() + wanted.len())?;
    let start = byte_at(text, from)?;
    let found = text.get(start..).and_then(|rest| rest.find(wanted));
    Ok(found.map_or(Val::Int(-1), |at| position_of(text, start + at)))
}

fn last_index_of<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (text, wanted, upto) = match args {
        [Val::Str(text), Val::Str(wanted)] => (text.as_str(), wanted.as_str(), None),
        [Val::Str(text), Val::Str(wanted), Val::Int(upto)] => {
            (text.as_str(), wanted.as_str(), Some(*upto))
        }
        _ => return mismatch(),
    };
    meter.bytes(text.len() + wanted.len())?;
    // A match may begin at the position given, and goes on behind it.
    let limit = match upto {
        Some(upto) => (byte_at(text, upto)? + wanted.len()).min(text.len()),
        None => text.len(),
    };
    let limit = (0..=limit)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let found = text.get(..limit).and_then(|head| head.rfind(wanted));
    Ok(found.map_or(Val::Int(-1), |at| position_of(text, at)))
}

fn replace<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (text, old, new, limit) = match args {
        [Val::Str(text), Val::Str(old), Val::Str(new)] => (text, old.as_str(), new.as_str(), -1),
        [
            Val::Str(text),
            Val::Str(old),
            Val::Str(new),
            Val::Int(limit),
        ] => (text, old.as_str(), new.as_str(), *limit),
        _ => return mismatch(),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    meter.bytes(text.as_str().len())?;
    let count = text.as_str().matches(old).take(limit).count();
    if count == 0 {
        return Ok(Val::Str(text.clone()));
    }
    meter.bytes(count.saturating_mul(new.len()))?;
    Ok(Val::text(text.as_str().replacen(old, new, limit)))
}

fn split<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (text, by, limit) = match args {
        [Val::Str(text), Val::Str(by)] => (text, by.as_str(), -1),
        [Val::Str(text), Val::Str(by), Val::Int(limit)] => (text, by.as_str(), *limit),
        _ => return mismatch(),
    };
    meter.bytes(text.as_str().len())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut start = 0;
    while parts.len() < limit {
        meter.step()?;
        let rest = text.as_str().get(start..).unwrap_or_default();
        let cut = if parts.len() + 1 == limit {
            None
        } else {
            next_cut(rest, by)
        };
        let Some((len, gap)) = cut else {
            if !(by.is_empty() && rest.is_empty()) {
                parts.push(part(text, start, text.as_str().len()));
            }
            break;
        };
        parts.push(part(text, start, start + len));
        start += len + gap;
    }
    Ok(Val::list(parts))
}

/// Length of the next part and of the separator behind it; without a separator each code point is
/// a part.
fn next_cut(rest: &str, by: &str) -> Option<(usize, usize)> {
    let mut letters = by.chars();
    let at = match (letters.next(), letters.next()) {
        (None, _) => {
            let first = rest.chars().next()?.len_utf8();
            return (first < rest.len()).then_some((first, 0));
        }
        // Most separators are one: looked for without what it takes to look for words.
        (Some(letter), None) => rest.find(letter),
        (Some(_), Some(_)) => rest.find(by),
    };
    at.map(|at| (at, by.len()))
}

fn join<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let (items, by) = match args {
        [Val::List(items)] => (items, ""),
        [Val::List(items), Val::Str(by)] => (items, by.as_str()),
        _ => return mismatch(),
    };
    let mut joined = String::new();
    for position in 0..items.len() {
        let Some(Val::Str(item)) = items.get(position)? else {
            return mismatch();
        };
        meter.step()?;
        meter.bytes(item.as_str().len() + by.len())?;
        if position > 0 {
            joined.push_str(by);
        }
        joined.push_str(item.as_str());
    }
    Ok(Val::text(joined))
}

fn trim<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::Str(text)] = args else {
        return mismatch();
    };
    meter.bytes(text.as_str().len())?;
    let start = text.as_str().len() - text.as_str().trim_start().len();
    let end = start + text.as_str().trim().len();
    Ok(part(text, start, end))
}

fn reverse<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => {
            meter.bytes(text.as_str().len())?;
            Ok(Val::text(text.as_str().chars().rev().collect::<String>()))
        }
        [Val::List(items)] => {
            meter.items(items.len())?;
            let mut items = items.to_vec()?;
            items.reverse();
            Ok(Val::list(items))
        }
        _ => mismatch(),
    }
}

fn quote<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    let [Val::Str(text)] = args else {
        return mismatch();
    };
    meter.bytes(text.as_str().len() * 2)?;
    let mut quoted = String::with_capacity(text.as_str().len() + 2);
    quoted.push('"');
    for c in text.as_str().chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Val::text(quoted))
}

fn formatted<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(template), Val::List(values)] => {
            meter.items(values.len())?;
            format(meter, template.as_str(), &values.to_vec()?).map(Val::text)
        }
        _ => mismatch(),
    }
}
