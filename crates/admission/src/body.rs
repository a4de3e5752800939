//! The body of a request, where a rule reads it.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use ztag_types::{Body, Key, Map, Value};

use crate::forwarded::text;

/// Keeps `bytes`, as JSON too when the content type says so. `None` when it says so wrongly.
pub(crate) fn read(bytes: Bytes, headers: &HeaderMap) -> Option<Body> {
    let content_type = headers.get(CONTENT_TYPE).map_or("", text);
    let json = if !bytes.is_empty() && is_json(content_type) {
        serde_json::from_slice::<Json>(&bytes).ok()?.0
    } else {
        Value::Null
    };
    Some(Body { bytes, json })
}

/// `application/json`, `application/problem+json; charset=utf-8` and the like.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence
        .as_bytes()
        .windows(4)
        .any(|part| part.eq_ignore_ascii_case(b"json"))
}

/// A JSON value whose objects name each member once: of two, readers pick different ones.
/// Depth is bounded by the parser (128).
struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Uint(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, Json(value))) = members.next_entry::<String, Json>()? {
            entries.push((Key::from(name.as_str()), value));
        }
        let written = entries.len();
        let map: Map = entries.into_iter().collect();
        if map.len() == written {
            Ok(map.into())
        } else {
            Err(A::Error::custom("a member is named twice"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn check(content_type: &str, body: &str, expected: Option<Value>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        let read = read(Bytes::copy_from_slice(body.as_bytes()), &headers);
        assert_eq!(
            read.map(|body| body.json),
            expected,
            "{content_type} {body}"
        );
    }

    #[test]
    fn json_is_read_where_it_is_announced() {
        check("application/json", "7", Some(Value::Int(7)));
        check("application/problem+JSON; a=b", "7", Some(Value::Int(7)));
        check("application/json", "", Some(Value::Null));
        check("text/plain", "7", Some(Value::Null));
        check(
            "application/json",
            "18446744073709551615",
            Some(Value::Uint(u64::MAX)),
        );
        let object = Map::from_iter([("a".into(), Value::from(vec![1.5.into(), "x".into()]))]);
        check(
            "application/json",
            r#"{"a":[1.5,"x"]}"#,
            Some(object.into()),
        );
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        check("application/json", "{", None);
        check("application/json", "1 2", None);
        check(
            "application/json",
            r#"{"role":"user","role":"admin"}"#,
            None,
        );
        check("application/json", r#"{"role":1,"rol\u0065":2}"#, None);
    }

    #[test]
    fn attack_25_deep_json_is_refused() {
        check("application/json", &"[".repeat(10_000), None);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        check("application/json", &deep, None);
    }
}
