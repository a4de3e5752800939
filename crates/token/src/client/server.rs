//! An authorization server as configured: its name, where it is called, and who we are there.

use std::sync::Arc;
use std::time::Duration;

use url::Url;
use ztag_backend::Client;
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings};

use crate::client::address::{Address, Sought};
use crate::client::assertion::Authentication;
use crate::client::identity::{ClientIdentity, KeyFiles};
use crate::client::spec::{ClientCredentialsSpec, ClientIdentitySpec, ExchangeSpec};
use crate::compile::{callable, origins};
use crate::introspect::IntrospectionSpec;

/// Longest wait for a server that may be configured.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// What every section says that speaks of an authorization server.
#[derive(Clone, Copy)]
pub(crate) struct ServerSpec<'a> {
    pub(crate) issuer: &'a str,
    /// The address, and the key under which it stands.
    pub(crate) endpoint: Option<&'a String>,
    pub(crate) endpoint_key: &'static str,
    /// Where the metadata names the address otherwise.
    pub(crate) member: &'static str,
    pub(crate) origins: &'a [String],
    pub(crate) client: Option<&'a ClientIdentitySpec>,
    pub(crate) timeout: Duration,
}

impl<'a> From<&'a ClientCredentialsSpec> for ServerSpec<'a> {
    fn from(spec: &'a ClientCredentialsSpec) -> Self {
        Self {
            issuer: &spec.issuer,
            endpoint: spec.token_endpoint.as_ref(),
            endpoint_key: "tokenEndpoint",
            member: "token_endpoint",
            origins: &spec.origins,
            client: spec.client.as_ref(),
            timeout: spec.timeout.get(),
        }
    }
}

impl<'a> From<&'a ExchangeSpec> for ServerSpec<'a> {
    fn from(spec: &'a ExchangeSpec) -> Self {
        Self {
            issuer: &spec.issuer,
            endpoint: spec.token_endpoint.as_ref(),
            endpoint_key: "tokenEndpoint",
            member: "token_endpoint",
            origins: &spec.origins,
            client: spec.client.as_ref(),
            timeout: spec.timeout.get(),
        }
    }
}

impl<'a> From<&'a IntrospectionSpec> for ServerSpec<'a> {
    fn from(spec: &'a IntrospectionSpec) -> Self {
        Self {
            issuer: &spec.issuer,
            endpoint: spec.endpoint.as_ref(),
            endpoint_key: "endpoint",
            member: "introspection_endpoint",
            origins: &spec.origins,
            client: spec.client.as_ref(),
            timeout: spec.timeout.get(),
        }
    }
}

/// Who we are, wherever a section does not say it itself.
#[derive(Clone, Copy)]
pub(crate) struct Identities<'a> {
    pub(crate) default: Option<&'a ClientIdentity>,
    pub(crate) files: &'a KeyFiles,
}

/// An authorization server: what makes it another than the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) issuer: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) client_id: String,
}

/// Where it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    At(Url),
    Sought(Sought),
}

impl Server {
    /// The server, and how we show ourselves there. `None` when something is wrong, with findings.
    pub(crate) fn compile(
        spec: ServerSpec<'_>,
        identities: Identities<'_>,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<(Self, Authentication)> {
        let before = findings.errors();
        if spec.timeout.is_zero() || spec.timeout > MAX_TIMEOUT {
            let message = "`timeout` is not between 1 millisecond and 60 seconds";
            let at = at.key("timeout");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
        let endpoint = endpoint(spec, at, findings);
        let identity = identity(spec, identities, at, findings);
        let (endpoint, identity) = (endpoint?, identity?);
        identity.check_size(spec.issuer, at, findings);
        let server = Self {
            issuer: spec.issuer.to_owned(),
            endpoint,
            client_id: identity.id().to_owned(),
        };
        (findings.errors() == before).then(|| (server, identity.towards(spec.issuer)))
    }

    /// Where it is called, looked up by `client` where that is needed.
    pub(crate) fn address(
        &self,
        client: &Arc<Client>,
        clock: &Arc<dyn Clock>,
        timeout: Duration,
    ) -> Address {
        match &self.endpoint {
            Endpoint::At(url) => Address::from(url.clone()),
            Endpoint::Sought(sought) => Address::discovered(
                sought.clone(),
                Arc::clone(client),
                Arc::clone(clock),
                timeout,
            ),
        }
    }
}

fn endpoint(spec: ServerSpec<'_>, at: &ConfigPath, findings: &mut Findings) -> Option<Endpoint> {
    let issuer = at.key("issuer");
    if spec.issuer.is_empty() {
        let message = "`issuer` is required";
        findings.push(Diagnostic::error(Code::MissingKey, &issuer, message));
        return None;
    }
    if let Some(address) = spec.endpoint {
        return callable(address, &at.key(spec.endpoint_key), findings).map(Endpoint::At);
    }
    let url = callable(spec.issuer, &issuer, findings);
    let origins = origins(spec.origins, &at.key("origins"), findings);
    Some(Endpoint::Sought(Sought {
        name: spec.issuer.to_owned(),
        issuer: url?,
        member: spec.member,
        origins: origins?,
    }))
}

fn identity(
    spec: ServerSpec<'_>,
    identities: Identities<'_>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<ClientIdentity> {
    let at = at.key("client");
    if let Some(own) = spec.client {
        return ClientIdentity::compile(own, identities.files, &at, findings);
    }
    let default = identities.default.cloned();
    if default.is_none() {
        let message = "who are we to this server?";
        let found = Diagnostic::error(Code::MissingKey, &at, message);
        findings.push(found.hint("write `client` here or `server.clientAuth`"));
    }
    default
}
