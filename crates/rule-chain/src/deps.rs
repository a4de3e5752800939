//! What a rule is compiled against: the endpoint it serves, and the places it uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ztag_ai_security::guardrail::Guardrail;
use ztag_backend::Client;
use ztag_expr::TemplateFiles;
use ztag_fga_remote::Directory;
use ztag_result_cache::{Fingerprint, Namespace, ResultCache};
use ztag_types::{Clock, Reads, RuleName};

/// What the rules of one endpoint have in common.
#[derive(Clone, Debug, Default)]
pub struct EndpointFacts {
    /// Names of the endpoint's variables.
    pub variables: BTreeSet<String>,
    /// Names of `variables.environment`.
    pub environment: BTreeSet<String>,
    /// Names of `variables.secrets`.
    pub secrets: BTreeSet<String>,
    /// What the endpoint admits.
    pub admitted: AdmittedNames,
    /// Whether the endpoint lets rules forward proxy headers.
    pub forward_proxy_headers: bool,
    /// The header that carries the correlation id to backends.
    pub correlation: Option<HeaderName>,
    /// What the endpoint's replies read. A remembered verdict keeps what is below `backend`.
    pub response_reads: Reads,
}

/// The credentials that an endpoint admits.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each kind of credential, independent of the others"
)]
pub struct AdmittedNames {
    /// Basic credentials.
    pub basic: bool,
    /// Bearer tokens.
    pub bearer: bool,
    /// Header fields, lower case.
    pub headers: BTreeSet<String>,
    /// Query parameters.
    pub queries: BTreeSet<String>,
    /// Identifiers of the issuers whose signed tokens are admitted.
    pub jwt: BTreeSet<String>,
    /// Identifiers of the issuers that are asked about tokens.
    pub introspection: BTreeSet<String>,
    /// Client certificates.
    pub certificate: bool,
    /// Nobody in particular.
    pub none: bool,
}

/// A rule that stands earlier in the chain.
#[derive(Clone, Debug)]
pub struct EarlierRule {
    /// Its name.
    pub name: RuleName,
    /// What it exports on a pass, the only outcome after which the chain goes on.
    pub exports: BTreeSet<String>,
    /// Whether it masks the body.
    pub masks: bool,
}

/// Everything a rule needs beside its spec.
#[derive(Clone, Debug)]
pub struct RuleDeps<'a> {
    /// The endpoint.
    pub endpoint: &'a EndpointFacts,
    /// The rules before this one, in order.
    pub earlier: &'a [EarlierRule],
    /// The template folder.
    pub templates: &'a TemplateFiles,
    /// What calls the backend: the client of the server, or one of the rule's own where
    /// `backendApi.tls` is set.
    pub client: Arc<Client>,
    /// The stores of relationships.
    pub stores: &'a Directory,
    /// The guardrails.
    pub guardrails: &'a ztag_types::Directory<Arc<Guardrail>>,
    /// The cache; none where the endpoint admits anybody, since such verdicts are not remembered.
    pub cache: Option<CacheDeps>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Where and under what keys verdicts are remembered.
#[derive(Clone, Debug)]
pub struct CacheDeps {
    /// The cache.
    pub cache: Arc<ResultCache>,
    /// What keeps this deployment's keys apart.
    pub namespace: Namespace,
    /// Stands for the configuration of the endpoint, its rules and the server's variables.
    pub fingerprint: Fingerprint,
    /// No verdict is remembered longer than any of these.
    pub ceilings: Vec<Duration>,
}
