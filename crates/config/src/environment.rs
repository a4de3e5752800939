//! Environment variables as a layer above the file: `ZTAG_SERVER__LISTEN__PORT=8443`.
//!
//! Every scalar key can be set. Parts are separated by two underscores and compared without
//! letter case, `-` and `_`; list items go by their number, the next free number adds one.

mod short;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::document::{Content, Entry, Node};
use crate::kind::Kind;
use crate::note::Note;
use crate::place::{Archive, Origin, Place};
use crate::schema::{Others, Schema, Shape};
use crate::stale;

pub(crate) use self::short::Short;

const PREFIX: &str = "ZTAG_";

/// The sections that variables may name.
fn sections() -> Vec<&'static str> {
    [&["server"], &*Kind::sections()].concat()
}

/// Sets in `root` what the variables name whose first part is one of `sections`: the short ones
/// first, so that a full name wins.
pub(crate) fn overlay(
    root: &mut Node,
    schema: &Schema,
    (environment, short): (&BTreeMap<String, String>, &Short<'_>),
    sections: &[&str],
    archive: &mut Archive,
    notes: &mut Vec<Note>,
) {
    let full = in_list_order(environment);
    for variable in short.variables.iter().chain(&full) {
        if !variable
            .segments
            .first()
            .is_some_and(|first| sections.contains(&fold(first).as_str()))
        {
            continue;
        }
        let origin = Origin::Environment(variable.name.to_owned());
        let source = archive.add(origin, variable.value.to_string());
        let place = Place::new(source, 0..variable.value.len());
        let mut walk = Walk {
            place,
            text: &variable.value,
            path: ConfigPath::root(),
        };
        if let Err(miss) = walk.set(root, &schema.shape(), &variable.segments) {
            notes.push(Note::at(miss.into_diagnostic(variable.name), place));
        }
    }
}

/// Complains about variables with our prefix that can name no key.
pub(crate) fn unclaimed(environment: &BTreeMap<String, String>, notes: &mut Vec<Note>) {
    let sections = sections();
    for name in environment.keys() {
        if let Some(hint) = stale::variable(name) {
            let message = format!("variable `{name}` has no effect");
            notes.push(Note::anywhere(warning(message).hint(hint)));
        }
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let first = rest.split("__").next().unwrap_or("");
        if sections.contains(&fold(first).as_str()) && rest != first {
            continue;
        }
        // Orchestrators inject names such as `ZTAG_SERVICE_HOST`: only what looks like a key of
        // ours is worth a word.
        if rest.contains("__") {
            let message = format!("environment variable `{name}` names no key");
            let diagnostic =
                Diagnostic::error(Code::UnknownEnvironment, &ConfigPath::root(), message);
            let near = Diagnostic::nearest(first, sections.iter().copied());
            let hint = near.map(|near| name.replacen(first, &near.to_ascii_uppercase(), 1));
            notes.push(Note::anywhere(match hint {
                Some(hint) => diagnostic.hint(format!("did you mean `{hint}`?")),
                None => diagnostic.hint(format!("the first part is one of `{}`", {
                    sections.join("`, `").to_ascii_uppercase()
                })),
            }));
        } else if rest
            .split('_')
            .next()
            .is_some_and(|first| sections.contains(&fold(first).as_str()))
        {
            let message = format!("environment variable `{name}` has no effect");
            let hint = format!(
                "separate parts by two underscores: `{PREFIX}{}`",
                rest.replace('_', "__")
            );
            notes.push(Note::anywhere(warning(message).hint(hint)));
        }
    }
}

fn warning(message: String) -> Diagnostic {
    Diagnostic::warning(Code::UnknownEnvironment, &ConfigPath::root(), message)
}

/// A variable and the key it names. `Debug` shows no value, which may be secret.
struct Variable<'e> {
    name: &'e str,
    value: Cow<'e, str>,
    segments: Vec<&'e str>,
}

impl fmt::Debug for Variable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The variables with our prefix; list items in the order of their numbers.
fn in_list_order(environment: &BTreeMap<String, String>) -> Vec<Variable<'_>> {
    let ours = environment.iter().filter_map(|(name, value)| {
        let segments: Vec<_> = name.strip_prefix(PREFIX)?.split("__").collect();
        (segments.len() > 1).then_some(Variable {
            name,
            value: Cow::Borrowed(value),
            segments,
        })
    });
    let mut ours: Vec<_> = ours.collect();
    ours.sort_by_cached_key(|variable| {
        let segments = variable.segments.iter();
        let keys = segments.map(|segment| (segment.parse::<u32>().ok(), fold(segment)));
        keys.collect::<Vec<_>>()
    });
    ours
}

/// A name without letter case, `-` and `_`.
fn fold(name: &str) -> String {
    let letters = name.chars().filter(|c| *c != '-' && *c != '_');
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// One variable on its way down.
struct Walk<'v> {
    place: Place,
    text: &'v str,
    path: ConfigPath,
}

/// Why a variable sets nothing.
#[derive(Debug)]
struct Miss {
    path: ConfigPath,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// No key of this name; the keys there are.
    Unknown(String, Vec<String>),
    /// No item of this number; the next free number.
    NoItem(String, usize),
    /// Several keys that differ only in letter case, `-` and `_`.
    Ambiguous(String),
    /// The name stops at a list or map.
    NotScalar,
    /// The text is not of the key's type.
    Unreadable(&'static str),
}

impl Walk<'_> {
    fn set(&mut self, node: &mut Node, shape: &Shape<'_>, segments: &[&str]) -> Result<(), Miss> {
        let alternatives = shape.alternatives();
        let Some((segment, rest)) = segments.split_first() else {
            node.content =
                value::read(self.text, &alternatives).map_err(|reason| self.miss(reason))?;
            node.place = self.place;
            return Ok(());
        };
        let is_list = matches!(node.content, Content::List(_));
        let item = is_list || segment.parse::<usize>().is_ok();
        let list = alternatives.iter().find(|shape| shape.holds("array"));
        if let Some(shape) = list.filter(|_| item) {
            return self.set_item(node, shape, segment, rest);
        }
        if matches!(node.content, Content::Null) {
            node.content = Content::Map(Vec::new());
        }
        match alternatives.iter().find(|shape| shape.holds("object")) {
            Some(shape) => self.set_key(node, shape, segment, rest),
            None => Err(self.miss(Reason::Unknown((*segment).to_owned(), Vec::new()))),
        }
    }

    fn set_item(
        &mut self,
        node: &mut Node,
        shape: &Shape<'_>,
        segment: &str,
        rest: &[&str],
    ) -> Result<(), Miss> {
        if !matches!(node.content, Content::List(_)) {
            node.content = Content::List(Vec::new());
        }
        let Content::List(items) = &mut node.content else {
            return Err(self.miss(Reason::NotScalar));
        };
        let index = segment
            .parse::<usize>()
            .ok()
            .filter(|index| *index <= items.len());
        let (Some(index), Some(shape)) = (index, shape.items()) else {
            let next = items.len();
            return Err(self.miss(Reason::NoItem(segment.to_owned(), next)));
        };
        self.path = self.path.index(index);
        if let Some(item) = items.get_mut(index) {
            return self.set(item, &shape, rest);
        }
        let mut item = self.fresh();
        self.set(&mut item, &shape, rest)?;
        items.push(item);
        Ok(())
    }

    fn set_key(
        &mut self,
        node: &mut Node,
        shape: &Shape<'_>,
        segment: &str,
        rest: &[&str],
    ) -> Result<(), Miss> {
        let Content::Map(entries) = &mut node.content else {
            return Err(self.miss(Reason::Unknown(segment.to_owned(), Vec::new())));
        };
        let key = self.key(entries, shape, segment)?;
        let below = shape.property(&key).or_else(|| match shape.others() {
            Others::Each(each) => Some(each),
            Others::Refused | Others::Open => None,
        });
        let Some(below) = below else {
            return Err(self.miss(Reason::Unknown(segment.to_owned(), Vec::new())));
        };
        self.path = self.path.key(key.clone());
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
            return self.set(&mut entry.node, &below, rest);
        }
        let mut node = self.fresh();
        self.set(&mut node, &below, rest)?;
        entries.push(Entry {
            key,
            key_place: self.place,
            node,
        });
        Ok(())
    }

    /// The key that `segment` means: one of the schema, one that is written, or a new one where
    /// maps of single values take any.
    fn key(&self, entries: &[Entry], shape: &Shape<'_>, segment: &str) -> Result<String, Miss> {
        let folded = fold(segment);
        let written = entries.iter().map(|entry| entry.key.as_str());
        let mut known: Vec<_> = shape.properties().chain(written).collect();
        known.sort_unstable();
        known.dedup();
        let meant: Vec<_> = known.iter().filter(|key| fold(key) == folded).collect();
        match meant.as_slice() {
            [one] => Ok((**one).to_owned()),
            [] if takes_new_keys(shape) => Ok(segment.to_ascii_lowercase()),
            [] => {
                let known = known.into_iter().map(str::to_owned).collect();
                Err(self.miss(Reason::Unknown(segment.to_owned(), known)))
            }
            _ => Err(self.miss(Reason::Ambiguous(segment.to_owned()))),
        }
    }

    fn fresh(&self) -> Node {
        Node {
            content: Content::Null,
            place: self.place,
        }
    }

    fn miss(&self, reason: Reason) -> Miss {
        Miss {
            path: self.path.clone(),
            reason,
        }
    }
}

/// Maps of single values take new keys; endpoints and rules are not made by variables.
fn takes_new_keys(shape: &Shape<'_>) -> bool {
    let Others::Each(each) = shape.others() else {
        return false;
    };
    let alternatives = each.alternatives();
    alternatives
        .iter()
        .all(|shape| !shape.holds("object") && !shape.holds("array"))
}

impl Miss {
    fn into_diagnostic(self, name: &str) -> Diagnostic {
        let at = if self.path.segments().is_empty() {
            String::from("at the top")
        } else {
            format!("below `{}`", self.path)
        };
        let (code, message) = match &self.reason {
            Reason::Unknown(segment, _) | Reason::NoItem(segment, _) => (
                Code::UnknownEnvironment,
                format!("environment variable `{name}` names no key: there is no `{segment}` {at}"),
            ),
            Reason::Ambiguous(segment) => (
                Code::UnknownEnvironment,
                format!("environment variable `{name}` names several keys: `{segment}` {at}"),
            ),
            Reason::NotScalar => (
                Code::UnknownEnvironment,
                format!(
                    "environment variable `{name}` names no single value: `{}` is a list or map",
                    self.path
                ),
            ),
            Reason::Unreadable(wanted) => (
                Code::WrongType,
                format!("environment variable `{name}` must hold {wanted}"),
            ),
        };
        let diagnostic = Diagnostic::error(code, &self.path, message);
        match self.reason {
            Reason::Unknown(segment, known) => match nearest(&segment, &known) {
                Some(near) => {
                    let meant = name.replacen(&segment, &near.to_ascii_uppercase(), 1);
                    diagnostic.hint(format!("did you mean `{meant}`?"))
                }
                None => diagnostic,
            },
            Reason::NoItem(_, next) => diagnostic.hint(format!("the next free number is `{next}`")),
            _ => diagnostic,
        }
    }
}

fn nearest<'k>(segment: &str, known: &'k [String]) -> Option<&'k str> {
    Diagnostic::nearest(&fold(segment), known.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
