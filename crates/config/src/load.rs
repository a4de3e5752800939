//! Loading: all reading of files, and every check that the schema makes.

mod documents;
mod outside;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use ztag_backend::TlsMaterial;
use ztag_expr::TemplateFiles;
use ztag_types::{Code, ConfigPath, Diagnostic, Globals};

use crate::document::{Content, Entry, Node};
use crate::inputs::{self, Inputs, State};
use crate::merge::{Definitions, Kind};
use crate::note::Note;
use crate::place::{Archive, Place, SourceId};
use crate::schema::{Others, Schema, Shape};
use crate::spec::{DocumentSpec, EndpointSpec, ServerSpec};
use crate::{environment, names, secrecy, validate};
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
    /// It has keys that do not exist. Read without them and compiled to find what else is wrong,
    /// but never served.
    Flawed(T),
    /// It does not, or stands twice; the notes say why.
    Broken,
}

impl<T> Definition<T> {
    /// What may serve.
    pub(crate) fn sound(&self) -> Option<&T> {
        match self {
            Self::Sound(spec) => Some(spec),
            Self::Flawed(_) | Self::Broken => None,
        }
    }

    fn into_sound(self) -> Option<T> {
        match self {
            Self::Sound(spec) => Some(spec),
            Self::Flawed(_) | Self::Broken => None,
        }
    }
}

impl Loaded {
    /// Whether the input files still hold what they held when they were read. A file that is
    /// being written may read as a sound one with its end missing.
    pub(crate) fn is_settled(&self, inputs: &Inputs) -> bool {
        inputs::state(inputs) == self.state
    }

    /// Notes that the files changed under the reader's hands.
    pub(crate) fn note_unsettled(&mut self) {
        let message = "the files changed while they were read, so nothing was published";
        let path = ConfigPath::root();
        self.notes.push(Note::anywhere(Diagnostic::error(
            Code::Unreadable,
            &path,
            message,
        )));
    }

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
            let at = ConfigPath::root().key("server");
            self.section::<ServerSpec>(&mut server_node, &shape, &at)
                .into_sound()
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
        let settings = server
            .clone()
            .unwrap_or_else(|| documents::salvage(&server_node));
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

    /// Checks a part of the document against the schema and reads it.
    fn section<T: DeserializeOwned>(
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
            let section = self.section(&mut entry.node, &shape, &path);
            let definition = if named { section } else { Definition::Broken };
            definitions.insert(entry.key.clone(), definition);
        }
        definitions
    }

    fn note(&mut self, diagnostic: Diagnostic) {
        self.notes.push(Note::anywhere(diagnostic));
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
