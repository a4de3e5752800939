//! Documents: the main one, and those with endpoints and rules.

use std::path::Path;

use ztag_types::{Code, ConfigPath, Diagnostic};

use super::{Loading, configured};
use crate::document::{Content, Format, Node};
use crate::kind::Kind;
use crate::note::Note;
use crate::place::{Origin, SourceId};
use crate::spec::ServerSpec;
use crate::{excerpt, files};

impl Loading<'_> {
    /// The main file, or an empty document without one.
    pub(super) fn main_document(&mut self) -> (SourceId, Node) {
        let Some(path) = self.sources.file.clone() else {
            let main = self
                .archive
                .add(Origin::File(String::from("(no file)")), String::new());
            return (main, Node::empty(main));
        };
        let root = ConfigPath::root();
        let format = Format::of(&path).unwrap_or(Format::Yaml);
        if let Some(document) = self.read_document(&path, format, &root) {
            return (document.place.source, document);
        }
        let name = path.display().to_string();
        let main = self.archive.add(Origin::File(name), String::new());
        (main, Node::empty(main))
    }

    /// Reads a document; what keeps it from being read is noted. `named_at` is the key that
    /// names the file.
    fn read_document(
        &mut self,
        path: &Path,
        format: Format,
        named_at: &ConfigPath,
    ) -> Option<Node> {
        let name = path.display().to_string();
        let text = match files::read(path) {
            Ok(text) => text,
            Err(reason) => {
                let message = format!("`{name}` cannot be read: {reason}");
                self.note(Diagnostic::error(Code::Unreadable, named_at, message));
                return None;
            }
        };
        let source = self.archive.add(Origin::File(name), text.clone());
        let document = match format.parse(&text, source) {
            Ok(document) => document,
            Err(error) => {
                let diagnostic =
                    Diagnostic::error(Code::Syntax, &ConfigPath::root(), error.message);
                let diagnostic = Diagnostic {
                    hint: error.hint,
                    ..diagnostic
                };
                self.notes.push(Note::at(diagnostic, error.place));
                self.secrets.extend(excerpt::secrets_in_text(&text, source));
                return None;
            }
        };
        self.secrets.extend(excerpt::secrets_of(&document));
        if matches!(document.content, Content::Map(_)) {
            return Some(document);
        }
        let message = format!("expected a map, found {}", document.kind());
        let diagnostic = Diagnostic::error(Code::WrongType, &ConfigPath::root(), message);
        self.notes.push(Note::at(diagnostic, document.place));
        None
    }

    /// Complains about what is left at the top of a document.
    pub(super) fn refuse_others(&mut self, document: &Node, allowed: &[&str]) {
        for entry in document.entries() {
            let path = ConfigPath::root().key(entry.key.clone());
            let message = format!("unknown key `{}`", entry.key);
            let diagnostic = Diagnostic::error(Code::UnknownKey, &path, message);
            let near = Diagnostic::nearest(&entry.key, allowed.iter().copied());
            let diagnostic = diagnostic.hint(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("allowed at the top: `{}`", allowed.join("`, `")),
            });
            self.notes.push(Note::at(diagnostic, entry.key_place));
        }
    }

    pub(super) fn rule_documents(&mut self, server: &ServerSpec) {
        let at = ConfigPath::root().key("server").key("rules");
        let folder = configured(server.rules.rules_folder.as_ref());
        let file = configured(server.rules.rules_file.as_ref());
        match (folder, file) {
            (Some(_), Some(_)) => {
                let message = "`rulesFolder` and `rulesFile` exclude each other";
                let diagnostic = Diagnostic::error(Code::Conflict, &at.key("rulesFile"), message);
                self.note(diagnostic.hint("keep one of them"));
            }
            (Some(folder), None) => {
                let folder = self.sources.resolve(folder);
                let at = at.key("rulesFolder");
                match files::documents(&folder) {
                    Ok(documents) => documents
                        .iter()
                        .for_each(|path| self.rule_document(path, &at)),
                    Err(error) => {
                        let path = error.path.display();
                        let message = format!("`{path}` cannot be read: {}", error.reason);
                        self.note(Diagnostic::error(Code::Unreadable, &at, message));
                    }
                }
            }
            (None, Some(file)) => {
                let file = self.sources.resolve(file);
                self.rule_document(&file, &at.key("rulesFile"));
            }
            (None, None) => {}
        }
    }

    fn rule_document(&mut self, path: &Path, named_at: &ConfigPath) {
        let Some(format) = Format::of(path) else {
            let message = format!("`{}` is neither YAML, TOML nor JSON", path.display());
            let diagnostic = Diagnostic::error(Code::Unreadable, named_at, message);
            self.note(diagnostic.hint("name it `.yaml`, `.yml`, `.toml`, `.tml` or `.json`"));
            return;
        };
        let Some(mut document) = self.read_document(path, format, named_at) else {
            return;
        };
        self.collection.add(&mut document, &mut self.notes);
        self.refuse_others(&document, &Kind::sections());
    }
}

/// What a broken server section still says about where to look, so that one run finds what
/// is wrong in the other files, too.
pub(super) fn salvage(server: &Node) -> ServerSpec {
    let mut spec = ServerSpec::default();
    let text = |section: &str, key: &str| {
        let value = server.get(section).and_then(|section| section.get(key));
        value.and_then(Node::as_str).map(str::to_owned)
    };
    spec.rules.rules_folder = text("rules", "rulesFolder");
    spec.rules.rules_file = text("rules", "rulesFile");
    spec.templates.templates_folder = text("templates", "templatesFolder");
    spec
}
