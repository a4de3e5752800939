//! JSON as signed documents must be read: of two members with one name none is right.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use ztag_types::{Key, Map, Value};

/// Deepest nesting read.
const MAX_DEPTH: u8 = 32;

/// The JSON object in `text`.
///
/// Refused: other values, text behind the object, repeated members at any depth, lone surrogates,
/// numbers out of range, nesting deeper than 32.
pub(crate) fn object(text: &[u8]) -> Option<Map> {
    match value(text)? {
        Value::Map(map) => Some(std::sync::Arc::unwrap_or_clone(map)),
        _ => None,
    }
}

/// The JSON value in `text`, refused as in [`object`].
pub(crate) fn value(text: &[u8]) -> Option<Value> {
    let mut source = serde_json::Deserializer::from_slice(text);
    let value = Strict::default().deserialize(&mut source).ok()?;
    source.end().ok()?;
    Some(value)
}

/// Text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Reads a value and refuses repeated members.
#[derive(Clone, Copy, Default)]
pub(crate) struct Strict {
    depth: u8,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = source.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut entries = Vec::new();
        while let Some(name) = source.next_key::<String>()? {
            entries.push((Key::String(name.into()), source.next_value_seed(inner)?));
        }
        let written = entries.len();
        let map: Map = entries.into_iter().collect();
        if map.len() < written {
            return Err(A::Error::custom("repeated member"));
        }
        Ok(Value::Map(map.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_27_duplicate_members_are_refused_at_any_depth() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"a":1} "#.trim_end().strip_suffix('}').unwrap(),
            r#"{"a":1}{}"#,
            r#"["a"]"#,
            r#"{"a":"\ud800"}"#,
            "\u{feff}{}",
            r#"{"a":1e400}"#,
        ] {
            assert!(object(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
        assert!(object(br#" {"a":{"a":1},"b":[1,2.5,-3,true,null]} "#).is_some());
    }

    #[test]
    fn attack_25_deep_nesting_is_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        assert!(object(deep.as_bytes()).is_none());
        let fine = format!("{{\"a\":{}1{}}}", "[".repeat(31), "]".repeat(31));
        assert!(object(fine.as_bytes()).is_some());
    }
}
