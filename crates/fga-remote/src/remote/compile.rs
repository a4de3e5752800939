//! From spec to remote store.

use std::sync::Arc;

use http::HeaderValue;
use url::Url;
use ztag_backend::Client;
use ztag_token::client::{OutboundCredential, OutboundDeps, UpstreamCredentialSpec};
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings, Secret};

use super::RemoteStore;
use super::breaker::Breaker;
use super::desk::Desk;
use super::key::scope;
use super::line::{Credential, Line};
use super::memory::Memory;
use super::replica::Replica;
use super::spec::{RemoteAuthSpec, RemoteSpec};

/// Checks of one batch at the most.
const MAX_BATCH: usize = 50;
/// Characters of the id of a store or model.
const ID_LENGTH: usize = 26;

/// What compiling a remote store needs beside what is written.
#[derive(Clone, Copy, Debug)]
pub struct RemoteDeps<'a> {
    /// What calls the server.
    pub client: &'a Arc<Client>,
    /// Our own tokens.
    pub tokens: OutboundDeps<'a>,
    /// The time.
    pub clock: &'a Arc<dyn Clock>,
}

impl RemoteStore {
    /// The store that `spec`, standing at `at`, describes. Nothing is asked for here. `None` when
    /// something is wrong, with findings.
    pub fn compile(
        spec: &RemoteSpec,
        deps: RemoteDeps<'_>,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let base = base(spec, at, findings);
        let credential = credential(spec.auth.as_ref(), deps, at, findings);
        check_bounds(spec, at, findings);
        let (base, credential) = (base?, credential?);
        if findings.errors() > before {
            return None;
        }
        let scope = scope(&base, spec.model_id.as_deref());
        let line = Line {
            client: Arc::clone(deps.client),
            base,
            model: spec.model_id.as_deref().map(Box::from),
            credential,
            timeout: spec.timeout.get(),
            breaker: Breaker::default(),
            clock: Arc::clone(deps.clock),
        };
        let cache = &spec.cache;
        let denial_ttl = cache.denial_ttl.map(ztag_types::DurationSpec::get);
        let memory = Memory::new(
            cache.ttl.get(),
            denial_ttl.unwrap_or(cache.ttl.get() / 4),
            cache.max_entries,
        );
        let desk = Arc::new(Desk::new(line, memory, spec.max_batch));
        let replica = spec.replica.map(|own| {
            let line = Arc::clone(desk.line());
            let bounds = (own.max_staleness.get(), own.every.get(), own.max_tuples);
            Arc::new(Replica::new(line, Arc::clone(deps.clock), bounds))
        });
        Some(Self {
            desk,
            scope,
            replica,
            timeout: spec.timeout.get(),
            clock: Arc::clone(deps.clock),
        })
    }
}

/// Ids that are none, and numbers out of bounds.
fn check_bounds(spec: &RemoteSpec, at: &ConfigPath, findings: &mut Findings) {
    check_id(Some(&spec.store_id), &at.key("storeId"), findings);
    check_id(spec.model_id.as_ref(), &at.key("modelId"), findings);
    let mut refuse = |key: &str, message: &str| {
        let found = Diagnostic::error(Code::InvalidValue, &at.key(key), message);
        findings.push(found);
    };
    if spec.timeout.get().is_zero() {
        refuse(
            "timeout",
            "a time limit of zero lets no question be answered",
        );
    }
    if !(1..=MAX_BATCH).contains(&spec.max_batch) {
        refuse("maxBatch", "not between 1 and 50");
    }
    let cache = &spec.cache;
    if cache.max_entries == 0 {
        refuse(
            "cache",
            "`maxEntries` of 0 remembers nothing; leave out `ttl`",
        );
    }
    if cache
        .denial_ttl
        .is_some_and(|ttl| ttl.get() > cache.ttl.get())
    {
        refuse("cache", "`denialTtl` is longer than `ttl`");
    }
    if let Some(replica) = &spec.replica {
        if replica.every.get().is_zero() {
            refuse("replica", "`every` of 0 leaves the server no rest");
        }
        if replica.max_staleness.get() < replica.every.get() {
            refuse("replica", "`maxStaleness` is shorter than `every`");
        }
    }
}

/// The URL below which the calls of the store are.
fn base(spec: &RemoteSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Url> {
    let at = at.key("url");
    let text = spec.url.trim();
    if text.is_empty() {
        findings.push(Diagnostic::error(
            Code::MissingKey,
            &at,
            "a server needs a `url`",
        ));
        return None;
    }
    let refuse = |message: &str| Diagnostic::error(Code::InvalidUrl, &at, message);
    let parsed = match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
            Err(refuse("a server is called by `http` or `https`"))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err(refuse("a URL must not hold credentials").hint("write them below `auth`"))
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            Err(refuse("the URL of a server has neither query nor fragment"))
        }
        Ok(url) => Ok(url),
        Err(_) => Err(refuse("this is not an absolute URL")),
    };
    let mut url = findings.keep(parsed)?;
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(["stores", spec.store_id.as_str()]);
    Some(url)
}

fn credential(
    spec: Option<&RemoteAuthSpec>,
    deps: RemoteDeps<'_>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Credential> {
    let Some(spec) = spec else {
        return Some(Credential::None);
    };
    let at = at.key("auth");
    match (&spec.token, &spec.client_credentials) {
        (Some(token), None) => {
            let value = bearer(token).ok_or_else(|| {
                let message = "a key is made of visible ASCII characters";
                Diagnostic::error(Code::InvalidValue, &at.key("token"), message)
            });
            findings.keep(value).map(Credential::Key)
        }
        (None, Some(own)) => {
            let spec = UpstreamCredentialSpec {
                client_credentials: Some(own.clone()),
                ..UpstreamCredentialSpec::default()
            };
            OutboundCredential::compile(&spec, deps.tokens, &at, findings).map(Credential::Own)
        }
        (Some(_), Some(_)) => {
            let message = "`token` and `clientCredentials` exclude each other";
            findings.push(Diagnostic::error(Code::Conflict, &at, message));
            None
        }
        (None, None) => {
            let message = "one of `token` and `clientCredentials` is required";
            findings.push(Diagnostic::error(Code::MissingKey, &at, message));
            None
        }
    }
}

fn bearer(token: &Secret<String>) -> Option<HeaderValue> {
    let text = token.expose();
    if text.is_empty() || text.contains(|c: char| !c.is_ascii_graphic()) {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn check_id(id: Option<&String>, at: &ConfigPath, findings: &mut Findings) {
    let Some(id) = id else {
        return;
    };
    let is_good = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    if id.len() != ID_LENGTH || !id.chars().all(is_good) {
        let message = format!("`{id}` is not a ULID");
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
}
