//! Loading: all reading of files, and every check that the schema makes.

mod classifiers;
mod definitions;
mod documents;
mod fga;
mod outside;
mod routes;
mod sources;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ztag_ai_security::guardrail::GuardrailSpec;
use ztag_backend::TlsMaterial;
use ztag_expr::TemplateFiles;
use ztag_proxy::{RouteSpec, UpstreamSpec};
use ztag_rule_chain::RuleSpec;
use ztag_token::client::KeyFiles;
use ztag_token::{IntrospectionSpec, IssuerSpec};
use ztag_types::{Code, ConfigPath, Diagnostic, Globals};

use crate::document::{Content, Entry, Node};
use crate::environment::{self, Short};
use crate::fga_spec::FgaStoreSpec;
use crate::inputs::{Inputs, State};
use crate::kind::Kind;
use crate::merge::Collection;
use crate::note::Note;
use crate::place::{Archive, Place, SourceId};
use crate::schema::Schema;
use crate::spec::{EndpointSpec, ServerSpec};

pub(crate) use self::classifiers::ClassifierFiles;
use self::definitions::Copies;
pub(crate) use self::definitions::{Definition, Named};
pub(crate) use self::fga::{FgaFiles, TextFile};
use self::outside::KeyUsers;
pub(crate) use self::routes::UnreadRoute;
pub use self::sources::{Program, Sources};

/// A configuration as read: what is sound is typed, what is not is noted.
#[derive(Debug)]
pub struct Loaded {
    program: Program,
    pub(crate) server: Option<ServerSpec>,
    pub(crate) endpoints: Named<EndpointSpec>,
    pub(crate) rules: Named<RuleSpec>,
    pub(crate) issuers: Named<IssuerSpec>,
    pub(crate) introspection: Named<IntrospectionSpec>,
    pub(crate) routes: Named<RouteSpec>,
    /// Where routes that cannot be read whole were meant for.
    pub(crate) unread_routes: Vec<UnreadRoute>,
    pub(crate) upstreams: Named<UpstreamSpec>,
    pub(crate) fga_stores: Named<FgaStoreSpec>,
    /// The guardrails.
    pub(crate) guardrails: Named<GuardrailSpec>,
    /// What the files of their classifiers hold.
    pub(crate) classifier_files: BTreeMap<String, ClassifierFiles>,
    /// Where stores are written down.
    pub(crate) fga_places: FgaPaths,
    /// What the files of stores hold.
    pub(crate) fga_files: BTreeMap<String, FgaFiles>,
    pub(crate) globals: Arc<Globals>,
    pub(crate) templates: TemplateFiles,
    /// Certificates and keys towards backends; none when they cannot be read.
    pub(crate) backend_tls: Option<TlsMaterial>,
    /// The same for rules with TLS settings of their own.
    pub(crate) rule_tls: BTreeMap<String, TlsMaterial>,
    /// The same for upstreams that are called by `https`.
    pub(crate) upstream_tls: BTreeMap<String, TlsMaterial>,
    /// Certificates and keys of the public listener, when it speaks TLS and they can be read.
    pub(crate) listen_tls: Option<Arc<ztag_server::TlsMaterial>>,
    /// The authorities to trust towards Redis, as PEM.
    pub(crate) redis_roots: Option<Vec<u8>>,
    pub(crate) tree: Node,
    pub(crate) archive: Archive,
    pub(crate) notes: Vec<Note>,
    /// Where secrets stand in the texts, so that no excerpt shows them.
    pub(crate) secrets: Vec<Place>,
    /// The keys that we show ourselves with to authorization servers.
    pub(crate) key_files: KeyFiles,
    /// Every file that was read.
    pub(crate) inputs: Arc<Inputs>,
    /// What they held just before: the documents, and the files that those name.
    pub(crate) state: (State, State),
    /// The server section, to notice changes that need a restart.
    pub(crate) server_node: Node,
}

/// Paths that `server.fga` names, as they are from here.
#[derive(Debug)]
pub(crate) struct FgaPaths {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) images: Option<PathBuf>,
}

impl Loaded {
    /// Whether the input files still hold what they held when they were read. A file that is
    /// being written may read as a sound one with its end missing.
    pub(crate) fn is_settled(&self) -> bool {
        self.inputs.state() == self.state
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

    /// Lets go of the files of classifiers, which are large: whoever reloads reads them again.
    pub(crate) fn forget_models(&mut self) {
        self.classifier_files.clear();
    }

    /// Who reads it.
    pub(crate) const fn program(&self) -> Program {
        self.program
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
    collection: Collection,
    short: Short<'s>,
}

/// What was read before the definitions are settled.
struct Read {
    main: SourceId,
    server: Option<ServerSpec>,
    server_node: Node,
    globals: Arc<Globals>,
    templates: TemplateFiles,
    inputs: Inputs,
    documents: State,
}

impl<'s> Loading<'s> {
    fn new(sources: &'s Sources) -> Self {
        Self {
            sources,
            schema: Arc::new(Schema::document()),
            archive: Archive::default(),
            notes: Vec::new(),
            secrets: Vec::new(),
            collection: Collection::new(),
            short: Short::default(),
        }
    }

    fn run(mut self, running: Option<&Loaded>) -> Loaded {
        let (main, mut root) = self.main_document();
        if self.sources.program == Program::Gateway {
            let environment = &self.sources.environment;
            let documents = self.sources.file.is_some();
            self.short = Short::read(environment, documents, &mut self.archive, &mut self.notes);
        }
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
        self.collection.add(&mut root, &mut self.notes);
        self.refuse_others(&root, &[&["server"], &*Kind::sections()].concat());
        let settings = server
            .clone()
            .unwrap_or_else(|| documents::salvage(&server_node));
        let inputs = Inputs::of(
            self.sources,
            running.map_or(&server_node, |running| &running.server_node),
        );
        let documents = inputs.documents();
        self.rule_documents(&settings);
        let globals = self.globals(&settings);
        let templates = self.templates(&settings.templates);
        let read = Read {
            main,
            server,
            server_node,
            globals,
            templates,
            inputs,
            documents,
        };
        self.finish(read)
    }

    fn overlay(&mut self, root: &mut Node, sections: &[&str]) {
        environment::overlay(
            root,
            &self.schema,
            (&self.sources.environment, &self.short),
            sections,
            &mut self.archive,
            &mut self.notes,
        );
    }

    fn finish(mut self, read: Read) -> Loaded {
        let (main, server, server_node) = (read.main, read.server, read.server_node);
        let (mut tree, twice) = self.definition_tree(main, &server_node);
        let endpoints = self.definitions(&mut tree, Kind::Endpoint, &twice);
        let rules = self.definitions(&mut tree, Kind::Rule, &twice);
        let issuers = self.definitions(&mut tree, Kind::Issuer, &twice);
        let introspection = self.definitions(&mut tree, Kind::Introspection, &twice);
        let routes = self.definitions(&mut tree, Kind::Route, &twice);
        let unread_routes = self.unread_routes(&tree, &routes, &twice);
        let upstreams = self.definitions(&mut tree, Kind::Upstream, &twice);
        let fga_stores = self.definitions(&mut tree, Kind::FgaStore, &twice);
        let fga_files = self.fga_files(&fga_stores);
        let guardrails = self.definitions(&mut tree, Kind::Guardrail, &twice);
        let classifier_files = self.classifier_files(&guardrails);
        let keys = KeyUsers {
            server: server.as_ref(),
            introspection: &introspection,
            routes: &routes,
            upstreams: &upstreams,
            fga_stores: &fga_stores,
        };
        let mut named = self.files_named(server.as_ref(), &rules, &upstreams, keys);
        named.extend(fga::paths(&fga_stores, &fga_files).map(|path| self.sources.resolve(path)));
        let key_files = self.key_files(keys);
        let models = classifiers::paths(&guardrails).map(|path| self.sources.resolve(path));
        let inputs = read.inputs.naming(named).weighing(models.collect());
        let state = (read.documents, inputs.named());
        let (backend_tls, redis_roots) = self.server_certificates(server.as_ref());
        Loaded {
            listen_tls: self.listener_certificates(server.as_ref()),
            rule_tls: self.rule_certificates(&rules),
            upstream_tls: self.upstream_certificates(&upstreams),
            fga_places: self.fga_places(server.as_ref()),
            program: self.sources.program,
            server,
            endpoints,
            rules,
            issuers,
            introspection,
            routes,
            unread_routes,
            upstreams,
            fga_stores,
            guardrails,
            classifier_files,
            fga_files,
            globals: read.globals,
            templates: read.templates,
            backend_tls,
            redis_roots,
            tree,
            archive: self.archive,
            notes: self.notes,
            secrets: self.secrets,
            key_files,
            inputs: Arc::new(inputs),
            state,
            server_node,
        }
    }

    fn fga_places(&self, server: Option<&ServerSpec>) -> FgaPaths {
        let spec = server.map(|server| &server.fga);
        let postgres = spec.and_then(|spec| spec.postgres.as_ref());
        let resolve = |path: &PathBuf| self.sources.resolve(path);
        FgaPaths {
            folder: spec.and_then(|spec| spec.folder.as_ref()).map(resolve),
            ca_file: postgres.and_then(|own| own.ca_file.as_ref()).map(resolve),
            images: postgres.and_then(|own| own.images.as_ref()).map(resolve),
        }
    }

    /// All definitions in one tree below `server`, and the copies of those that stand twice.
    fn definition_tree(&mut self, main: SourceId, server: &Node) -> (Node, Vec<Copies>) {
        self.collection.add_missing(&mut self.short.definitions);
        let collection = std::mem::replace(&mut self.collection, Collection::new());
        let settled = collection.settle(main, &self.archive, &mut self.notes);
        let mut tree = Node::empty(main);
        let mut sections = vec![section("server", server.clone())];
        let mut twice = Vec::new();
        for kind in settled {
            sections.push(section(kind.kind.section(), kind.once));
            twice.push((kind.kind, kind.twice));
        }
        tree.content = Content::Map(sections);
        self.short.clear(&mut tree);
        self.overlay(&mut tree, &Kind::sections());
        (tree, twice)
    }

    fn note(&mut self, diagnostic: Diagnostic) {
        self.notes.push(Note::anywhere(diagnostic));
    }
}

fn section(key: &str, node: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_place: node.place,
        node,
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
