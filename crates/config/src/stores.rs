//! The long-lived places that plans point to: they outlive every reload.

mod fga;
mod home;
mod tokens;

use std::sync::Arc;

use ztag_ai_security::guardrail::Digests;
use ztag_ai_security::transformer::Classifier;
use ztag_backend::Client;
use ztag_fga_api::{Access, FgaService};
use ztag_proxy::UpstreamPlaces;
use ztag_result_cache::ResultCache;
use ztag_server::{CertificateStore, Certificates, Listen, ProxyProtocol, Tls};
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings};

use crate::diagnose::{self, Judged};
use crate::load::Loaded;
use crate::report::Report;
use crate::spec::ServerSpec;

pub use self::fga::FgaPlaces;
pub(crate) use self::fga::{Beginning, store_id};
pub(crate) use self::home::fga_home;
pub use self::tokens::TokenPlaces;
pub(crate) use self::tokens::{Fingerprint, Shelf};

/// The long-lived places that plans point to.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Where verdicts are remembered.
    pub cache: Arc<ResultCache>,
    /// What calls backends.
    pub client: Arc<Client>,
    /// What is known of tokens.
    pub tokens: Arc<TokenPlaces>,
    /// What is known of upstreams: connections, health, breakers.
    pub upstreams: Arc<UpstreamPlaces>,
    /// Stores of relationships.
    pub fga: Arc<FgaPlaces>,
    /// What guardrails ask about marked texts.
    pub(crate) classifiers: Arc<Shelf<Classifier>>,
    /// What records hold instead of what guardrails found, under a key of this process.
    pub digests: Digests,
    /// The certificates of the public listener, when it speaks TLS.
    pub certificates: Option<CertificateStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Stores {
    /// Opens the places that the server section names. With a Redis cache it must be called
    /// inside the tokio runtime that shall carry the connection.
    ///
    /// # Errors
    /// A report of everything found so far, when the server section is broken or says what cannot
    /// work.
    pub fn open(loaded: &Loaded, clock: Arc<dyn Clock>) -> Result<Self, Report> {
        let cache = |loaded: &Loaded, clock, findings: &mut Findings| {
            let spec = &loaded.server.as_ref()?.cache;
            let roots = loaded.redis_roots.as_deref();
            let at = ConfigPath::root().key("server").key("cache");
            let opened = ResultCache::open(spec, roots, clock)
                .map_err(|error| Diagnostic::error(Code::CacheBackend, &at, error.to_string()));
            findings.keep(opened)
        };
        Self::build(loaded, clock, cache, |loaded, clock, findings| {
            let home = fga_home(loaded, findings)?;
            FgaPlaces::open(home, clock, findings)
        })
    }

    /// Places that reach out to nothing: for checking and explaining a configuration.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub fn offline(loaded: &Loaded, clock: Arc<dyn Clock>) -> Result<Self, Report> {
        let cache = |loaded: &Loaded, clock, _: &mut Findings| {
            Some(ResultCache::memory(&loaded.server.as_ref()?.cache, clock))
        };
        Self::build(loaded, clock, cache, |_, clock, _| {
            Some(FgaPlaces::in_memory(clock))
        })
    }

    /// The public listener of a configuration that compiles. `None` when it does not, or when its
    /// TLS is not that of these places.
    pub fn listen(&self, server: &ServerSpec) -> Option<Listen> {
        let mut findings = Findings::new();
        let proxy_protocol = proxy_protocol(server, &mut findings);
        let tls = match &server.listen.tls {
            None => None,
            Some(spec) => Some(Tls {
                certificates: self.certificates.clone()?,
                handshake_timeout: spec.handshake_timeout.get(),
            }),
        };
        (findings.errors() == 0).then(|| Listen {
            tls,
            proxy_protocol,
            http2: server.listen.http2.clone(),
            handover: server.listen.handover.clone(),
            ..Listen::plain(server.listen.socket(), server.limits.clone())
        })
    }

    /// The API of the stores that are written to, where it is served; a configuration that compiles
    /// has one that can be.
    pub fn fga_api(&self, server: &ServerSpec) -> Option<FgaService> {
        let mut findings = Findings::new();
        let access = fga_access(server, &self.tokens, &mut findings)?;
        let (served, metrics) = (self.fga.served(), self.fga.metrics());
        Some(FgaService::counted(
            Arc::clone(served),
            access,
            Arc::clone(metrics),
        ))
    }

    fn build(
        loaded: &Loaded,
        clock: Arc<dyn Clock>,
        open: impl FnOnce(&Loaded, Arc<dyn Clock>, &mut Findings) -> Option<ResultCache>,
        stores: impl FnOnce(&Loaded, &Arc<dyn Clock>, &mut Findings) -> Option<FgaPlaces>,
    ) -> Result<Self, Report> {
        let mut findings = Findings::new();
        let client = client(loaded, &mut findings).map(Arc::new);
        let cache = open(loaded, Arc::clone(&clock), &mut findings);
        let tokens = client.as_ref().zip(loaded.server.as_ref());
        let tokens = tokens.and_then(|(client, server)| {
            let at = ConfigPath::root().key("server").key("tokens");
            TokenPlaces::open(&server.tokens, client, &clock, &at, &mut findings)
        });
        let fga = stores(loaded, &clock, &mut findings);
        let digests = digests(&mut findings);
        match (client, cache, tokens, fga.zip(digests)) {
            (Some(client), Some(cache), Some(tokens), Some((fga, digests))) => Ok(Self {
                classifiers: Arc::default(),
                digests,
                cache: Arc::new(cache),
                client,
                tokens: Arc::new(tokens),
                upstreams: Arc::default(),
                fga: Arc::new(fga),
                // What is wrong with them is told when the rest is compiled.
                certificates: certificates(loaded, &mut Findings::new()).map(CertificateStore::new),
                clock,
            }),
            _ => Err(diagnose::report(loaded, &Judged::general(findings))),
        }
    }
}

fn client(loaded: &Loaded, findings: &mut Findings) -> Option<Client> {
    let at = ConfigPath::root().key("server").key("backend");
    let (server, tls) = (loaded.server.as_ref()?, loaded.backend_tls.clone()?);
    Client::compile(&server.backend, tls, &at, findings)
}

/// Who may call the API of stores of relationships. `None` where it is not served, or with findings.
pub(crate) fn fga_access(
    server: &ServerSpec,
    tokens: &TokenPlaces,
    findings: &mut Findings,
) -> Option<Access> {
    let spec = server.fga.api.as_ref()?;
    let at = ConfigPath::root().key("server").key("fga").key("api");
    match (&spec.access, spec.open) {
        (None, true) => Some(Access::open()),
        (Some(access), false) => {
            let (keys, places) = (&tokens.keys, tokens.judged.clone());
            Access::compile(access, keys, places, &at.key("access"), findings)
        }
        (None, false) => {
            let message = "nobody could call the API";
            let found = Diagnostic::error(Code::MissingKey, &at.key("access"), message);
            findings.push(found.hint("list `keys` or `issuers`, or write `open: true`"));
            None
        }
        (Some(_), true) => {
            let message = "`open` lets everybody call, whatever `access` says";
            findings.push(Diagnostic::error(Code::Conflict, &at.key("open"), message));
            None
        }
    }
}

/// The certificates of the public listener. `None` without TLS, or when something is wrong, with
/// findings.
pub(crate) fn certificates(loaded: &Loaded, findings: &mut Findings) -> Option<Certificates> {
    let listen = &loaded.server.as_ref()?.listen;
    let (spec, material) = (listen.tls.as_ref()?, loaded.listen_tls.as_deref()?);
    let at = ConfigPath::root().key("server").key("listen").key("tls");
    Certificates::compile(spec, &listen.http2, material, &at, findings)
}

/// Who announces for whom they connect. `None` when nobody does, or with findings.
pub(crate) fn proxy_protocol(
    server: &ServerSpec,
    findings: &mut Findings,
) -> Option<ProxyProtocol> {
    let spec = server.listen.proxy_protocol.as_ref()?;
    let at = ConfigPath::root().key("server").key("listen");
    ProxyProtocol::compile(spec, &at.key("proxyProtocol"), findings)
}

/// Digests under a key that nobody knows.
fn digests(findings: &mut Findings) -> Option<Digests> {
    let mut key = [0; 32];
    let filled = aws_lc_rs::rand::fill(&mut key).map_err(|_| {
        let message = "the system gives no random numbers";
        Diagnostic::error(Code::InvalidValue, &ConfigPath::root(), message)
    });
    findings.keep(filled)?;
    Some(Digests::new(key))
}
