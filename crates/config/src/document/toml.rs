//! TOML: read by the `toml` crate, every value with its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Census, Content, Entry, Node, SyntaxError};
use crate::place::{Place, SourceId};

/// Reads one TOML document.
pub(super) fn parse(text: &str, source: SourceId) -> Result<Node, SyntaxError> {
    let table = DeTable::parse(text).map_err(|error| SyntaxError {
        place: Place::new(source, error.span().unwrap_or(0..0)),
        message: error
            .message()
            .lines()
            .next()
            .unwrap_or("not valid TOML")
            .to_owned(),
        hint: None,
    })?;
    let mut builder = Builder {
        source,
        census: Census::default(),
    };
    let content = Content::Map(builder.map(table.get_ref(), 1)?);
    Ok(Node {
        content,
        place: Place::start_of(source),
    })
}

struct Builder {
    source: SourceId,
    census: Census,
}

impl Builder {
    fn node(
        &mut self,
        value: &DeValue<'_>,
        span: Range<usize>,
        depth: usize,
    ) -> Result<Node, SyntaxError> {
        let place = Place::new(self.source, span);
        let refuse = |message: String| SyntaxError {
            place,
            message,
            hint: None,
        };
        self.census.admit(depth).map_err(refuse)?;
        let content = match value {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Boolean(value) => Content::Bool(*value),
            DeValue::Integer(integer) => {
                let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
                Content::Int(
                    parsed
                        .map_err(|_| refuse(String::from("integer too large")))?
                        .into(),
                )
            }
            DeValue::Float(float) => {
                let parsed = float
                    .as_str()
                    .parse::<f64>()
                    .ok()
                    .filter(|value| value.is_finite());
                Content::Float(parsed.ok_or_else(|| refuse(String::from("not a finite number")))?)
            }
            // No key takes a date; as text it is refused wherever text would not do.
            DeValue::Datetime(datetime) => Content::Text(datetime.to_string()),
            DeValue::Array(items) => {
                let nodes = items
                    .iter()
                    .map(|item| self.node(item.get_ref(), item.span(), depth + 1));
                Content::List(nodes.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => Content::Map(self.map(table, depth + 1)?),
        };
        Ok(Node { content, place })
    }

    fn map(&mut self, table: &DeTable<'_>, depth: usize) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            entries.push(Entry {
                key: key.get_ref().to_string(),
                key_place: Place::new(self.source, key.span()),
                node: self.node(value.get_ref(), value.span(), depth)?,
            });
        }
        entries.sort_by_key(|entry: &Entry| entry.key_place);
        Ok(entries)
    }
}
