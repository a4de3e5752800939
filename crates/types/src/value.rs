//! The dynamic value of expressions, variables and exports, with CEL's types kept apart.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::{Span, Timestamp};

/// A value. Cloning is cheap: text, bytes, lists and maps are shared.
///
/// The serde form is tagged (`{"int": 5}`), so that a cached value comes back with its type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// JSON `null`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed 64-bit integer; JSON integers are read as this.
    Int(i64),
    /// An unsigned 64-bit integer; only CEL's `uint` and JSON integers above `i64::MAX` make one.
    Uint(u64),
    /// A 64-bit float.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<[Value]>),
    /// A map.
    Map(Arc<Map>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(Span),
}

/// The key of a map: JSON has only text, CEL also booleans and integers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// Text.
    String(Arc<str>),
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::String(Arc::from(text))
    }
}

/// A map with unique keys, kept sorted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Map {
    entries: Vec<(Key, Value)>,
}

impl Map {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// The value under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let found = self.entries.binary_search_by(|(own, _)| match own {
            Key::String(own) => own.as_ref().cmp(key),
            Key::Bool(_) | Key::Int(_) | Key::Uint(_) => Ordering::Less,
        });
        found
            .ok()
            .and_then(|at| self.entries.get(at))
            .map(|(_, value)| value)
    }

    /// The value under a key of any type.
    pub fn value_at(&self, key: &Key) -> Option<&Value> {
        let found = self.entries.binary_search_by(|(own, _)| own.cmp(key));
        found
            .ok()
            .and_then(|at| self.entries.get(at))
            .map(|(_, value)| value)
    }

    /// Sets `key` to `value`; returns what stood there before.
    pub fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        match self.entries.binary_search_by(|(own, _)| own.cmp(&key)) {
            Ok(at) => self
                .entries
                .get_mut(at)
                .map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Look-up is by binary search, so foreign input is sorted again.
        Vec::deserialize(deserializer).map(Self::from_iter)
    }
}

impl FromIterator<(Key, Value)> for Map {
    /// Collects entries; of two with one key the later wins.
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later_key, later), (earlier_key, earlier)| {
            let same = later_key == earlier_key;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self { entries }
    }
}

impl<K: Into<Key>, V: Into<Value>> Extend<(K, V)> for Map {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key.into(), value.into());
        }
    }
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    /// The text of a [`Value::String`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value as JSON text would carry it: timestamps and durations as text, bytes as base64
    /// is left to the caller and shown as a list of numbers here.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => Json::from(*i),
            Self::Uint(u) => Json::from(*u),
            Self::Double(d) => Json::from(*d),
            Self::String(s) => Json::from(s.as_ref()),
            Self::Bytes(bytes) => Json::from(bytes.as_ref()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => {
                let entries = map
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_json()));
                Json::Object(entries.collect())
            }
            Self::Timestamp(at) => Json::from(format!("{}.{:09}", at.seconds(), at.nanos())),
            Self::Duration(span) => Json::from(format!("{}ns", span.nanos())),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(i) => write!(f, "{i}"),
            Self::Uint(u) => write!(f, "{u}"),
            Self::String(s) => f.write_str(s),
        }
    }
}

impl From<serde_json::Value> for Value {
    /// JSON integers become [`Value::Int`], those above `i64::MAX` [`Value::Uint`], the rest
    /// [`Value::Double`].
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(uint)) => Self::Uint(uint),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::String(Arc::from(text)),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => {
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| (key.as_str().into(), value.into()));
                Self::Map(Arc::new(entries.collect()))
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(Arc::from(text))
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<f64> for Value {
    fn from(d: f64) -> Self {
        Self::Double(d)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(items.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_integers_stay_integers() {
        let json: serde_json::Value =
            serde_json::from_str("[1, -1, 1.0, 18446744073709551615]").unwrap();
        let expected = vec![
            Value::Int(1),
            Value::Int(-1),
            Value::Double(1.0),
            Value::Uint(u64::MAX),
        ];
        assert_eq!(Value::from(json), Value::from(expected));
    }

    #[test]
    fn serde_keeps_types() {
        let mut map = Map::new();
        map.insert(Key::Int(1), Value::Uint(2));
        map.insert("t".into(), Value::Timestamp(Timestamp::from_seconds(5)));
        let value = Value::from(vec![Value::Int(1), Value::Double(1.0), map.into()]);
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn the_later_of_two_equal_keys_wins() {
        let map: Map = [("a".into(), Value::Int(1)), ("a".into(), Value::Int(2))]
            .into_iter()
            .collect();
        assert_eq!(map.get("a"), Some(&Value::Int(2)));
        assert_eq!(map.len(), 1);
    }
}
