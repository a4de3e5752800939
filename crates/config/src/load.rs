//! Loading: all reading of files, and every check that the schema makes.

mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use ztag_backend::TlsMaterial;
use ztag_expr::TemplateFiles;
use ztag_result_cache::CacheBackend;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Globals};

use crate::document::{Content, Entry, Format, Node};
use crate::inputs::{self, Inputs, State};
use crate::merge::{Definitions, Kind};
use crate::note::Note;
use crate::place::{Archive, Origin, Place, SourceId};
use crate::schema::{Others, Schema, Shape};
use crate::spec::{DocumentSpec, EndpointSpec, ServerSpec, TemplatesSpec};
use crate::{environment, excerpt, files, names, secrecy, validate, variables};
use ztag_rule_chain::RuleSpec;

pub use self::sources::Sources;

/// A configuration as read: what is sound is typed, what is not is noted.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) server: Option<ServerSpec>,
    pub(crate) endpoints: BTreeMap<String, Definition<EndpointSpec>>,
    pub(crate) rules: BTreeMap<String, Definition<RuleSpec>>,
    pub(crate) globals: Arc<Globals>,
    pub(crate) templates: TemplateFiles,
    /// Certificates and keys towards backends; none when they cannot be read.
    pub(crate) backend_tls: Option<TlsMaterial>,
    /// The same for rules with TLS settings of their own.
    pub(crate) rule_tls: BTreeMap<String, TlsMaterial>,
    /// The authorities to trust towards Redis, as PEM.
    pub(crate) redis_roots: Option<Vec<u8>>,
    pub(crate) tree: Node,
    pub(crate) archive: Archive,
    pub(crate) notes: Vec<Note>,
    /// Where secrets stand in the texts, so that no excerpt shows them.
    pub(crate) secrets: Vec<Place>,
    /// What the input files held just before they were read.
    pub(crate) state: State,
    /// The server section, to notice changes that need a restart.
    pub(crate) server_node: Node,
}

/// An endpoint or rule as read.
#[derive(Clone, Debug)]
pub(crate) enum Definition<T> {
    /// It agrees with the schema.
    Sound(T),
    /// It does not, or stands twice; the notes say why.
    Broken,
}

impl Loaded {
    /// The server section, unless it is broken.
    pub const fn server(&self) -> Option<&ServerSpec> {
        self.server.as_ref()
    }
}

/// Reads the configuration. Never fails: what is wrong is noted and becomes diagnostics when the
/// result is compiled.
pub fn load(sources: &Sources) -> Loaded {
    Loading::new(sources).run(None)
}

/// Reads the configuration again for a server that runs already. A changed server section is
/// checked but not applied.
pub(crate) fn reload(sources: &Sources, running: &Loaded) -> Loaded {
    Loading::new(sources).run(Some(running))
}

struct Loading<'s> {
    sources: &'s Sources,
    schema: Arc<Schema>,
    archive: Archive,
    notes: Vec<Note>,
    secrets: Vec<Place>,
    state: State,
    endpoints: Definitions,
    rules: Definitions,
}

impl<'s> Loading<'s> {
    fn new(sources: &'s Sources) -> Self {
        Self {
            sources,
            schema: Arc::new(Schema::of::<DocumentSpec>()),
            archive: Archive::default(),
            notes: Vec::new(),
            secrets: Vec::new(),
            state: State::default(),
            endpoints: Definitions::new(Kind::Endpoint),
            rules: Definitions::new(Kind::Rule),
        }
    }

    fn run(mut self, running: Option<&Loaded>) -> Loaded {
        let (main, mut root) = self.main_document();
        environment::unclaimed(&self.sources.environment, &mut self.notes);
        self.overlay(&mut root, &["server"]);
        let mut server_node = take(&mut root, "server", main);
        let schema = Arc::clone(&self.schema);
        let mut server = schema.shape().property("server").and_then(|shape| {
            self.section::<ServerSpec>(&mut server_node, &shape, &ConfigPath::root().key("server"))
        });
        if let (Some(_), Some(running)) = (&server, running) {
            if !same(&server_node, &running.server_node) {
                self.notes
                    .push(Note::at(needs_restart(), server_node.place));
            }
            server.clone_from(&running.server);
        }
        self.definitions_of(&mut root);
        self.refuse_others(&root, &["server", "endpoints", "rules"]);
        let settings = server.clone().unwrap_or_else(|| self.salvage(&server_node));
        let inputs = Inputs::of(
            self.sources,
            running.map_or(&server_node, |running| &running.server_node),
        );
        self.state = inputs::state(&inputs);
        self.rule_documents(&settings);
        let globals = self.globals(&settings);
        let templates = self.templates(&settings.templates);
        self.finish(main, server, server_node, globals, templates)
    }

    /// The main file, or an empty document without one.
    fn main_document(&mut self) -> (SourceId, Node) {
        let Some(path) = self.sources.file.clone() else {
            let main = self
                .archive
                .add(Origin::File(String::from("(no file)")), String::new());
            return (main, Node::empty(main));
        };
        let root = ConfigPath::root();
        let format = Format::of(&path).unwrap_or(Format::Yaml);
        match self.read_document(&path, format, &root) {
            Some(document) => (document.place.source, document),
            None => {
                let main = self
                    .archive
                    .add(Origin::File(path.display().to_string()), String::new());
                (main, Node::empty(main))
            }
        }
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

    fn overlay(&mut self, root: &mut Node, sections: &[&str]) {
        environment::overlay(
            root,
            &self.schema,
            &self.sources.environment,
            sections,
            &mut self.archive,
            &mut self.notes,
        );
    }

    /// Checks a part of the document against the schema and reads it, if it is sound.
    fn section<T: DeserializeOwned>(
        &mut self,
        node: &mut Node,
        shape: &Shape<'_>,
        path: &ConfigPath,
    ) -> Option<T> {
        let mut findings = Vec::new();
        validate::validate(node, shape, path, &mut findings);
        let sound = !findings.iter().any(Diagnostic::is_error);
        self.notes.extend(findings.into_iter().map(Note::anywhere));
        if !sound {
            return None;
        }
        match node.decode() {
            Ok(spec) => Some(spec),
            Err(error) => {
                let path = error.path(path);
                let message = match secrecy::is_secret(&path) {
                    true => String::from("the value cannot be used"),
                    false => error.message().to_owned(),
                };
                self.note(Diagnostic::error(Code::InvalidValue, &path, message));
                None
            }
        }
    }

    fn definitions_of(&mut self, document: &mut Node) {
        self.endpoints.add(document, &mut self.notes);
        self.rules.add(document, &mut self.notes);
    }

    /// Complains about what is left at the top of a document.
    fn refuse_others(&mut self, document: &Node, allowed: &[&str]) {
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

    /// What a broken server section still says about where to look, so that one run finds what
    /// is wrong in the other files, too.
    fn salvage(&self, server: &Node) -> ServerSpec {
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

    fn rule_documents(&mut self, server: &ServerSpec) {
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
                let folder = self.sources.base().join(folder);
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
                let file = self.sources.base().join(file);
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
        self.definitions_of(&mut document);
        self.refuse_others(&document, &["endpoints", "rules"]);
    }

    fn globals(&mut self, server: &ServerSpec) -> Arc<Globals> {
        let mut findings = Vec::new();
        let globals = variables::read(
            &server.variables,
            &self.sources.environment,
            &self.sources.base(),
            &mut findings,
        );
        self.notes.extend(findings.into_iter().map(Note::anywhere));
        Arc::new(globals)
    }

    fn templates(&mut self, spec: &TemplatesSpec) -> TemplateFiles {
        let Some(folder) = configured(spec.templates_folder.as_ref()) else {
            return TemplateFiles::empty();
        };
        let folder = self.sources.base().join(folder);
        let at = ConfigPath::root()
            .key("server")
            .key("templates")
            .key("templatesFolder");
        TemplateFiles::load(&folder).unwrap_or_else(|error| {
            let name = folder.display();
            let diagnostic = if error.kind() == std::io::ErrorKind::NotFound {
                let message = format!("`{name}` does not exist, so no template file can be used");
                Diagnostic::warning(Code::TemplateFile, &at, message)
            } else {
                let message = format!("`{name}` cannot be read: {error}");
                Diagnostic::error(Code::TemplateFile, &at, message)
            };
            self.note(diagnostic);
            TemplateFiles::empty()
        })
    }

    fn finish(
        mut self,
        main: SourceId,
        server: Option<ServerSpec>,
        server_node: Node,
        globals: Arc<Globals>,
        templates: TemplateFiles,
    ) -> Loaded {
        let endpoints = std::mem::replace(&mut self.endpoints, Definitions::new(Kind::Endpoint));
        let rules = std::mem::replace(&mut self.rules, Definitions::new(Kind::Rule));
        let (endpoints, twice_endpoints) = endpoints.settle(main, &self.archive, &mut self.notes);
        let (rules, twice_rules) = rules.settle(main, &self.archive, &mut self.notes);
        let mut tree = Node::empty(main);
        if let Content::Map(entries) = &mut tree.content {
            let section = |key: &str, node: Node| Entry {
                key: key.to_owned(),
                key_place: node.place,
                node,
            };
            entries.push(section("server", server_node.clone()));
            entries.push(section("endpoints", endpoints));
            entries.push(section("rules", rules));
        }
        self.overlay(&mut tree, &["endpoints", "rules"]);
        let endpoints = self.definitions(&mut tree, Kind::Endpoint, twice_endpoints);
        let rules = self.definitions(&mut tree, Kind::Rule, twice_rules);
        let (backend_tls, redis_roots) = self.server_certificates(server.as_ref());
        let rule_tls = self.rule_certificates(&rules);
        Loaded {
            server,
            endpoints,
            rules,
            globals,
            templates,
            backend_tls,
            rule_tls,
            redis_roots,
            tree,
            archive: self.archive,
            notes: self.notes,
            secrets: self.secrets,
            state: self.state,
            server_node,
        }
    }

    fn definitions<T: DeserializeOwned>(
        &mut self,
        tree: &mut Node,
        kind: Kind,
        twice: Vec<String>,
    ) -> BTreeMap<String, Definition<T>> {
        let mut definitions: BTreeMap<_, _> = twice
            .into_iter()
            .map(|name| (name, Definition::Broken))
            .collect();
        let at = ConfigPath::root().key(kind.section());
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
            let path = at.key(entry.key.clone());
            let name = match kind {
                Kind::Endpoint => names::check_endpoint(&entry.key, &path),
                Kind::Rule => names::check_rule(&entry.key, &path),
            };
            let named = name.is_none();
            self.notes
                .extend(name.map(|diagnostic| Note::at(diagnostic, entry.key_place)));
            let spec = self.section(&mut entry.node, &shape, &path);
            let definition = spec
                .filter(|_| named)
                .map_or(Definition::Broken, Definition::Sound);
            definitions.insert(entry.key.clone(), definition);
        }
        definitions
    }

    fn server_certificates(
        &mut self,
        server: Option<&ServerSpec>,
    ) -> (Option<TlsMaterial>, Option<Vec<u8>>) {
        let Some(server) = server else {
            return (None, None);
        };
        let root = ConfigPath::root().key("server");
        let mut findings = Findings::new();
        let at = root.key("backend").key("tls");
        let tls = TlsMaterial::load(
            &server.backend.tls,
            &self.sources.base(),
            &at,
            &mut findings,
        );
        let redis = &server.cache.redis.tls;
        let wanted = server.cache.backend == CacheBackend::Redis && redis.enabled;
        let roots = (wanted && !redis.ca_file.is_empty()).then(|| {
            let path = self.sources.base().join(&redis.ca_file);
            files::read(&path)
                .map(String::into_bytes)
                .map_err(|reason| {
                    let at = root.key("cache").key("redis").key("tls").key("caFile");
                    let message = format!("`{}` cannot be read: {reason}", path.display());
                    Diagnostic::error(Code::Unreadable, &at, message)
                })
        });
        let roots = roots.and_then(|read| findings.keep(read));
        self.notes
            .extend(findings.into_vec().into_iter().map(Note::anywhere));
        (tls, roots)
    }

    fn rule_certificates(
        &mut self,
        rules: &BTreeMap<String, Definition<RuleSpec>>,
    ) -> BTreeMap<String, TlsMaterial> {
        let mut findings = Findings::new();
        let mut materials = BTreeMap::new();
        for (name, definition) in rules {
            let Definition::Sound(spec) = definition else {
                continue;
            };
            let Some(tls) = &spec.backend_api.tls else {
                continue;
            };
            let at = ConfigPath::root()
                .key("rules")
                .key(name.clone())
                .key("backendApi")
                .key("tls");
            let material = TlsMaterial::load(tls, &self.sources.base(), &at, &mut findings);
            materials.extend(material.map(|material| (name.clone(), material)));
        }
        self.notes
            .extend(findings.into_vec().into_iter().map(Note::anywhere));
        materials
    }

    fn note(&mut self, diagnostic: Diagnostic) {
        self.notes.push(Note::anywhere(diagnostic));
    }
}

/// A path that is set; empty counts as unset.
fn configured(path: Option<&String>) -> Option<PathBuf> {
    path.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The value under `key`, taken out; an empty map when there is none.
fn take(root: &mut Node, key: &str, main: SourceId) -> Node {
    let empty = Node::empty(main);
    match root.take(key) {
        Some(entry) if matches!(entry.node.content, Content::Null) => empty,
        Some(entry) => Node {
            // Lists and maps are pointed at by their key.
            place: match entry.node.content {
                Content::Map(_) | Content::List(_) => entry.key_place,
                _ => entry.node.place,
            },
            ..entry.node
        },
        None => empty,
    }
}

fn needs_restart() -> Diagnostic {
    let path = ConfigPath::root().key("server");
    let message = "`server` has changed; the change takes effect with a restart";
    Diagnostic::warning(Code::Conflict, &path, message)
}

/// Whether two values are the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.content, &b.content) {
        (Content::Null, Content::Null) => true,
        (Content::Bool(a), Content::Bool(b)) => a == b,
        (Content::Int(a), Content::Int(b)) => a == b,
        (Content::Float(a), Content::Float(b)) => a.to_bits() == b.to_bits(),
        (Content::Text(a), Content::Text(b)) => a == b,
        (Content::List(a), Content::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Content::Map(_), Content::Map(_)) => {
            let (a, b) = (a.entries(), b);
            a.len() == b.entries().len()
                && a.iter().all(|entry| {
                    b.get(&entry.key)
                        .is_some_and(|other| same(&entry.node, other))
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
