//! Types of parameters, and how JSON becomes a value of one.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value as Json;
use ztag_expr::Shape;
use ztag_types::{Map, Span, Timestamp, Value};

use crate::spec::{ParameterSpec, TypeName};

/// Lists and maps inside each other at the most.
const MAX_NESTING: usize = 4;

/// The type of a parameter.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    Any,
    Bool,
    String,
    Int,
    Uint,
    Double,
    Duration,
    Timestamp,
    IpAddress,
    List(Box<Parameter>),
    Map(Box<Parameter>),
}

impl Parameter {
    pub(super) fn compile(spec: &ParameterSpec) -> Result<Self, String> {
        Self::within(spec, MAX_NESTING)
    }

    fn within(spec: &ParameterSpec, depth: usize) -> Result<Self, String> {
        let inner = || match (spec.generic_types.as_slice(), depth.checked_sub(1)) {
            ([inner], Some(depth)) => Self::within(inner, depth).map(Box::new),
            _ => Err(format!(
                "`{}` takes one type of items",
                spec.type_name.as_str()
            )),
        };
        Ok(match spec.type_name {
            TypeName::Any => Self::Any,
            TypeName::Bool => Self::Bool,
            TypeName::String => Self::String,
            TypeName::Int => Self::Int,
            TypeName::Uint => Self::Uint,
            TypeName::Double => Self::Double,
            TypeName::Duration => Self::Duration,
            TypeName::Timestamp => Self::Timestamp,
            TypeName::IpAddress => Self::IpAddress,
            TypeName::List => Self::List(inner()?),
            TypeName::Map => Self::Map(inner()?),
        })
    }

    /// What an expression may do with it. Addresses are canonical text.
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Any => Shape::Any,
            Self::Bool => Shape::Bool,
            Self::String | Self::IpAddress => Shape::String,
            Self::Int => Shape::Int,
            Self::Uint => Shape::Uint,
            Self::Double => Shape::Double,
            Self::Duration => Shape::Duration,
            Self::Timestamp => Shape::Timestamp,
            Self::List(inner) => Shape::list(inner.shape()),
            Self::Map(inner) => Shape::map(inner.shape()),
        }
    }

    /// The value of this type that `json` stands for, or what is wrong with it.
    pub(super) fn convert(&self, json: &Json) -> Result<Value, String> {
        match (self, json) {
            (Self::Any, json) => Ok(any(json)),
            (Self::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
            (Self::String, Json::String(text)) => Ok(Value::text(text)),
            (Self::Int, _) => int(json).map(Value::Int).ok_or("is not an int".into()),
            (Self::Uint, _) => uint(json).map(Value::Uint).ok_or("is not a uint".into()),
            (Self::Double, _) => double(json)
                .map(Value::Double)
                .ok_or("is not a double".into()),
            (Self::Duration, Json::String(text)) => {
                let span = duration(text).map(Value::Duration);
                span.ok_or("is not a duration such as `1h30m`".into())
            }
            (Self::Timestamp, Json::String(text)) => {
                let time = timestamp(text).map(Value::Timestamp);
                time.ok_or("is not a timestamp as of RFC 3339".into())
            }
            (Self::IpAddress, Json::String(text)) => {
                let address = address(text).map(|address| Value::text(address.to_string()));
                address.ok_or("is not an IP address".into())
            }
            (Self::List(inner), Json::Array(items)) => {
                let items = items.iter().map(|item| inner.convert(item));
                items.collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            (Self::Map(inner), Json::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, json)| Ok((key.as_str().into(), inner.convert(json)?)));
                let map: Map = entries
                    .collect::<Result<Vec<_>, String>>()?
                    .into_iter()
                    .collect();
                Ok(Value::Map(Arc::new(map)))
            }
            _ => Err("is not of its type".into()),
        }
    }
}

/// The address that `text` writes; IPv4 written as IPv6 is IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// Any JSON value. Its numbers are doubles, as in protocol buffers.
fn any(json: &Json) -> Value {
    match json {
        Json::Number(number) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        Json::Array(items) => items.iter().map(any).collect::<Vec<_>>().into(),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, json)| (key.as_str().into(), any(json)));
            entries.collect::<Map>().into()
        }
        other => Value::from(other.clone()),
    }
}

/// The whole number that `json` is or writes.
fn integral(json: &Json) -> Option<i128> {
    let whole = |value: f64| {
        // Every float below this bound converts without loss.
        let is_whole = value.fract() == 0.0 && value.abs() < 1e30;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and far below the limit"
        )]
        is_whole.then_some(value as i128)
    };
    match json {
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Some(value.into()),
            (_, Some(value)) => Some(value.into()),
            _ => whole(number.as_f64()?),
        },
        Json::String(text) => text.parse().ok().or_else(|| whole(text.parse().ok()?)),
        _ => None,
    }
}

fn int(json: &Json) -> Option<i64> {
    integral(json)?.try_into().ok()
}

fn uint(json: &Json) -> Option<u64> {
    integral(json)?.try_into().ok()
}

/// Text must be a number that a double holds exactly.
fn double(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.parse().ok().filter(|value| is_exact(text, *value)),
        _ => None,
    }
}

/// Whether `value` is what the decimal number `text` says, to the last digit.
fn is_exact(text: &str, value: f64) -> bool {
    let is_decimal = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    // No double has more digits behind the point.
    let exact = format!("{value:.1074}");
    is_decimal && decimal(text) == decimal(&exact)
}

/// A decimal number without what does not matter: a plus, and zeros at both ends.
fn decimal(text: &str) -> (bool, String, String) {
    let positive = text.strip_prefix('+').unwrap_or(text);
    let magnitude = positive.strip_prefix('-').unwrap_or(positive);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let is_negative =
        positive.len() > magnitude.len() && !(whole.is_empty() && fraction.is_empty());
    (is_negative, whole.to_owned(), fraction.to_owned())
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    // A leap second is the last nanosecond before it.
    Timestamp::new(
        time.timestamp(),
        time.timestamp_subsec_nanos().min(999_999_999),
    )
}

/// A duration in Go's syntax: numbers with units, such as `1h30m` or `-1.5ms`.
fn duration(text: &str) -> Option<Span> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Span::default());
    }
    let mut total = 0_i128;
    while total == 0 || !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        total = total.checked_add(nanos(number, unit)?)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(sign * total)
        .ok()
        .map(|nanos| Span::from_nanos(nanos.into()))
}

fn nanos(number: &str, unit: &str) -> Option<i128> {
    let unit: i128 = match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 18 {
        return None;
    }
    let parse = |digits: &str| {
        if digits.is_empty() {
            Some(0)
        } else {
            digits.parse::<i128>().ok()
        }
    };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let whole = parse(whole)?.checked_mul(unit)?;
    whole.checked_add(parse(fraction)? * unit / scale)
}
