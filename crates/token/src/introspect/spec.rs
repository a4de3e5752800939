//! Introspection as written in the configuration.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::DurationSpec;

use crate::client::ClientIdentitySpec;
use crate::spec::JwksSpec;

/// An issuer that is asked about its opaque tokens (RFC 7662).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IntrospectionSpec {
    /// The issuer, exactly as its metadata writes it: an `iss` in its answers must be this, and so must be the `aud` of our assertions.
    pub issuer: String,
    /// Where it is asked, instead of the address in its metadata.
    pub endpoint: Option<String>,
    /// Origins, such as `https://login.example.net`, that the metadata may name beside that of the issuer.
    pub origins: Vec<String>,
    /// Who we are: an answer must name one of these in `aud`.
    pub audiences: Vec<String>,
    /// Whether answers without `aud` are taken as meant for us.
    pub allow_no_audience: bool,
    /// Answers must be signed (RFC 9701) with these keys; `{}` for those that the metadata names. Without it, TLS alone vouches for them.
    pub jwks: Option<JwksSpec>,
    /// Who we are to this server, instead of `server.clientAuth`.
    pub client: Option<ClientIdentitySpec>,
    /// Longest wait for an answer; without one the request is answered with 503.
    pub timeout: DurationSpec,
    /// Longest time before the issuer is asked again about an active token: how late a revocation is noticed. Between 1 second and 1 hour.
    pub max_age: DurationSpec,
    /// The same about a token that is not active; at most 1 hour.
    pub max_age_inactive: DurationSpec,
}

impl Default for IntrospectionSpec {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            endpoint: None,
            origins: Vec::new(),
            audiences: Vec::new(),
            allow_no_audience: false,
            jwks: None,
            client: None,
            timeout: DurationSpec::new(Duration::from_secs(5)),
            max_age: DurationSpec::new(Duration::from_mins(1)),
            max_age_inactive: DurationSpec::new(Duration::from_secs(10)),
        }
    }
}

impl IntrospectionSpec {
    /// The key file that it names.
    pub fn key_file(&self) -> Option<&Path> {
        self.client.as_ref()?.key_file.as_deref()
    }
}
