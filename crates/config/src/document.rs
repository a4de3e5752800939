//! Documents as trees of values that know where they were written.

mod decode;
mod json;
mod toml;
mod yaml;

use std::fmt;
use std::path::Path;

use ztag_types::{ConfigPath, Segment};

use crate::place::{Place, SourceId};

/// Bytes of one file.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Levels of lists and maps.
const MAX_DEPTH: usize = 64;
/// Values in one file, keys not counted.
const MAX_NODES: usize = 50_000;

/// A value and where it stands. `Debug` shows no content, which may be secret.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) place: Place,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value, in the order written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

/// Why a text is not a document.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Toml,
    Json,
}

impl Format {
    /// The format that a file name's extension stands for.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" | "tml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Reads `text`, the content of `source`.
    pub(crate) fn parse(self, text: &str, source: SourceId) -> Result<Node, SyntaxError> {
        match self {
            Self::Yaml => yaml::parse(text, source),
            Self::Toml => toml::parse(text, source),
            Self::Json => json::parse(text, source),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind(), self.place.start)
    }
}

impl Node {
    /// An empty map, standing at the very start of `source`.
    pub(crate) const fn empty(source: SourceId) -> Self {
        Self {
            content: Content::Map(Vec::new()),
            place: Place::start_of(source),
        }
    }

    /// What the value is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Int(_) => "an integer",
            Content::Float(_) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of `key`.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The text of a text value.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes the value under `key` out of a map.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let Content::Map(entries) = &mut self.content else {
            return None;
        };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at))
    }

    /// Removes what stands at `path` below this value, if anything does.
    pub(crate) fn remove(&mut self, path: &[Segment]) {
        match (path, &mut self.content) {
            ([Segment::Key(key)], _) => {
                self.take(key);
            }
            ([Segment::Key(key), rest @ ..], Content::Map(entries)) => {
                if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
                    entry.node.remove(rest);
                }
            }
            ([Segment::Index(index), rest @ ..], Content::List(items)) => {
                if let Some(item) = items.get_mut(*index) {
                    item.remove(rest);
                }
            }
            _ => {}
        }
    }

    /// The value at `path`, or the nearest one above it.
    pub(crate) fn find(&self, path: &ConfigPath) -> Found<'_> {
        let mut found = Found {
            node: self,
            key: None,
            complete: true,
        };
        for segment in path.segments() {
            let next = match (segment, &found.node.content) {
                (Segment::Key(key), Content::Map(_)) => found
                    .node
                    .entry(key)
                    .map(|entry| (&entry.node, Some(entry.key_place))),
                (Segment::Index(index), Content::List(items)) => {
                    items.get(*index).map(|item| (item, None))
                }
                _ => None,
            };
            let Some((node, key)) = next else {
                found.complete = false;
                break;
            };
            found = Found { node, key, ..found };
        }
        found
    }
}

/// The outcome of [`Node::find`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'n> {
    pub(crate) node: &'n Node,
    /// Where its key stands, when it has one.
    pub(crate) key: Option<Place>,
    /// Whether the whole path was walked.
    pub(crate) complete: bool,
}

impl Found<'_> {
    /// Where to point for the value: scalars by themselves, lists and maps by their key.
    pub(crate) fn place(&self) -> Place {
        match (&self.node.content, self.key) {
            (Content::List(_) | Content::Map(_) | Content::Null, Some(key)) => key,
            _ => self.node.place,
        }
    }
}

/// Counts values while a tree is built, so that no document grows without bound.
#[derive(Debug, Default)]
struct Census {
    nodes: usize,
}

impl Census {
    /// Counts one value at `depth`; the message when the document is too large.
    fn admit(&mut self, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        if self.nodes > MAX_NODES {
            return Err(format!("more than {MAX_NODES} values in one file"));
        }
        Ok(())
    }
}

/// The message for a key that stands twice in one map.
fn duplicate_key(key: &str, text: &str, first: Place) -> String {
    let (line, column) = first.line_column(text);
    format!("key `{key}` is already set at line {line}, column {column}")
}

#[cfg(test)]
mod tests;
