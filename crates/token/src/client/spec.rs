//! Who we are to authorization servers, and which tokens of ours upstreams want, as written in
//! the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::{DurationSpec, Secret};

/// Who we are to authorization servers: by a private key (`private_key_jwt`, RFC 7523), or by a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientIdentitySpec {
    /// Our client id, as registered.
    pub client_id: String,
    /// The private key: PEM (PKCS #8, PKCS #1 or SEC 1) or a JWK. Line ends may be written as `\n`.
    pub key: Option<Secret<String>>,
    /// File of the private key, instead of `key`. A changed file is used with the next assertion; keep the old key registered until then.
    pub key_file: Option<PathBuf>,
    /// A client secret (`client_secret_basic`, RFC 6749 section 2.3.1), instead of a key.
    pub secret: Option<Secret<String>>,
    /// What assertions are signed with, as registered. Without it: what the JWK names, the one algorithm of its curve, or `RS256`.
    pub algorithm: Option<String>,
    /// `kid` of assertions, instead of the one in the JWK.
    pub key_id: Option<String>,
    /// How long an assertion is good; between 1 second and 5 minutes.
    pub assertion_lifetime: DurationSpec,
    /// Whether assertions are of the type `client-authentication+jwt`; `false` for servers that refuse types they do not know.
    pub typed: bool,
}

impl Default for ClientIdentitySpec {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            key: None,
            key_file: None,
            secret: None,
            algorithm: None,
            key_id: None,
            assertion_lifetime: DurationSpec::new(Duration::from_mins(1)),
            typed: true,
        }
    }
}

/// The `Authorization` that requests carry to an upstream; exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpstreamCredentialSpec {
    /// `true`: none, whatever the upstream group says.
    pub none: bool,
    /// A token of our own (RFC 6749 section 4.4), the same for every request.
    pub client_credentials: Option<ClientCredentialsSpec>,
    /// A token obtained with the one that the client showed (RFC 8693), on its behalf. Requests without a verified token are answered with 503.
    pub exchange: Option<ExchangeSpec>,
}

impl UpstreamCredentialSpec {
    /// The key file that it names.
    pub fn key_file(&self) -> Option<&Path> {
        let own = self.client_credentials.as_ref().map(|own| &own.client);
        let client = own.or(self.exchange.as_ref().map(|own| &own.client));
        client?.as_ref()?.key_file.as_deref()
    }
}

/// A token of our own, renewed ahead of its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientCredentialsSpec {
    /// The authorization server, exactly as its metadata writes it: also the `aud` of our assertions.
    pub issuer: String,
    /// Address of its token endpoint, instead of the one in its metadata.
    pub token_endpoint: Option<String>,
    /// Origins, such as `https://login.example.net`, that the metadata may name beside that of the issuer.
    pub origins: Vec<String>,
    /// `audience`, as some servers want it.
    pub audience: Option<String>,
    /// `resource`, any number: absolute URIs (RFC 8707).
    pub resources: Vec<String>,
    /// `scope`; a server that grants more than asked is not believed.
    pub scopes: Vec<String>,
    /// Who we are to this server, instead of `server.clientAuth`.
    pub client: Option<ClientIdentitySpec>,
    /// Longest wait for the server.
    pub timeout: DurationSpec,
}

impl Default for ClientCredentialsSpec {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            token_endpoint: None,
            origins: Vec::new(),
            audience: None,
            resources: Vec::new(),
            scopes: Vec::new(),
            client: None,
            timeout: DurationSpec::new(Duration::from_secs(5)),
        }
    }
}

/// A token for the token of the client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExchangeSpec {
    /// The authorization server, exactly as its metadata writes it: also the `aud` of our assertions.
    pub issuer: String,
    /// Address of its token endpoint, instead of the one in its metadata.
    pub token_endpoint: Option<String>,
    /// Origins, such as `https://login.example.net`, that the metadata may name beside that of the issuer.
    pub origins: Vec<String>,
    /// `audience`: who the token is for. At least one of `audience` and `resources` is required.
    pub audience: Option<String>,
    /// `resource`, any number: absolute URIs (RFC 8707).
    pub resources: Vec<String>,
    /// `scope`; more than this is never used, even if granted.
    pub scopes: Vec<String>,
    /// Sends a token of our own as `actor_token`, so that the server writes us into `act`. Without it, the server knows us by our client authentication.
    pub actor: Option<ActorSpec>,
    /// Who we are to this server, instead of `server.clientAuth`.
    pub client: Option<ClientIdentitySpec>,
    /// Longest wait for the server.
    pub timeout: DurationSpec,
}

impl Default for ExchangeSpec {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            token_endpoint: None,
            origins: Vec::new(),
            audience: None,
            resources: Vec::new(),
            scopes: Vec::new(),
            actor: None,
            client: None,
            timeout: DurationSpec::new(Duration::from_secs(5)),
        }
    }
}

/// The token of our own that says who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ActorSpec {
    /// `audience` of that token.
    pub audience: Option<String>,
    /// `resource` of that token, any number.
    pub resources: Vec<String>,
    /// `scope` of that token.
    pub scopes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_written() {
        let spec: UpstreamCredentialSpec = serde_json::from_str(
            r#"{"exchange": {
                "issuer": "https://idp.example/", "tokenEndpoint": "https://idp.example/token",
                "origins": ["https://b.example"], "audience": "up", "resources": ["https://up.example/"],
                "scopes": ["read"], "actor": {"audience": "a", "resources": [], "scopes": ["act"]},
                "client": {
                    "clientId": "gw", "keyFile": "gw.pem", "algorithm": "PS256", "keyId": "1",
                    "assertionLifetime": "30s", "typed": false
                },
                "timeout": "2s"
            }}"#,
        )
        .unwrap();
        assert_eq!(spec.key_file(), Some(Path::new("gw.pem")));
        let exchange = spec.exchange.unwrap();
        assert_eq!(exchange.actor.unwrap().scopes, ["act"]);
        let spec: UpstreamCredentialSpec = serde_json::from_str(r#"{"none": true}"#).unwrap();
        assert_eq!((spec.none, spec.key_file()), (true, None));
        let wrong = r#"{"clientCredentials": {"issuer": "a", "scope": "b"}}"#;
        assert!(serde_json::from_str::<UpstreamCredentialSpec>(wrong).is_err());
    }
}
