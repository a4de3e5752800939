//! What the configuration names outside of documents: variables, secrets, templates, certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztag_backend::TlsMaterial;
use ztag_expr::TemplateFiles;
use ztag_fga_remote::RemoteSpec;
use ztag_proxy::{RouteSpec, UpstreamSpec};
use ztag_result_cache::CacheBackend;
use ztag_rule_chain::RuleSpec;
use ztag_token::IntrospectionSpec;
use ztag_token::client::{KeyFiles, UpstreamCredentialSpec};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Globals};

use super::{Definition, Loading, Named, configured};
use crate::fga_spec::FgaStoreSpec;
use crate::kind::Kind;
use crate::note::Note;
use crate::spec::{ServerSpec, TemplatesSpec};
use crate::{files, variables};

impl Loading<'_> {
    pub(super) fn globals(&mut self, server: &ServerSpec) -> Arc<Globals> {
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

    pub(super) fn templates(&mut self, spec: &TemplatesSpec) -> TemplateFiles {
        let Some(folder) = configured(spec.templates_folder.as_ref()) else {
            return TemplateFiles::empty();
        };
        let folder = self.sources.resolve(folder);
        let at = ConfigPath::root()
            .key("server")
            .key("templates")
            .key("templatesFolder");
        TemplateFiles::load(&folder).unwrap_or_else(|error| {
            let name = folder.display();
            let diagnostic = if error.kind() == io::ErrorKind::NotFound {
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

    pub(super) fn server_certificates(
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
            let path = self.sources.resolve(&redis.ca_file);
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

    /// The files named by what can change without a restart.
    pub(super) fn files_named(
        &self,
        server: Option<&ServerSpec>,
        rules: &Named<RuleSpec>,
        upstreams: &Named<UpstreamSpec>,
        keys: KeyUsers<'_>,
    ) -> BTreeSet<PathBuf> {
        let rules = rules.values().filter_map(Definition::sound);
        let tls = rules.filter_map(|rule| rule.backend_api.tls.as_ref());
        let upstreams = upstreams.values().filter_map(Definition::sound);
        let tls = tls.chain(upstreams.map(|upstream| &upstream.tls));
        let tls = tls.flat_map(|tls| [&tls.ca_file, &tls.cert_file, &tls.key_file]);
        let tls = tls.flatten().map(PathBuf::as_path);
        tls.chain(keys.paths())
            .chain(listener_paths(server))
            .map(|path| self.sources.resolve(path))
            .collect()
    }

    pub(super) fn listener_certificates(
        &mut self,
        server: Option<&ServerSpec>,
    ) -> Option<Arc<ztag_server::TlsMaterial>> {
        let spec = server?.listen.tls.as_ref()?;
        let at = ConfigPath::root().key("server").key("listen").key("tls");
        let mut findings = Findings::new();
        let base = self.sources.base();
        let material = ztag_server::TlsMaterial::load(spec, &base, &at, &mut findings);
        self.notes
            .extend(findings.into_vec().into_iter().map(Note::anywhere));
        material.map(Arc::new)
    }

    pub(super) fn key_files(&self, keys: KeyUsers<'_>) -> KeyFiles {
        KeyFiles::load(keys.paths(), &self.sources.base())
    }

    /// Certificates and keys towards upstreams that are called by `https`.
    pub(super) fn upstream_certificates(
        &mut self,
        upstreams: &Named<UpstreamSpec>,
    ) -> BTreeMap<String, TlsMaterial> {
        let mut findings = Findings::new();
        let mut materials = BTreeMap::new();
        for (name, definition) in upstreams {
            let Some(spec) = definition.sound() else {
                continue;
            };
            let mut urls = spec.targets.iter().map(|target| target.url.as_str());
            let material = if urls.any(|url| !is_plain(url)) {
                let at = Kind::Upstream.path(name).key("tls");
                TlsMaterial::load(&spec.tls, &self.sources.base(), &at, &mut findings)
            } else {
                Some(TlsMaterial::none())
            };
            materials.extend(material.map(|material| (name.clone(), material)));
        }
        self.notes
            .extend(findings.into_vec().into_iter().map(Note::anywhere));
        materials
    }

    pub(super) fn rule_certificates(
        &mut self,
        rules: &Named<RuleSpec>,
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
}

fn is_plain(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

/// Whatever may show our private keys.
#[derive(Clone, Copy)]
pub(super) struct KeyUsers<'a> {
    pub(super) server: Option<&'a ServerSpec>,
    pub(super) introspection: &'a Named<IntrospectionSpec>,
    pub(super) routes: &'a Named<RouteSpec>,
    pub(super) upstreams: &'a Named<UpstreamSpec>,
    pub(super) fga_stores: &'a Named<FgaStoreSpec>,
}

impl<'a> KeyUsers<'a> {
    /// The files of the keys, as written.
    fn paths(self) -> impl Iterator<Item = &'a Path> {
        let client = self.server.and_then(|server| server.client_auth.as_ref());
        let own = client.and_then(|client| client.key_file.as_deref());
        let introspection = self.introspection.values().filter_map(Definition::sound);
        let routes = self.routes.values().filter_map(Definition::sound);
        let routes = routes.filter_map(|route| route.credentials.as_ref());
        let upstreams = self.upstreams.values().filter_map(Definition::sound);
        let upstreams = upstreams.filter_map(|upstream| upstream.credentials.as_ref());
        let credentials = routes.chain(upstreams);
        let stores = self.fga_stores.values().filter_map(Definition::sound);
        let stores = stores.filter_map(|store| store.remote.as_ref());
        own.into_iter()
            .chain(stores.filter_map(RemoteSpec::key_file))
            .chain(introspection.filter_map(IntrospectionSpec::key_file))
            .chain(credentials.filter_map(UpstreamCredentialSpec::key_file))
    }
}

/// The files of the public listener's TLS, as written.
fn listener_paths(server: Option<&ServerSpec>) -> impl Iterator<Item = &Path> {
    let tls = server.and_then(|server| server.listen.tls.as_ref());
    tls.into_iter().flat_map(|tls| {
        let pairs = tls.certificates.iter();
        let pairs = pairs.flat_map(|pair| [&pair.cert_file, &pair.key_file]);
        pairs.chain(&tls.client_auth.ca_file).map(PathBuf::as_path)
    })
}
