//! Lengths of time as written in configuration.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PATTERN: &str = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$";

/// A length of time, written as numbers with units: `250ms`, `1.5s`, `1h30m`. Units are `ns`,
/// `us`, `ms`, `s`, `m` and `h`; a bare `0` needs none; there is no unit for days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationSpec(Duration);

impl DurationSpec {
    /// Wraps `duration`.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The length of time.
    pub const fn get(self) -> Duration {
        self.0
    }
}

/// The text is not a length of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a duration such as `250ms`, `30s` or `1h30m`")]
pub struct DurationError(String);

impl FromStr for DurationSpec {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        parse(text)
            .map(Self)
            .ok_or_else(|| DurationError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(number_len)?;
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_len)?;
        let amount: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(amount * seconds_of(unit)?).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    })
}

impl<'de> Deserialize<'de> for DurationSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for DurationSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&shortest(self.0))
    }
}

/// The duration in the largest unit that says it in whole numbers.
fn shortest(duration: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let nanos = duration.as_nanos();
    let whole = UNITS.iter().find(|(size, _)| nanos.is_multiple_of(*size));
    match whole {
        Some((size, unit)) if nanos > 0 => format!("{}{unit}", nanos / size),
        _ => String::from("0"),
    }
}

impl JsonSchema for DurationSpec {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "description": "A length of time such as `250ms`, `30s` or `1h30m`.",
            "examples": ["30s", "250ms", "1h30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Duration>) {
        assert_eq!(
            text.parse::<DurationSpec>().ok().map(DurationSpec::get),
            expected,
            "{text}"
        );
    }

    #[test]
    fn durations_are_numbers_with_units() {
        check("0", Some(Duration::ZERO));
        check("250ms", Some(Duration::from_millis(250)));
        check("1h30m", Some(Duration::from_mins(90)));
        check("1.5s", Some(Duration::from_millis(1_500)));
        for text in ["0", "1ns", "1500us", "250ms", "90s", "30m", "2h"] {
            let read = text.parse::<DurationSpec>().unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), text);
        }
        for bad in ["", "5", "zz", "1d", "-1s", "s", "1s ", "1..5s"] {
            check(bad, None);
        }
    }
}
