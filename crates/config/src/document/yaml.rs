//! YAML: read by serde-saphyr within budgets, every value with its place.

use std::collections::HashMap;
use std::fmt;
use std::thread;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Options, Spanned};

use super::{Census, Content, Entry, MAX_DEPTH, MAX_NODES, Node, SyntaxError, duplicate_key};
use crate::place::{Place, SourceId, offset};

/// Values that aliases may repeat in all; enough for shared defaults, not for an alias bomb.
const MAX_REPLAYED: usize = 10_000;
/// The reader needs some 40 KiB of stack for each level of an unoptimised build.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Reads one YAML document.
pub(super) fn parse(text: &str, source: SourceId) -> Result<Node, SyntaxError> {
    if text.trim().is_empty() {
        return Ok(Node::empty(source));
    }
    let raw = on_a_deep_stack(|| {
        serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options())
            .map_err(|error| syntax_error(&error, text, source))
    });
    let raw = raw.unwrap_or_else(|| {
        Err(SyntaxError {
            place: Place::start_of(source),
            message: String::from("the YAML reader stopped working"),
            hint: None,
        })
    })?;
    if matches!(raw.value, Raw::Null) {
        return Ok(Node::empty(source));
    }
    let mut builder = Builder {
        text,
        source,
        census: Census::default(),
    };
    builder.node(raw, 0)
}

/// Runs `read` where [`MAX_DEPTH`] levels of its recursion fit; `None` when that is impossible.
fn on_a_deep_stack<T: Send>(read: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name(String::from("ztag-yaml"))
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, read);
        reader.ok()?.join().ok()
    })
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 4,
            max_documents: 1,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_recorded_anchor_events: MAX_NODES,
            max_total_scalar_bytes: super::MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_replay_stack_depth: 16,
        },
        // Both places of a duplicate are reported, which takes seeing both.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `no` is a country, `on` is a word: only `true` and `false` are booleans.
        strict_booleans: true,
        reject_unsupported_tags: true,
        emit_comments: false,
    }
}

/// A value as the YAML reader hands it over.
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

/// Turns raw values into nodes.
struct Builder<'t> {
    text: &'t str,
    source: SourceId,
    census: Census,
}

impl Builder<'_> {
    fn node(&mut self, raw: Spanned<Raw>, depth: usize) -> Result<Node, SyntaxError> {
        let place = place(&raw.referenced, self.text, self.source);
        self.census.admit(depth).map_err(|message| SyntaxError {
            place,
            message,
            hint: None,
        })?;
        let content = match raw.value {
            Raw::Null => Content::Null,
            Raw::Bool(value) => Content::Bool(value),
            Raw::Int(value) => Content::Int(value),
            Raw::Float(value) => Content::Float(value),
            Raw::Text(value) => Content::Text(value),
            Raw::List(items) => {
                let nodes = items.into_iter().map(|item| self.node(item, depth + 1));
                Content::List(nodes.collect::<Result<_, _>>()?)
            }
            Raw::Map(entries) => Content::Map(self.map(entries, depth + 1)?),
        };
        Ok(Node { content, place })
    }

    fn map(
        &mut self,
        raw: Vec<(Spanned<String>, Spanned<Raw>)>,
        depth: usize,
    ) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut seen = HashMap::with_capacity(raw.len());
        for (key, value) in raw {
            let key_place = place(&key.referenced, self.text, self.source);
            if let Some(first) = seen.insert(key.value.clone(), key_place) {
                return Err(SyntaxError {
                    place: key_place,
                    message: duplicate_key(&key.value, self.text, first),
                    hint: None,
                });
            }
            entries.push(Entry {
                key: key.value,
                key_place,
                node: self.node(value, depth)?,
            });
        }
        Ok(entries)
    }
}

fn place(location: &Location, text: &str, source: SourceId) -> Place {
    let span = location.span();
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let start = match span.byte_offset() {
        Some(start) => number(start),
        None => offset(text, number(location.line()), number(location.column())),
    };
    let len = span.byte_len().map_or(0, number);
    Place::new(source, start..start.saturating_add(len).min(text.len()))
}

fn syntax_error(error: &serde_saphyr::Error, text: &str, source: SourceId) -> SyntaxError {
    let place = error
        .location()
        .map_or(Place::start_of(source), |location| {
            place(&location, text, source)
        });
    let rendered = error.without_snippet().to_string();
    let first = rendered.lines().next().unwrap_or("not valid YAML");
    let end = first.rfind(" at line ").unwrap_or(first.len());
    SyntaxError {
        place,
        message: first.get(..end).unwrap_or(first).to_owned(),
        hint: hint(text, place),
    }
}

/// What is likely meant where a line trips over a character that YAML keeps for itself.
fn hint(text: &str, place: Place) -> Option<String> {
    let (number, _) = place.line_column(text);
    let line = text.lines().nth(number.saturating_sub(1))?.trim();
    let value = line.strip_prefix("- ").map(str::trim_start);
    let value = value.or_else(|| line.split_once(": ").map(|(_, value)| value.trim_start()))?;
    let meaning = match value.chars().next()? {
        '"' | '\'' => "text after a closing quote",
        '!' => "a leading `!` is a YAML tag",
        '{' if value.starts_with("{{") || value.starts_with("{%") => "a leading `{` is a YAML map",
        '[' => "a leading `[` is a YAML list",
        '*' => "a leading `*` is a YAML alias",
        '&' => "a leading `&` is a YAML anchor",
        '%' | '@' | '`' => "a leading `%`, `@` or backtick is not allowed in YAML",
        _ if value.contains(": ") => "`: ` starts a YAML map",
        _ => return None,
    };
    Some(format!(
        "{meaning}: put quotes around the whole expression, such as `'\"admin\" in auth.roles'`"
    ))
}
