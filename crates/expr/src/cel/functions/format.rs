//! `format` of the string extension: `%s %d %f %e %b %o %x %X`, with a precision for floats.

use crate::cel::meter::Meter;
use crate::cel::time;
use crate::cel::val::{Dict, List, Val};
use crate::error::EvalError;

/// Digits behind the point at the most.
const MAX_PRECISION: usize = 100;

/// Levels of lists and maps written at the most.
const MAX_DEPTH: usize = 64;

/// Fills the clauses of `template` with `values`, in order.
pub(super) fn format(
    meter: &mut Meter,
    template: &str,
    values: &[Val<'_>],
) -> Result<String, EvalError> {
    let mut out = Output {
        meter,
        text: String::with_capacity(template.len()),
    };
    let mut values = values.iter();
    let mut rest = template;
    while let Some((literal, clause)) = rest.split_once('%') {
        out.push(literal)?;
        rest = match clause.strip_prefix('%') {
            Some(rest) => {
                out.push("%")?;
                rest
            }
            None => fill(&mut out, clause, &mut values)?,
        };
    }
    out.push(rest)?;
    Ok(out.text)
}

/// Text under construction, paid for as it grows.
struct Output<'m> {
    meter: &'m mut Meter,
    text: String,
}

impl Output<'_> {
    fn push(&mut self, part: &str) -> Result<(), EvalError> {
        self.meter.step()?;
        self.meter.bytes(part.len())?;
        self.text.push_str(part);
        Ok(())
    }
}

/// Writes one clause; returns what follows it.
fn fill<'t, 'v, 'a: 'v>(
    out: &mut Output<'_>,
    clause: &'t str,
    values: &mut impl Iterator<Item = &'v Val<'a>>,
) -> Result<&'t str, EvalError> {
    let (precision, clause) = precision(clause)?;
    let mut letters = clause.chars();
    let verb = letters.next();
    let value = values
        .next()
        .ok_or(EvalError::new("a format has more clauses than values"))?;
    match verb {
        Some('s') => plain(out, value, 0)?,
        Some('d') => out.push(&decimal(value)?)?,
        Some('f') => out.push(&fixed(value, precision)?)?,
        Some('e') => out.push(&scientific(value, precision)?)?,
        Some('b') => out.push(&binary(value)?)?,
        Some('o') => out.push(&octal(value)?)?,
        Some('x') => hexadecimal(out, value, false)?,
        Some('X') => hexadecimal(out, value, true)?,
        _ => return Err(EvalError::new("a format has an unknown clause")),
    }
    Ok(letters.as_str())
}

/// The `.3` of `%.3f`, six where there is none.
fn precision(clause: &str) -> Result<(usize, &str), EvalError> {
    let Some(digits) = clause.strip_prefix('.') else {
        return Ok((6, clause));
    };
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits.split_at_checked(len).unwrap_or((digits, ""));
    let precision = digits
        .parse()
        .ok()
        .filter(|precision| *precision <= MAX_PRECISION);
    Ok((
        precision.ok_or(EvalError::new("the precision of a format is out of range"))?,
        rest,
    ))
}

fn unfit<T>(value: &Val<'_>) -> Result<T, EvalError> {
    Err(EvalError::new(format!(
        "a value of type `{}` does not fit its clause of a format",
        value.type_name()
    )))
}

fn plain(out: &mut Output<'_>, value: &Val<'_>, depth: usize) -> Result<(), EvalError> {
    if depth > MAX_DEPTH {
        return Err(EvalError::new("a value is nested too deep to be written"));
    }
    match value {
        Val::Null => out.push("null"),
        Val::Bool(b) => out.push(if *b { "true" } else { "false" }),
        Val::Int(i) => out.push(&i.to_string()),
        Val::Uint(u) => out.push(&u.to_string()),
        Val::Double(d) => out.push(&shortest(*d)),
        Val::Str(text) => out.push(text.as_str()),
        Val::Bytes(bytes) => out.push(&String::from_utf8_lossy(bytes.as_slice())),
        Val::Timestamp(at) => out.push(&time::format_timestamp(*at)),
        Val::Duration(span) => out.push(&time::format_duration(*span)),
        Val::Type(name) => out.push(name),
        Val::Ip(address) => out.push(&address.to_string()),
        Val::Cidr(network) => out.push(&network.to_string()),
        Val::List(items) => plain_list(out, items, depth),
        Val::Map(map) => plain_map(out, map, depth),
        Val::Optional(_) => unfit(value),
    }
}

fn plain_list(out: &mut Output<'_>, items: &List<'_>, depth: usize) -> Result<(), EvalError> {
    out.push("[")?;
    for (position, item) in items.to_vec()?.iter().enumerate() {
        if position > 0 {
            out.push(", ")?;
        }
        plain(out, item, depth + 1)?;
    }
    out.push("]")
}

/// A map, its entries in the order of the keys as written.
fn plain_map(out: &mut Output<'_>, map: &Dict<'_>, depth: usize) -> Result<(), EvalError> {
    let mut entries = Vec::new();
    for (key, value) in map.entries()? {
        let mut text = Output {
            meter: &mut *out.meter,
            text: String::new(),
        };
        plain(&mut text, &key, depth + 1)?;
        entries.push((text.text, value));
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.push("{")?;
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 {
            out.push(", ")?;
        }
        out.push(key)?;
        out.push(": ")?;
        plain(out, value, depth + 1)?;
    }
    out.push("}")
}

/// The name of a float that is not a finite number.
fn special(d: f64) -> Option<&'static str> {
    match d {
        d if d.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

fn shortest(d: f64) -> String {
    special(d).map_or_else(|| d.to_string(), str::to_owned)
}

fn decimal(value: &Val<'_>) -> Result<String, EvalError> {
    match value {
        Val::Int(i) => Ok(i.to_string()),
        Val::Uint(u) => Ok(u.to_string()),
        Val::Double(d) => Ok(shortest(*d)),
        other => unfit(other),
    }
}

#[expect(clippy::cast_precision_loss, reason = "written as a float on request")]
fn float(value: &Val<'_>) -> Result<f64, EvalError> {
    match value {
        Val::Double(d) => Ok(*d),
        Val::Int(i) => Ok(*i as f64),
        Val::Uint(u) => Ok(*u as f64),
        other => unfit(other),
    }
}

fn fixed(value: &Val<'_>, precision: usize) -> Result<String, EvalError> {
    let d = float(value)?;
    Ok(special(d).map_or_else(|| format!("{d:.precision$}"), str::to_owned))
}

/// One digit, a point, and an exponent of at least two digits.
fn scientific(value: &Val<'_>, precision: usize) -> Result<String, EvalError> {
    let d = float(value)?;
    if let Some(name) = special(d) {
        return Ok(name.to_owned());
    }
    let text = format!("{d:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    Ok(format!("{digits}e{sign}{exponent:0>2}"))
}

fn sign(i: i64) -> &'static str {
    if i < 0 { "-" } else { "" }
}

fn binary(value: &Val<'_>) -> Result<String, EvalError> {
    match value {
        Val::Int(i) => Ok(format!("{}{:b}", sign(*i), i.unsigned_abs())),
        Val::Uint(u) => Ok(format!("{u:b}")),
        Val::Bool(b) => Ok(u8::from(*b).to_string()),
        other => unfit(other),
    }
}

fn octal(value: &Val<'_>) -> Result<String, EvalError> {
    match value {
        Val::Int(i) => Ok(format!("{}{:o}", sign(*i), i.unsigned_abs())),
        Val::Uint(u) => Ok(format!("{u:o}")),
        other => unfit(other),
    }
}

fn hexadecimal(out: &mut Output<'_>, value: &Val<'_>, upper: bool) -> Result<(), EvalError> {
    let text = match value {
        Val::Int(i) => format!("{}{:x}", sign(*i), i.unsigned_abs()),
        Val::Uint(u) => format!("{u:x}"),
        Val::Str(text) => hex_of(out, text.as_str().as_bytes())?,
        Val::Bytes(bytes) => hex_of(out, bytes.as_slice())?,
        other => return unfit(other),
    };
    if upper {
        out.push(&text.to_ascii_uppercase())
    } else {
        out.push(&text)
    }
}

fn hex_of(out: &mut Output<'_>, bytes: &[u8]) -> Result<String, EvalError> {
    out.meter.bytes(bytes.len() * 2)?;
    Ok(hex::encode(bytes))
}
