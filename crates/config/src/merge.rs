//! The definitions of all documents as one set: a name that stands twice is nobody's.

use std::collections::BTreeMap;

use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::document::{Content, Entry, Node};
use crate::kind::Kind;
use crate::note::Note;
use crate::place::{Archive, Place, SourceId};

/// The definitions of every kind from all documents.
#[derive(Debug)]
pub(crate) struct Collection(Vec<Definitions>);

/// The definitions of one kind from all documents.
#[derive(Debug)]
struct Definitions {
    kind: Kind,
    by_name: BTreeMap<String, Vec<Entry>>,
}

/// The definitions of one kind: those that stand once, and all copies of those that do not.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) kind: Kind,
    pub(crate) once: Node,
    pub(crate) twice: Vec<Vec<Entry>>,
}

impl Collection {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let kinds = Kind::ALL.iter();
        let empty = kinds.map(|kind| Definitions {
            kind: *kind,
            by_name: BTreeMap::new(),
        });
        Self(empty.collect())
    }

    /// Takes the definitions out of a document.
    pub(crate) fn add(&mut self, document: &mut Node, notes: &mut Vec<Note>) {
        for definitions in &mut self.0 {
            definitions.add(document, notes);
        }
    }

    /// Takes definitions out of `sections` for the names that no document defines.
    pub(crate) fn add_missing(&mut self, sections: &mut Vec<Entry>) {
        for section in sections.drain(..) {
            let mut kinds = self.0.iter_mut();
            let own = kinds.find(|own| own.kind.section() == section.key);
            let (Some(own), Content::Map(entries)) = (own, section.node.content) else {
                continue;
            };
            for entry in entries {
                let name = own.kind.fold(&entry.key);
                own.by_name.entry(name).or_insert_with(|| vec![entry]);
            }
        }
    }

    /// The definitions by kind, all copies of a name as one diagnostic.
    pub(crate) fn settle(
        self,
        source: SourceId,
        archive: &Archive,
        notes: &mut Vec<Note>,
    ) -> Vec<Settled> {
        let kinds = self.0.into_iter();
        kinds
            .map(|definitions| definitions.settle(source, archive, notes))
            .collect()
    }
}

impl Definitions {
    fn add(&mut self, document: &mut Node, notes: &mut Vec<Note>) {
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

    fn settle(self, source: SourceId, archive: &Archive, notes: &mut Vec<Note>) -> Settled {
        let mut entries = Vec::new();
        let mut twice = Vec::new();
        for mut copies in self.by_name.into_values() {
            if copies.len() == 1 {
                entries.append(&mut copies);
                continue;
            }
            copies.sort_by_key(|entry| entry.key_place);
            notes.extend(duplicate(self.kind, &copies, archive));
            twice.push(copies);
        }
        Settled {
            kind: self.kind,
            once: Node {
                content: Content::Map(entries),
                place: Place::start_of(source),
            },
            twice,
        }
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
        _ => "keep one",
    };
    let diagnostic = Diagnostic::error(Code::Duplicate, &path, message).hint(hint);
    Some(Note::at(diagnostic, first.key_place))
}
