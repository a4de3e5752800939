//! Authentication and proxy trust as written in the configuration of an endpoint.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::forwarded::{CertificateFormat, Dialect};

/// What [`crate::Admission::compile`] takes: two sections of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdmissionSpec {
    /// Which credentials are accepted, and what is answered without them.
    pub authentication: AuthenticationSpec,
    /// Which proxies are believed, and what they are asked to say.
    pub forward_proxy_policy: ForwardProxySpec,
}

/// Which credentials an endpoint accepts, and what it answers without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthenticationSpec {
    /// Whether a request without an allowed credential is turned away.
    pub required: bool,
    /// Where credentials may stand. At least one source must be named.
    pub allow: AllowSpec,
    /// The challenge of the 401 answer (RFC 9110, section 11.6.1).
    pub challenge: Option<ChallengeSpec>,
    /// The answer to a request without credentials.
    pub response: AdmissionResponseSpec,
}

impl Default for AuthenticationSpec {
    fn default() -> Self {
        Self {
            required: true,
            allow: AllowSpec::default(),
            challenge: None,
            response: AdmissionResponseSpec::default(),
        }
    }
}

/// Where credentials may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AllowSpec {
    /// Schemes of the `Authorization` header: `basic` (RFC 7617), `bearer` (RFC 6750).
    #[schemars(schema_with = "schemes")]
    pub authorization: Vec<String>,
    /// Names of header fields that are credentials, such as `x-api-key`.
    pub header: Vec<String>,
    /// Names of query parameters that are credentials. Case counts. A query ends up in logs:
    /// prefer a header.
    pub query: Vec<String>,
    /// Issuers, by their names under `issuers`, whose signed tokens (RFC 7519) are accepted as
    /// `Authorization: Bearer` or, bound to a proof key (RFC 9449), as `Authorization: DPoP`. Each
    /// is verified; one that is refused turns the request away.
    pub jwt: Vec<String>,
    /// Names under `introspection`: these are asked, in order, about tokens that no issuer under
    /// `jwt` has signed (RFC 7662).
    pub introspection: Vec<String>,
    /// TLS client certificates that are a credential.
    pub client_certificate: Option<ClientCertificateSpec>,
    /// Whether anonymous requests are admitted. Rules of such an endpoint cache nothing.
    pub none: bool,
}

/// Which client certificates are a credential: one entry of every list given must fit. Entries are
/// exact texts, or `/regex/` for the whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientCertificateSpec {
    /// SPIFFE ids, such as `spiffe://example.org/ns/prod/sa/billing`.
    pub spiffe_ids: Vec<String>,
    /// DNS names of the certificate, lower case; one of them must fit.
    pub dns: Vec<String>,
    /// Subjects as RFC 4514 writes them, such as `CN=billing,O=Example`.
    pub subjects: Vec<String>,
    /// SHA-256 fingerprints: hexadecimal, with or without colons, or base64url (`x5t#S256`).
    pub fingerprints: Vec<String>,
    /// Whether every certificate that the listener or the trusted proxy verified will do.
    pub any: bool,
}

/// A challenge telling the client how to authenticate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChallengeSpec {
    /// The scheme: `basic` or `bearer`.
    #[serde(rename = "type")]
    #[schemars(schema_with = "scheme")]
    pub kind: String,
    /// The realm shown to the user.
    pub realm: String,
    /// The character set of user name and password: `UTF-8`, with `basic` only.
    pub charset: Option<String>,
}

/// The answer of admission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdmissionResponseSpec {
    /// The status to answer instead of 401: 300 to 599.
    #[schemars(range(min = 300, max = 599))]
    pub status: Option<u16>,
    /// Header fields to send, literally. `WWW-Authenticate` replaces the challenge.
    pub headers: BTreeMap<String, String>,
    /// The body, a template.
    pub body: Option<String>,
    /// The body, a template file inside the templates folder. `body` wins.
    pub body_file: Option<String>,
}

/// Which proxies are believed, and what they are asked to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForwardProxySpec {
    /// How the proxy describes the original request. Never guessed from the headers present.
    pub dialect: Dialect,
    /// Addresses and networks of the proxies that are believed, such as `10.0.0.0/8` or `::1`.
    /// Nobody is believed unless listed, loopback included.
    #[serde(rename = "trustedProxyIPs")]
    pub trusted_proxy_ips: Vec<String>,
    /// Whether words of untrusted proxies are dropped instead of refused. Never in production.
    pub development_mode: bool,
    /// The client is the n-th address of the forwarding chain, counted from the right. Without
    /// it, it is the leftmost one, and every other must be a trusted proxy.
    pub hops: Option<NonZeroU8>,
    /// Whether a path may hold `;` parameters (RFC 3986, section 3.3), which servers read in
    /// different ways.
    pub allow_path_parameters: bool,
    /// What becomes of a request with words of a proxy, such as `X-Forwarded-For`, from a peer that
    /// is not trusted: `refuse` it, or `drop` the words. To drop is for a gateway that faces
    /// clients (dialect `direct`).
    pub untrusted: Untrusted,
    /// Where a trusted proxy that terminates TLS says which certificate its client proved to hold.
    pub client_certificate: Option<CertificateHeaderSpec>,
    /// Whether `X-HTTP-Method-Override` and the like are let through to the backend, where they
    /// may change the method that was judged.
    pub allow_method_override: bool,
}

/// What becomes of words of a proxy that is not trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Untrusted {
    /// The request is refused.
    #[default]
    Refuse,
    /// The words are dropped, the request is judged as its peer's own.
    Drop,
}

/// The header field in which a trusted proxy passes the client's certificate on. Nobody else may
/// send it, and neither rules nor backends see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateHeaderSpec {
    /// Name of the field, such as `client-cert`.
    pub header: String,
    /// How the certificate is written: `client-cert` (RFC 9440), `pem-urlencoded` (nginx
    /// `$ssl_client_escaped_cert`, Traefik `X-Forwarded-Tls-Client-Cert`) or `xfcc` (the `Cert` of
    /// Envoy's `X-Forwarded-Client-Cert`).
    pub format: CertificateFormat,
}

const SCHEMES: [&str; 2] = ["basic", "bearer"];

fn scheme(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": SCHEMES })
}

fn schemes(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": scheme(generator) })
}
