//! Allowed values of a claim, as written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// One allowed value of a claim, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimSpec(pub Vec<ClaimValueSpec>);

/// An allowed value of a claim: a text or `/regex/`, a whole number, or a truth value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValueSpec {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text, or `/regex/`.
    Text(String),
}

impl<'de> Deserialize<'de> for ClaimSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueOrList)
    }
}

impl<'de> Deserialize<'de> for ClaimValueSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneValue)
    }
}

struct ValueOrList;

impl<'de> Visitor<'de> for ValueOrList {
    type Value = ClaimSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, a truth value, or a list of them")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ClaimSpec, E> {
        OneValue.visit_bool(value).map(one)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ClaimSpec, E> {
        OneValue.visit_i64(value).map(one)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ClaimSpec, E> {
        OneValue.visit_u64(value).map(one)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<ClaimSpec, E> {
        OneValue.visit_str(value).map(one)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ClaimSpec, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(ClaimSpec(values))
    }
}

fn one(value: ClaimValueSpec) -> ClaimSpec {
    ClaimSpec(vec![value])
}

struct OneValue;

impl Visitor<'_> for OneValue {
    type Value = ClaimValueSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or a truth value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ClaimValueSpec, E> {
        Ok(ClaimValueSpec::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ClaimValueSpec, E> {
        Ok(ClaimValueSpec::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ClaimValueSpec, E> {
        let value = i64::try_from(value);
        let value = value.map_err(|_| E::custom("a number beyond 64 bits with a sign"))?;
        Ok(ClaimValueSpec::Int(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<ClaimValueSpec, E> {
        Ok(ClaimValueSpec::Text(value.to_owned()))
    }
}

impl JsonSchema for ClaimSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClaimValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let value = json_schema!({ "type": ["string", "integer", "boolean"] });
        json_schema!({
            "anyOf": [value.clone(), { "type": "array", "items": value }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let read = |text: &str| serde_json::from_str::<ClaimSpec>(text).map(|own| own.0);
        assert_eq!(read("true").unwrap(), [ClaimValueSpec::Bool(true)]);
        assert_eq!(read("-3").unwrap(), [ClaimValueSpec::Int(-3)]);
        let several = [ClaimValueSpec::Text("3".into()), ClaimValueSpec::Int(3)];
        assert_eq!(read(r#"["3", 3]"#).unwrap(), several);
        for bad in ["1.5", "null", "{}", "[[1]]", "18446744073709551615"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
