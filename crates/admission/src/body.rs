//! The body of a request, where a rule reads it.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use ztag_types::{Body, Key, Map, Value};

use crate::error::Fault;
use crate::forwarded::text;

/// Keeps `bytes`, as JSON too when the content type says so. Refuses what the backend could read
/// otherwise than the rules: JSON that is none, other character sets, compressed bodies, bodies of
/// which a proxy sent the beginning only and, where rules read it `as_text`, bytes that are none.
pub(crate) fn read(bytes: Bytes, headers: &HeaderMap, as_text: bool) -> Result<Body, Fault> {
    if headers
        .get(&PARTIAL)
        .is_some_and(|said| text(said) != "false")
    {
        return Err(Fault::too_large("the proxy sent a part of the body only"));
    }
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    let plain = |coding: &HeaderValue| text(coding).trim().eq_ignore_ascii_case("identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Fault::malformed("the body is compressed"));
    }
    let content_type = headers.get(CONTENT_TYPE).map_or("", text);
    if !is_utf_8(content_type) {
        return Err(Fault::malformed("the body is not in UTF-8"));
    }
    let json = if is_json(content_type) {
        let json = serde_json::from_slice::<Json>(&bytes);
        json.map_err(|_| Fault::malformed("the body is not the JSON it claims to be"))?
            .0
    } else {
        Value::Null
    };
    if as_text && std::str::from_utf8(&bytes).is_err() {
        return Err(Fault::malformed("the body is not text"));
    }
    Ok(Body { bytes, json })
}

/// By which Envoy says that it cut a body (`allow_partial_message`).
static PARTIAL: HeaderName = HeaderName::from_static("x-envoy-auth-partial-body");

/// Whether no other character set is announced. Text in UTF-16 or UTF-7 is valid UTF-8, too, and
/// means something else.
fn is_utf_8(content_type: &str) -> bool {
    let parameters = content_type.split(';').skip(1);
    let pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let mut sets = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    sets.all(|(_, set)| {
        let set = set.trim().trim_matches('"');
        ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|own| set.eq_ignore_ascii_case(own))
    })
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
        let read = read(Bytes::copy_from_slice(body.as_bytes()), &headers, false);
        assert_eq!(
            read.ok().map(|body| body.json),
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
    /// A deny rule over `request.bodyText` must not be passed by bytes that it cannot see.
    #[test]
    fn attack_20_a_body_that_rules_cannot_read_is_refused() {
        let check = |fields: &[(HeaderName, &str)], body: &[u8], expected: Result<(), &str>| {
            let fields = fields.iter();
            let headers = fields.map(|(name, value)| (name.clone(), value.parse().unwrap()));
            let read = read(Bytes::copy_from_slice(body), &headers.collect(), true);
            assert_eq!(read.map(drop).map_err(Fault::detail), expected);
        };
        let kind = |value| (CONTENT_TYPE, value);
        check(&[kind("text/plain")], b"an evil thing", Ok(()));
        check(&[], b"an evil thing\xff", Err("the body is not text"));
        check(&[kind("text/plain; charset=UTF-8")], b"evil", Ok(()));
        for set in ["utf-16le", "\"UTF-7\"", "latin1"] {
            let kind = format!("text/plain; charset={set}");
            let utf_8 = Err("the body is not in UTF-8");
            check(&[(CONTENT_TYPE, &kind)], b"e\0v\0i\0l\0", utf_8);
        }
        for coding in ["gzip", "br", "identity, gzip"] {
            let compressed = Err("the body is compressed");
            check(&[(CONTENT_ENCODING, coding)], b"evil", compressed);
        }
        check(&[(CONTENT_ENCODING, "identity")], b"evil", Ok(()));
        let partial = Err("the proxy sent a part of the body only");
        check(&[(PARTIAL.clone(), "true")], b"an ev", partial);
        check(&[(PARTIAL.clone(), "false")], b"an evil thing", Ok(()));
    }
}
