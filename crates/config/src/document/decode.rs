//! Nodes as a serde data source, so that specs are read with the place of every complaint.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{de, forward_to_deserialize_any};
use ztag_types::{ConfigPath, Segment};

use super::{Content, Entry, Node};

impl Node {
    /// Reads the value as a `T`.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        T::deserialize(self)
    }
}

/// A value that a spec's own reading refuses.
#[derive(Debug)]
pub(crate) struct DecodeError {
    message: String,
    /// Innermost step first.
    steps: Vec<Segment>,
}

impl DecodeError {
    /// What is wrong. May quote the value.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Where it stands below `base`.
    pub(crate) fn path(&self, base: &ConfigPath) -> ConfigPath {
        let outermost_first = self.steps.iter().rev();
        outermost_first.fold(base.clone(), |path, step| match step {
            Segment::Key(key) => path.key(key.clone()),
            Segment::Index(index) => path.index(*index),
        })
    }

    fn below(mut self, step: Segment) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            steps: Vec::new(),
        }
    }
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(signed), _) => visitor.visit_i64(signed),
                (Err(_), Ok(unsigned)) => visitor.visit_u64(unsigned),
                (Err(_), Err(_)) => visitor.visit_i128(*value),
            },
            Content::Float(value) => visitor.visit_f64(*value),
            Content::Text(text) => visitor.visit_borrowed_str(text),
            Content::List(items) => visitor.visit_seq(Items {
                items: items.iter(),
                index: 0,
            }),
            Content::Map(entries) => visitor.visit_map(Fields {
                entries: entries.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match (&self.content, self.entries()) {
            (Content::Text(variant), _) => visitor.visit_enum(Variant {
                name: variant,
                value: None,
            }),
            (Content::Map(_), [entry]) => visitor.visit_enum(Variant {
                name: &entry.key,
                value: Some(&entry.node),
            }),
            _ => Err(de::Error::custom(format!(
                "expected text, found {}",
                self.kind()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let value = seed.deserialize(item);
        value
            .map(Some)
            .map_err(|error| error.below(Segment::Index(index)))
    }
}

struct Fields<'de> {
    entries: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.current = self.entries.next();
        let Some(entry) = self.current else {
            return Ok(None);
        };
        let key: StringDeserializer<DecodeError> =
            de::IntoDeserializer::into_deserializer(entry.key.clone());
        let value = seed.deserialize(key);
        value
            .map(Some)
            .map_err(|error| error.below(Segment::Key(entry.key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let Some(entry) = self.current else {
            return Err(de::Error::custom("a value without a key"));
        };
        let value = seed.deserialize(&entry.node);
        value.map_err(|error| error.below(Segment::Key(entry.key.clone())))
    }
}

struct Variant<'de> {
    name: &'de str,
    value: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Payload<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Payload<'de>), DecodeError> {
        let name: de::value::StrDeserializer<'_, DecodeError> =
            de::IntoDeserializer::into_deserializer(self.name);
        Ok((seed.deserialize(name)?, Payload(self.value)))
    }
}

struct Payload<'de>(Option<&'de Node>);

impl<'de> Payload<'de> {
    fn value(self) -> Result<&'de Node, DecodeError> {
        self.0
            .ok_or_else(|| de::Error::custom("this choice needs a value"))
    }
}

impl<'de> VariantAccess<'de> for Payload<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(de::Error::custom("this choice takes no value")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.value()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.value()?.deserialize_any(visitor)
    }
}
