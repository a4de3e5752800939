//! A borrowed look at any value an expression may read, so that evidence is never copied for it.

use std::fmt;

use crate::clock::{Span, Timestamp};
use crate::value::{Key, Map, Value};

/// What an expression sees: a scalar, or a borrowed structure it can step into.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// JSON `null`.
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
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(Span),
    /// A list of values.
    List(&'a [Value]),
    /// A map of values.
    Map(&'a Map),
    /// A structure that answers for its fields itself.
    Object(&'a dyn Object),
    /// A list that answers for its items itself.
    Sequence(&'a dyn Sequence),
    /// A value that could not be computed; reading it is an evaluation error with this message.
    Failed(&'a str),
}

/// A structure with named fields.
pub trait Object: Send + Sync {
    /// The field `name`, or `None` where there is none.
    fn field(&self, name: &str) -> Option<View<'_>>;

    /// The names of the fields present, in a stable order.
    fn names(&self) -> Vec<&str>;
}

/// A list of structures.
pub trait Sequence: Send + Sync {
    /// Number of items.
    fn len(&self) -> usize;

    /// The item at `index`, counted from 0.
    fn at(&self, index: usize) -> Option<View<'_>>;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> View<'a> {
    /// The field or text key `name` of a structure or map; `None` for anything else.
    pub fn field(self, name: &str) -> Option<View<'a>> {
        match self {
            Self::Object(object) => object.field(name),
            Self::Map(map) => map.get(name).map(Value::view),
            _ => None,
        }
    }

    /// The value reached by stepping through `path`.
    pub fn at_path<'p>(self, path: impl IntoIterator<Item = &'p str>) -> Option<View<'a>> {
        path.into_iter().try_fold(self, View::field)
    }

    /// An owned copy. A failed view becomes null.
    pub fn to_value(self) -> Value {
        match self {
            Self::Null | Self::Failed(_) => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Uint(u) => Value::Uint(u),
            Self::Double(d) => Value::Double(d),
            Self::Str(text) => Value::text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes.into()),
            Self::Timestamp(at) => Value::Timestamp(at),
            Self::Duration(span) => Value::Duration(span),
            Self::List(items) => Value::List(items.into()),
            Self::Map(map) => map.clone().into(),
            Self::Object(object) => {
                let fields = object.names().into_iter().filter_map(|name| {
                    object
                        .field(name)
                        .map(|view| (Key::from(name), view.to_value()))
                });
                fields.collect::<Map>().into()
            }
            Self::Sequence(items) => {
                let items = (0..items.len()).filter_map(|index| items.at(index));
                items.map(View::to_value).collect::<Vec<_>>().into()
            }
        }
    }
}

impl Value {
    /// A borrowed look at this value.
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Null => View::Null,
            Self::Bool(b) => View::Bool(*b),
            Self::Int(i) => View::Int(*i),
            Self::Uint(u) => View::Uint(*u),
            Self::Double(d) => View::Double(*d),
            Self::String(text) => View::Str(text),
            Self::Bytes(bytes) => View::Bytes(bytes),
            Self::List(items) => View::List(items),
            Self::Map(map) => View::Map(map),
            Self::Timestamp(at) => View::Timestamp(*at),
            Self::Duration(span) => View::Duration(*span),
        }
    }
}

impl Object for Map {
    fn field(&self, name: &str) -> Option<View<'_>> {
        self.get(name).map(Value::view)
    }

    fn names(&self) -> Vec<&str> {
        let keys = self.iter().map(|(key, _)| key);
        keys.filter_map(|key| {
            if let Key::String(text) = key {
                Some(&**text)
            } else {
                None
            }
        })
        .collect()
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(message) => write!(f, "Failed({message:?})"),
            other => other.to_value().fmt(f),
        }
    }
}

impl PartialEq for View<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failed(a), Self::Failed(b)) => a == b,
            (Self::Failed(_), _) | (_, Self::Failed(_)) => false,
            (a, b) => a.to_value() == b.to_value(),
        }
    }
}
