//! Messages as the API writes them.
//!
//! They follow the JSON of protocol buffers: names in snake case or camel case, `null` for what is
//! not there, unknown fields ignored. Answers name every field, also those that are empty.

pub(crate) mod ask;
pub(crate) mod tell;
pub(crate) mod tuple;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use ztag_types::Timestamp;

use crate::failure::Failure;

/// Reads the body of a request; an empty one is an empty message.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let body = if body.is_empty() { b"{}" } else { body };
    // A message could be read from a list of its fields too; nobody means that.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::validation("expected a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| Failure::validation(error.to_string()))
}

/// A field that is as good as absent where it is `null`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A point in time (RFC 3339).
pub(crate) fn time(at: Timestamp) -> String {
    let at = DateTime::<Utc>::from_timestamp(at.seconds(), at.nanos()).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Reads a point in time.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Timestamp::new(at.timestamp(), at.timestamp_subsec_nanos().min(999_999_999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = Timestamp::new(1_700_000_000, 120_000_000).unwrap();
        assert_eq!(time(at), "2023-11-14T22:13:20.120Z");
        assert_eq!(read_time(&time(at)), Some(at));
        assert_eq!(read_time("yesterday"), None);
    }
}
