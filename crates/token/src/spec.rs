//! Issuers as written in the configuration.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_types::{DurationSpec, Secret};

use crate::profile::Profile;

/// An issuer whose tokens are accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IssuerSpec {
    /// The issuer, exactly as its tokens and its metadata write it; a trailing slash counts. For profile `spiffe` the trust domain, such as `spiffe://example.org`.
    pub issuer: String,
    /// Who we are: a token must name one of these in `aud`.
    pub audiences: Vec<String>,
    /// What its tokens must look like.
    pub profile: Profile,
    /// Algorithms accepted, such as `ES256`; without any, those of the profile that need no shared secret.
    pub algorithms: Vec<String>,
    /// Values of `typ` accepted, instead of those of the profile.
    pub types: Vec<String>,
    /// Claims that must be present beside those of the profile.
    pub required_claims: Vec<String>,
    /// Difference between clocks that is forgiven in `exp`, `nbf` and `iat`; at most 5 minutes.
    pub clock_skew: DurationSpec,
    /// Oldest token accepted, by its `iat`; without it, age does not matter.
    pub max_age: Option<DurationSpec>,
    /// Where its public keys come from. Without any key or address, from the address in its metadata (RFC 8414, `OpenID` Connect Discovery).
    pub jwks: JwksSpec,
    /// A secret shared with the issuer, instead of public keys.
    pub secret: Option<SharedSecretSpec>,
}

impl Default for IssuerSpec {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audiences: Vec::new(),
            profile: Profile::default(),
            algorithms: Vec::new(),
            types: Vec::new(),
            required_claims: Vec::new(),
            clock_skew: DurationSpec::new(Duration::from_secs(10)),
            max_age: None,
            jwks: JwksSpec::default(),
            secret: None,
        }
    }
}

/// Where the public keys of an issuer come from, and how long they serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JwksSpec {
    /// The keys themselves: a JWK set, a JWK or a PEM public key. Nothing is fetched then.
    pub keys: Option<String>,
    /// Address of the key set, instead of the one in the issuer's metadata.
    pub uri: Option<String>,
    /// Origins, such as `https://keys.example.net`, that the metadata may name beside that of the issuer.
    pub origins: Vec<String>,
    /// Longest time a set serves before it is fetched again; a reply may ask for less, down to 30 seconds. Between 30 seconds and 24 hours. Also the longest that a withdrawn key is believed while the issuer answers.
    pub refresh: DurationSpec,
    /// Least time between two fetches, whatever arrives: also how long a new key may be unknown, twice that where it was used before it was published.
    pub min_interval: DurationSpec,
    /// How long the last good set serves while the issuer cannot be reached.
    pub max_stale: DurationSpec,
    /// Longest time for one fetch.
    pub timeout: DurationSpec,
    /// Most bytes of a document.
    pub max_bytes: usize,
}

impl Default for JwksSpec {
    fn default() -> Self {
        Self {
            keys: None,
            uri: None,
            origins: Vec::new(),
            refresh: DurationSpec::new(Duration::from_mins(10)),
            // A rotation shall succeed within seconds; this bounds what a flood of unknown keys costs.
            min_interval: DurationSpec::new(Duration::from_secs(5)),
            max_stale: DurationSpec::new(Duration::from_hours(24)),
            timeout: DurationSpec::new(Duration::from_secs(5)),
            max_bytes: 256 * 1024,
        }
    }
}

/// A secret shared with an issuer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SharedSecretSpec {
    /// `HS256`, `HS384` or `HS512`.
    pub algorithm: String,
    /// The secret, at least as long as the hash: 32, 48 or 64 bytes.
    pub value: Secret<String>,
}

/// Accepted tokens that are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenCacheSpec {
    /// Most bytes in all; 0 remembers nothing.
    pub max_bytes: u64,
    /// Longest time before a token is verified again. Also the longest that a key withdrawn by its issuer is believed beyond `jwks.refresh`.
    pub max_age: DurationSpec,
}

impl Default for TokenCacheSpec {
    fn default() -> Self {
        Self {
            max_bytes: 32 * 1024 * 1024,
            max_age: DurationSpec::new(Duration::from_mins(5)),
        }
    }
}
