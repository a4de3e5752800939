//! Values while an expression runs: borrowed from the scope and the program wherever possible.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ipnet::IpNet;
use ztag_types::{Key, Map, Object, Sequence, Span, Timestamp, Value, View};

use crate::error::EvalError;

/// A value of CEL.
#[derive(Clone)]
pub(crate) enum Val<'a> {
    /// Null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A float.
    Double(f64),
    /// Text.
    Str(Text<'a>),
    /// Bytes.
    Bytes(Blob<'a>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(Span),
    /// A list.
    List(List<'a>),
    /// A map or structure.
    Map(Dict<'a>),
    /// A type, by name.
    Type(&'static str),
    /// A value that may be absent.
    Optional(Option<Rc<Val<'a>>>),
    /// An IP address.
    Ip(IpAddr),
    /// An IP network, with the host bits as written.
    Cidr(IpNet),
}

/// Text, borrowed or built.
#[derive(Clone)]
pub(crate) enum Text<'a> {
    /// Of the scope or the program.
    Borrowed(&'a str),
    /// Built while evaluating.
    Built(Arc<str>),
}

impl Text<'_> {
    /// The characters.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Built(text) => text,
        }
    }

    /// Shared text, copied when borrowed.
    pub(crate) fn into_arc(self) -> Arc<str> {
        match self {
            Self::Borrowed(text) => text.into(),
            Self::Built(text) => text,
        }
    }
}

/// Bytes, borrowed or built.
#[derive(Clone)]
pub(crate) enum Blob<'a> {
    /// Of the scope or the program.
    Borrowed(&'a [u8]),
    /// Built while evaluating.
    Built(Arc<[u8]>),
}

impl Blob<'_> {
    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Built(bytes) => bytes,
        }
    }
}

/// A list, borrowed or built.
#[derive(Clone)]
pub(crate) enum List<'a> {
    /// Of the scope or the program.
    Values(&'a [Value]),
    /// A list that answers for its items itself.
    Sequence(&'a dyn Sequence),
    /// Built while evaluating.
    Built(Rc<[Val<'a>]>),
}

impl<'a> List<'a> {
    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Values(items) => items.len(),
            Self::Sequence(items) => items.len(),
            Self::Built(items) => items.len(),
        }
    }

    /// The item at `index`.
    pub(crate) fn get(&self, index: usize) -> Result<Option<Val<'a>>, EvalError> {
        match self {
            Self::Values(items) => items
                .get(index)
                .map(|item| Val::read(item.view()))
                .transpose(),
            Self::Sequence(items) => items.at(index).map(Val::read).transpose(),
            Self::Built(items) => Ok(items.get(index).cloned()),
        }
    }

    /// All items.
    pub(crate) fn to_vec(&self) -> Result<Vec<Val<'a>>, EvalError> {
        (0..self.len())
            .filter_map(|index| self.get(index).transpose())
            .collect()
    }
}

/// A map or structure, borrowed or built.
#[derive(Clone)]
pub(crate) enum Dict<'a> {
    /// Of the scope or the program.
    Values(&'a Map),
    /// A structure that answers for its fields itself.
    Object(&'a dyn Object),
    /// Built while evaluating; sorted by key.
    Built(Rc<[(Key, Val<'a>)]>),
}

impl<'a> Dict<'a> {
    /// A map of `entries`; a repeated key, also across the kinds of integers, is an error.
    pub(crate) fn build(mut entries: Vec<(Key, Val<'a>)>) -> Result<Self, EvalError> {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let twice = entries
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
        let built = Self::Built(entries.into());
        let crossed = |(key, _): &(Key, Val<'a>)| match key {
            Key::Uint(key) => {
                i64::try_from(*key).is_ok_and(|key| built.key(&Key::Int(key)).is_some())
            }
            _ => false,
        };
        match &built {
            Self::Built(entries) if twice || entries.iter().any(crossed) => {
                Err(EvalError::new("a map key is repeated"))
            }
            _ => Ok(built),
        }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Values(map) => map.len(),
            Self::Object(object) => object.names().len(),
            Self::Built(entries) => entries.len(),
        }
    }

    /// The value under a text key.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Val<'a>>, EvalError> {
        match self {
            Self::Values(map) => map
                .get(name)
                .map(|value| Val::read(value.view()))
                .transpose(),
            Self::Object(object) => object.field(name).map(Val::read).transpose(),
            Self::Built(entries) => {
                let found = entries.binary_search_by(|(key, _)| match key {
                    Key::String(key) => key.as_ref().cmp(name),
                    _ => std::cmp::Ordering::Less,
                });
                Ok(found
                    .ok()
                    .and_then(|at| entries.get(at))
                    .map(|(_, value)| value.clone()))
            }
        }
    }

    /// The value under a key of any type; keys that no map can have are not found.
    pub(crate) fn find(&self, key: &Val<'_>) -> Result<Option<Val<'a>>, EvalError> {
        match key {
            Val::Str(name) => self.text(name.as_str()),
            Val::Bool(key) => Ok(self.key(&Key::Bool(*key))),
            Val::Int(_) | Val::Uint(_) | Val::Double(_) => Ok(self.number(key)),
            _ => Ok(None),
        }
    }

    fn number(&self, key: &Val<'_>) -> Option<Val<'a>> {
        let signed = key.whole_i64();
        let unsigned = key.whole_u64();
        signed
            .and_then(|key| self.key(&Key::Int(key)))
            .or_else(|| unsigned.and_then(|key| self.key(&Key::Uint(key))))
    }

    fn key(&self, key: &Key) -> Option<Val<'a>> {
        match self {
            Self::Values(map) => map
                .value_at(key)
                .and_then(|value| Val::read(value.view()).ok()),
            Self::Object(_) => None,
            Self::Built(entries) => {
                let found = entries.binary_search_by(|(own, _)| own.cmp(key));
                found
                    .ok()
                    .and_then(|at| entries.get(at))
                    .map(|(_, value)| value.clone())
            }
        }
    }

    /// The keys, in a stable order.
    pub(crate) fn keys(&self) -> Vec<Val<'a>> {
        match self {
            Self::Values(map) => map.iter().map(|(key, _)| Val::borrowed_key(key)).collect(),
            Self::Object(object) => {
                let names = object.names().into_iter();
                names.map(|name| Val::Str(Text::Borrowed(name))).collect()
            }
            Self::Built(entries) => entries
                .iter()
                .map(|(key, _)| Val::shared_key(key))
                .collect(),
        }
    }

    /// The entries, in the order of the keys.
    pub(crate) fn entries(&self) -> Result<Vec<(Val<'a>, Val<'a>)>, EvalError> {
        let keys = self.keys().into_iter();
        keys.filter_map(|key| self.find(&key).transpose().map(|value| Ok((key, value?))))
            .collect()
    }
}

impl<'a> Val<'a> {
    /// A value of the scope; one that could not be computed is an error.
    pub(crate) fn read(view: View<'a>) -> Result<Self, EvalError> {
        Ok(match view {
            View::Null => Self::Null,
            View::Bool(b) => Self::Bool(b),
            View::Int(i) => Self::Int(i),
            View::Uint(u) => Self::Uint(u),
            View::Double(d) => Self::Double(d),
            View::Str(text) => Self::Str(Text::Borrowed(text)),
            View::Bytes(bytes) => Self::Bytes(Blob::Borrowed(bytes)),
            View::Timestamp(at) => Self::Timestamp(at),
            View::Duration(span) => Self::Duration(span),
            View::List(items) => Self::List(List::Values(items)),
            View::Sequence(items) => Self::List(List::Sequence(items)),
            View::Map(map) => Self::Map(Dict::Values(map)),
            View::Object(object) => Self::Map(Dict::Object(object)),
            View::Failed(message) => return Err(EvalError::new(message.to_owned())),
        })
    }

    /// Built text.
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Str(Text::Built(text.into()))
    }

    /// Built bytes.
    pub(crate) fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(Blob::Built(bytes.into()))
    }

    /// A built list.
    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(List::Built(items.into()))
    }

    /// An optional that holds `value`.
    pub(crate) fn some(value: Self) -> Self {
        Self::Optional(Some(Rc::new(value)))
    }

    fn borrowed_key(key: &'a Key) -> Self {
        match key {
            Key::String(text) => Self::Str(Text::Borrowed(text)),
            other => Self::shared_key(other),
        }
    }

    fn shared_key(key: &Key) -> Self {
        match key {
            Key::Bool(b) => Self::Bool(*b),
            Key::Int(i) => Self::Int(*i),
            Key::Uint(u) => Self::Uint(*u),
            Key::String(text) => Self::Str(Text::Built(Arc::clone(text))),
        }
    }

    /// This value as the key of a map.
    pub(crate) fn into_key(self) -> Result<Key, EvalError> {
        match self {
            Self::Bool(b) => Ok(Key::Bool(b)),
            Self::Int(i) => Ok(Key::Int(i)),
            Self::Uint(u) => Ok(Key::Uint(u)),
            Self::Str(text) => Ok(Key::String(text.into_arc())),
            other => Err(EvalError::new(format!(
                "`{}` cannot be a map key",
                other.type_name()
            ))),
        }
    }

    /// The number as a signed integer, when it is one without loss.
    pub(crate) fn whole_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Uint(u) => i64::try_from(*u).ok(),
            Self::Double(d) => exact_i64(*d),
            _ => None,
        }
    }

    /// The number as an unsigned integer, when it is one without loss.
    pub(crate) fn whole_u64(&self) -> Option<u64> {
        match self {
            Self::Int(i) => u64::try_from(*i).ok(),
            Self::Uint(u) => Some(*u),
            Self::Double(d) => exact_u64(*d),
            _ => None,
        }
    }

    /// The name of its type, as `type(x)` prints it.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Str(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
        }
    }

    /// An owned value. Types, addresses and networks become text; an optional becomes what it
    /// holds, or null.
    pub(crate) fn into_value(self) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Null | Self::Optional(None) => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Uint(u) => Value::Uint(u),
            Self::Double(d) => Value::Double(d),
            Self::Str(text) => Value::String(text.into_arc()),
            Self::Bytes(Blob::Borrowed(bytes)) => Value::Bytes(bytes.into()),
            Self::Bytes(Blob::Built(bytes)) => Value::Bytes(bytes),
            Self::Timestamp(at) => Value::Timestamp(at),
            Self::Duration(span) => Value::Duration(span),
            Self::List(List::Values(items)) => Value::List(items.into()),
            Self::List(items) => {
                let items = items.to_vec()?.into_iter().map(Self::into_value);
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Self::Map(Dict::Values(map)) => Value::Map(Arc::new(map.clone())),
            Self::Map(map) => {
                let entries = map.entries()?.into_iter();
                let owned = entries.map(|(key, value)| Ok((key.into_key()?, value.into_value()?)));
                Value::Map(Arc::new(owned.collect::<Result<Map, EvalError>>()?))
            }
            Self::Type(name) => Value::text(name),
            Self::Optional(Some(value)) => Rc::unwrap_or_clone(value).into_value()?,
            Self::Ip(address) => Value::text(address.to_string()),
            Self::Cidr(network) => Value::text(network.to_string()),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "checked by casting back"
)]
fn exact_i64(d: f64) -> Option<i64> {
    let whole = d as i64;
    (whole as f64 == d && whole != i64::MAX).then_some(whole)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "checked by casting back"
)]
fn exact_u64(d: f64) -> Option<u64> {
    let whole = d as u64;
    (whole as f64 == d && whole != u64::MAX).then_some(whole)
}

impl<'a> From<Cow<'a, str>> for Val<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Str(Text::Borrowed(text)),
            Cow::Owned(text) => Self::text(text),
        }
    }
}
