//! Endpoints and rules from all documents as one set: a name that stands twice is nobody's.

use std::collections::BTreeMap;

use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::document::{Content, Entry, Node};
use crate::note::Note;
use crate::place::{Archive, Place, SourceId};

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Endpoint,
    Rule,
}

/// The definitions of one kind from all documents.
#[derive(Debug)]
pub(crate) struct Definitions {
    kind: Kind,
    by_name: BTreeMap<String, Vec<Entry>>,
}

impl Kind {
    /// The section of the document.
    pub(crate) const fn section(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoints",
            Self::Rule => "rules",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Rule => "rule",
        }
    }

    /// The name as it is compared: endpoints are selected without regard to letter case.
    pub(crate) fn fold(self, name: &str) -> String {
        match self {
            Self::Endpoint => name.to_ascii_lowercase(),
            Self::Rule => name.to_owned(),
        }
    }
}

impl Definitions {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            by_name: BTreeMap::new(),
        }
    }

    /// Takes the definitions out of a document.
    pub(crate) fn add(&mut self, document: &mut Node, notes: &mut Vec<Note>) {
        let Some(entry) = document.take(self.kind.section()) else {
            return;
        };
        let definitions = match entry.node.content {
            Content::Map(entries) => entries,
            // A section whose entries are all commented out.
            Content::Null => return,
            _ => {
                let found = entry.node.kind();
                let message = format!("expected a map, found {found}");
                let path = ConfigPath::root().key(self.kind.section());
                let diagnostic = Diagnostic::error(Code::WrongType, &path, message);
                notes.push(Note::at(diagnostic, entry.key_place));
                return;
            }
        };
        for entry in definitions {
            let name = self.kind.fold(&entry.key);
            self.by_name.entry(name).or_default().push(entry);
        }
    }

    /// The definitions that stand once, as a map, and the names of those that do not.
    pub(crate) fn settle(
        self,
        source: SourceId,
        archive: &Archive,
        notes: &mut Vec<Note>,
    ) -> (Node, Vec<String>) {
        let mut entries = Vec::new();
        let mut dropped = Vec::new();
        for mut copies in self.by_name.into_values() {
            if copies.len() == 1 {
                entries.append(&mut copies);
                continue;
            }
            copies.sort_by_key(|entry| entry.key_place);
            dropped.extend(copies.first().map(|entry| entry.key.clone()));
            notes.extend(duplicate(self.kind, &copies, archive));
        }
        let node = Node {
            content: Content::Map(entries),
            place: Place::start_of(source),
        };
        (node, dropped)
    }
}

/// One note that names every copy.
fn duplicate(kind: Kind, copies: &[Entry], archive: &Archive) -> Option<Note> {
    let first = copies.first()?;
    let places: Vec<_> = copies
        .iter()
        .map(|copy| archive.describe(copy.key_place))
        .collect();
    let message = format!(
        "{} `{}` is defined {} times: {}",
        kind.word(),
        first.key,
        copies.len(),
        places.join(", ")
    );
    let path = ConfigPath::root()
        .key(kind.section())
        .key(first.key.clone());
    let hint = match kind {
        Kind::Endpoint => "keep one; names are compared without letter case",
        Kind::Rule => "keep one",
    };
    let diagnostic = Diagnostic::error(Code::Duplicate, &path, message).hint(hint);
    Some(Note::at(diagnostic, first.key_place))
}
