//! From credentials as written to credentials that are sent.

use std::sync::Arc;
use std::time::Duration;

use url::Url;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::client::assertion::Authentication;
use crate::client::credentials::{ClientCredentials, CredentialsRequest};
use crate::client::endpoint::TokenEndpoint;
use crate::client::exchange::TokenExchange;
use crate::client::outbound::{Delegation, OutboundCredential, OutboundDeps};
use crate::client::server::{Identities, Server, ServerSpec};
use crate::client::spec::{ClientCredentialsSpec, ExchangeSpec, UpstreamCredentialSpec};

impl OutboundCredential {
    /// The credential that `spec`, standing at `at`, describes; its tokens live in the stores of
    /// `deps`. Nothing is asked for here. `None` when something is wrong, with findings.
    pub fn compile(
        spec: &UpstreamCredentialSpec,
        deps: OutboundDeps<'_>,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let compiler = Compiler { deps, at, findings };
        match (spec.none, &spec.client_credentials, &spec.exchange) {
            (true, None, None) => Some(Self::NONE),
            (false, Some(own), None) => compiler.own(own),
            (false, None, Some(exchange)) => compiler.exchange(exchange),
            (false, None, None) => {
                let message = "one of `none`, `clientCredentials` and `exchange` is required";
                findings.push(Diagnostic::error(Code::MissingKey, at, message));
                None
            }
            _ => {
                let message = "`none`, `clientCredentials` and `exchange` exclude each other";
                findings.push(Diagnostic::error(Code::Conflict, at, message));
                None
            }
        }
    }
}

struct Compiler<'a, 'f> {
    deps: OutboundDeps<'a>,
    at: &'a ConfigPath,
    findings: &'f mut Findings,
}

impl Compiler<'_, '_> {
    fn own(mut self, spec: &ClientCredentialsSpec) -> Option<OutboundCredential> {
        let at = self.at.key("clientCredentials");
        let before = self.findings.errors();
        let request = self.request(spec.audience.as_ref(), &spec.resources, &spec.scopes, &at);
        let (server, authentication) = self.server(spec.into(), &at)?;
        if self.findings.errors() > before {
            return None;
        }
        let timeout = spec.timeout.get();
        let own = self.credentials(&server, authentication, request, timeout);
        Some(OutboundCredential::own(own))
    }

    fn exchange(mut self, spec: &ExchangeSpec) -> Option<OutboundCredential> {
        let at = self.at.key("exchange");
        let before = self.findings.errors();
        if spec.audience.is_none() && spec.resources.is_empty() {
            let message = "one of `audience` and `resources` is required: without a target, the \
                           server chooses whom the token opens";
            let found = Diagnostic::error(Code::MissingKey, &at, message);
            self.findings.push(found);
        }
        let wanted = self.request(spec.audience.as_ref(), &spec.resources, &spec.scopes, &at);
        let actor = spec.actor.as_ref().map(|actor| {
            let at = at.key("actor");
            self.request(
                actor.audience.as_ref(),
                &actor.resources,
                &actor.scopes,
                &at,
            )
        });
        let (server, authentication) = self.server(spec.into(), &at)?;
        if self.findings.errors() > before {
            return None;
        }
        let timeout = spec.timeout.get();
        let actor = actor
            .map(|request| self.credentials(&server, authentication.clone(), request, timeout));
        let endpoint = self.endpoint(&server, authentication, timeout);
        let place = self.deps.stores.exchanged(&server);
        Some(OutboundCredential::exchange(Delegation {
            exchange: TokenExchange::with_place(endpoint, place),
            actor,
            audiences: wanted.audience.into_iter().collect(),
            resources: wanted.resources,
            scope: wanted.scope,
        }))
    }

    fn request(
        &mut self,
        audience: Option<&String>,
        resources: &[String],
        scopes: &[String],
        at: &ConfigPath,
    ) -> CredentialsRequest {
        check_resources(resources, at, self.findings);
        check_scopes(scopes, at, self.findings);
        CredentialsRequest {
            scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
            resources: resources.to_vec(),
            audience: audience.cloned(),
        }
    }

    fn server(
        &mut self,
        spec: ServerSpec<'_>,
        at: &ConfigPath,
    ) -> Option<(Server, Authentication)> {
        let identities = Identities {
            default: self.deps.identity,
            files: self.deps.files,
        };
        Server::compile(spec, identities, at, self.findings)
    }

    fn credentials(
        &self,
        server: &Server,
        authentication: Authentication,
        request: CredentialsRequest,
        timeout: Duration,
    ) -> Arc<ClientCredentials> {
        let place = self.deps.stores.own(server, &request);
        let endpoint = self.endpoint(server, authentication, timeout);
        ClientCredentials::with_place(endpoint, request, place)
    }

    fn endpoint(
        &self,
        server: &Server,
        authentication: Authentication,
        timeout: Duration,
    ) -> TokenEndpoint {
        let stores = self.deps.stores;
        TokenEndpoint {
            address: server.address(&stores.client, &stores.clock, timeout),
            authentication,
            timeout,
            client: Arc::clone(&stores.client),
            clock: Arc::clone(&stores.clock),
        }
    }
}

/// Each is a `scope-token` (RFC 6749 section 3.3).
fn check_scopes(scopes: &[String], at: &ConfigPath, findings: &mut Findings) {
    let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    for (index, scope) in scopes.iter().enumerate() {
        if scope.is_empty() || !scope.bytes().all(legal) {
            let message = format!("`{scope}` is not a scope");
            let at = at.key("scopes").index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
    }
}

/// Each is an absolute URI without fragment (RFC 8707 section 2).
fn check_resources(resources: &[String], at: &ConfigPath, findings: &mut Findings) {
    for (index, resource) in resources.iter().enumerate() {
        if Url::parse(resource).is_ok_and(|url| url.fragment().is_none()) {
            continue;
        }
        let message = format!("`{resource}` is not an absolute URI without fragment");
        let at = at.key("resources").index(index);
        findings.push(Diagnostic::error(Code::InvalidUrl, &at, message));
    }
}
