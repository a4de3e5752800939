//! What is known about a value before it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The type of a value as far as it is known at load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is known.
    #[default]
    Any,
    /// Null.
    Null,
    /// A truth value.
    Bool,
    /// A signed integer.
    Int,
    /// An unsigned integer.
    Uint,
    /// A float.
    Double,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A length of time.
    Duration,
    /// A list of values of one shape.
    List(Box<Shape>),
    /// An open map from text to values of one shape.
    Map(Box<Shape>),
    /// A closed set of fields; reading another is a load error.
    Record(BTreeMap<Arc<str>, Shape>),
}

impl Shape {
    /// A closed set of fields.
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let fields = fields.into_iter();
        Self::Record(
            fields
                .map(|(name, shape)| (Arc::from(name), shape))
                .collect(),
        )
    }

    /// An open map to values of `shape`.
    pub fn map(shape: Self) -> Self {
        Self::Map(Box::new(shape))
    }

    /// A list of values of `shape`.
    pub fn list(shape: Self) -> Self {
        Self::List(Box::new(shape))
    }

    /// The shape below field `name`: `None` where a record has no such field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Record(fields) => fields.get(name),
            Self::Map(inner) => Some(inner),
            _ => Some(&Self::Any),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("dyn"),
            Self::Null => f.write_str("null_type"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::List(inner) => write!(f, "list({inner})"),
            Self::Map(inner) => write!(f, "map(string, {inner})"),
            Self::Record(_) => f.write_str("map"),
        }
    }
}
