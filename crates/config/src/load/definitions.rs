//! Definitions as read: checked against the schema, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use ztag_types::{Code, ConfigPath, Diagnostic};

use super::Loading;
use crate::document::{Content, Entry, Node};
use crate::kind::Kind;
use crate::note::Note;
use crate::schema::{Others, Shape};
use crate::{names, secrecy, validate};

/// The definitions of one kind by name.
pub(crate) type Named<T> = BTreeMap<String, Definition<T>>;

/// Definitions of one kind that stand twice, all copies of a name together.
pub(super) type Copies = (Kind, Vec<Vec<Entry>>);

/// A definition as read.
#[derive(Clone, Debug)]
pub(crate) enum Definition<T> {
    /// It agrees with the schema.
    Sound(T),
    /// It has keys that do not exist. Read without them and compiled to find what else is wrong,
    /// but never served.
    Flawed(T),
    /// It does not, or stands twice; the notes say why.
    Broken,
}

impl<T> Definition<T> {
    /// What may serve.
    pub(crate) const fn sound(&self) -> Option<&T> {
        match self {
            Self::Sound(spec) => Some(spec),
            Self::Flawed(_) | Self::Broken => None,
        }
    }

    /// What can be compiled, and whether it may serve.
    pub(crate) const fn read(&self) -> Option<(&T, bool)> {
        match self {
            Self::Sound(spec) => Some((spec, true)),
            Self::Flawed(spec) => Some((spec, false)),
            Self::Broken => None,
        }
    }

    pub(super) fn into_sound(self) -> Option<T> {
        match self {
            Self::Sound(spec) => Some(spec),
            Self::Flawed(_) | Self::Broken => None,
        }
    }
}

impl Loading<'_> {
    /// The definitions of a kind, those that stand twice as broken ones.
    pub(super) fn definitions<T: DeserializeOwned>(
        &mut self,
        tree: &mut Node,
        kind: Kind,
        twice: &[Copies],
    ) -> Named<T> {
        let twice = twice.iter().filter(|(own, _)| *own == kind);
        let names = twice.flat_map(|(_, names)| names.iter().filter_map(|copies| copies.first()));
        let mut definitions: Named<_> = names
            .map(|copy| (copy.key.clone(), Definition::Broken))
            .collect();
        let Content::Map(sections) = &mut tree.content else {
            return definitions;
        };
        let section = sections
            .iter_mut()
            .find(|entry| entry.key == kind.section());
        let Some(Content::Map(entries)) = section.map(|entry| &mut entry.node.content) else {
            return definitions;
        };
        let schema = Arc::clone(&self.schema);
        let others = schema
            .shape()
            .property(kind.section())
            .map(|shape| shape.others());
        let Some(Others::Each(shape)) = others else {
            return definitions;
        };
        for entry in entries {
            let path = kind.path(&entry.key);
            let name = names::check(kind, &entry.key);
            let named = name.is_none();
            self.notes
                .extend(name.map(|diagnostic| Note::at(diagnostic, entry.key_place)));
            let section = self.section(&mut entry.node, &shape, &path);
            let definition = if named { section } else { Definition::Broken };
            definitions.insert(entry.key.clone(), definition);
        }
        definitions
    }

    /// Checks a part of the document against the schema and reads it.
    pub(super) fn section<T: DeserializeOwned>(
        &mut self,
        node: &mut Node,
        shape: &Shape<'_>,
        path: &ConfigPath,
    ) -> Definition<T> {
        let mut findings = Vec::new();
        validate::validate(node, shape, path, &mut findings);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(Diagnostic::is_error);
        let sound = errors.is_empty();
        let excess = errors.iter().all(|error| error.code == Code::UnknownKey);
        let known = (!sound && excess).then(|| without(node, path, &errors));
        self.notes
            .extend(errors.into_iter().chain(warnings).map(Note::anywhere));
        if let Some(known) = known {
            return known
                .decode()
                .map_or(Definition::Broken, Definition::Flawed);
        }
        if !sound {
            return Definition::Broken;
        }
        match node.decode() {
            Ok(spec) => Definition::Sound(spec),
            Err(error) => {
                let path = error.path(path);
                let message = if secrecy::is_secret(&path) {
                    String::from("the value cannot be used")
                } else {
                    error.message().to_owned()
                };
                self.note(Diagnostic::error(Code::InvalidValue, &path, message));
                Definition::Broken
            }
        }
    }
}

/// The value at `path` without the keys that `unknown` complains of.
fn without(node: &Node, path: &ConfigPath, unknown: &[Diagnostic]) -> Node {
    let mut known = node.clone();
    for diagnostic in unknown {
        let below = diagnostic.path.segments().get(path.segments().len()..);
        known.remove(below.unwrap_or_default());
    }
    known
}
