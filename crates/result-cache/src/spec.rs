//! Configuration as written: `server.cache`, `rules.<name>.cache` and `endpoints.<name>.cache`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use ztag_types::{DurationSpec, Secret};

use crate::key::Namespace;

/// Longest life of a verdict when `ttlSeconds` is 0 or absent.
const DEFAULT_CEILING_SECONDS: u64 = 30;

/// Where verdicts are kept, and the ceiling of every lifetime.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CacheSpec {
    /// Where verdicts are kept.
    pub backend: CacheBackend,
    /// Ceiling of every lifetime, in seconds; 0 means 30.
    pub ttl_seconds: u64,
    /// Mixed into every key, so that nobody without it can compute one. Replicas that share a Redis need the same salt.
    pub key_salt: Secret<String>,
    /// Part of every key: counting it up forgets everything remembered so far.
    pub epoch: u64,
    /// Limits of the memory backend.
    pub memory: MemorySpec,
    /// Where Redis or Valkey is.
    pub redis: RedisSpec,
}

impl Default for CacheSpec {
    fn default() -> Self {
        Self {
            backend: CacheBackend::Memory,
            ttl_seconds: DEFAULT_CEILING_SECONDS,
            key_salt: Secret::default(),
            epoch: 1,
            memory: MemorySpec::default(),
            redis: RedisSpec::default(),
        }
    }
}

impl CacheSpec {
    /// The ceiling of every lifetime.
    pub const fn ceiling(&self) -> Duration {
        let seconds = match self.ttl_seconds {
            0 => DEFAULT_CEILING_SECONDS,
            seconds => seconds,
        };
        Duration::from_secs(seconds)
    }

    /// What keeps the keys of this deployment apart from those of others.
    pub fn namespace(&self) -> Namespace {
        Namespace::new(self.key_salt.expose(), self.epoch)
    }
}

/// Where verdicts are kept. Letter case does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheBackend {
    /// In this process.
    #[default]
    Memory,
    /// In Redis or Valkey, shared between replicas.
    Redis,
}

impl<'de> Deserialize<'de> for CacheBackend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("memory") {
            Ok(Self::Memory)
        } else if text.eq_ignore_ascii_case("redis") {
            Ok(Self::Redis)
        } else {
            Err(serde::de::Error::unknown_variant(
                &text,
                &["memory", "redis"],
            ))
        }
    }
}

impl JsonSchema for CacheBackend {
    fn schema_name() -> Cow<'static, str> {
        "CacheBackend".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([Mm][Ee][Mm][Oo][Rr][Yy]|[Rr][Ee][Dd][Ii][Ss])$",
            "description": "Where verdicts are kept: `memory` or `redis`. Letter case does not matter.",
            "examples": ["memory", "redis"],
            "default": "memory",
        })
    }
}

/// Limits of the memory backend; the least recently useful verdicts make room for new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MemorySpec {
    /// Most bytes all verdicts together take, overhead included.
    #[schemars(range(min = 65_536))]
    pub max_bytes: u64,
    /// Most verdicts kept.
    #[schemars(range(min = 1))]
    pub max_entries: u64,
}

impl Default for MemorySpec {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_entries: 100_000,
        }
    }
}

/// Where Redis or Valkey is, and how long to wait for it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RedisSpec {
    /// `host:port`; the port may be left out (6379). Required with `backend: redis`.
    pub address: String,
    /// User name for `AUTH`; the default user when empty.
    pub username: String,
    /// Password for `AUTH`; no `AUTH` when empty.
    pub password: Secret<String>,
    /// Number of the database.
    pub db: u32,
    /// TLS towards Redis.
    pub tls: RedisTlsSpec,
    /// Longest wait for one answer; after it the cache counts as unavailable.
    pub timeout: DurationSpec,
    /// Longest wait for a connection, in the background.
    pub connect_timeout: DurationSpec,
}

impl Default for RedisSpec {
    fn default() -> Self {
        Self {
            address: String::new(),
            username: String::new(),
            password: Secret::default(),
            db: 0,
            tls: RedisTlsSpec::default(),
            timeout: DurationSpec::new(Duration::from_millis(5)),
            connect_timeout: DurationSpec::new(Duration::from_secs(2)),
        }
    }
}

/// TLS towards Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RedisTlsSpec {
    /// Whether to speak TLS.
    pub enabled: bool,
    /// PEM file of the certificate authorities to trust; those of the system when empty.
    pub ca_file: String,
}

/// Whether and how long a rule's verdict is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleCacheSpec {
    /// How long each outcome is remembered.
    pub ttl: TtlSpec,
    /// Whether the backend's `Cache-Control` outranks `ttl`.
    pub follow_cache_control: bool,
    /// Whether everything that earlier rules exported is part of the key, read or not.
    pub strict: bool,
    /// Whether the proxy headers sent to the backend are part of the key.
    pub include_proxy_headers: bool,
}

impl Default for RuleCacheSpec {
    fn default() -> Self {
        Self {
            ttl: TtlSpec::default(),
            follow_cache_control: false,
            strict: true,
            include_proxy_headers: true,
        }
    }
}

/// How long each outcome is remembered; absent or `0` means not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TtlSpec {
    /// For `pass`.
    pub pass: Option<DurationSpec>,
    /// For `fail`.
    pub fail: Option<DurationSpec>,
    /// Accepted and without effect: an error is never remembered.
    pub error: Option<DurationSpec>,
}

/// Whether and how long an endpoint's verdict is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EndpointCacheSpec {
    /// How long the verdict of the whole chain is remembered; absent or `0` means not at all. A ceiling for the endpoint's rules, too.
    #[serde(rename = "resultTTL")]
    pub result_ttl: Option<DurationSpec>,
}
