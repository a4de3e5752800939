//! A remote store as written.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_token::client::ClientCredentialsSpec;
use ztag_types::{DurationSpec, Secret};

use crate::directory::OnOutage;

/// A store of a server that speaks the HTTP API of `OpenFGA`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RemoteSpec {
    /// URL of the server, such as `https://api.us1.fga.dev`.
    pub url: String,
    /// Id of the store there.
    pub store_id: String,
    /// Id of the model that questions are about. Without it the latest one: then a model that is
    /// written there changes what is decided here.
    pub model_id: Option<String>,
    /// What the server is shown; nothing without it.
    pub auth: Option<RemoteAuthSpec>,
    /// Longest wait for the answer to a question, waiting for others included.
    pub timeout: DurationSpec,
    /// Most checks that travel together. Where the server knows no batches, they travel alone.
    #[schemars(range(min = 1, max = 50))]
    pub max_batch: usize,
    /// How long answers are remembered.
    pub cache: RemoteCacheSpec,
    /// A copy of the store in this process, which answers in the server's stead.
    pub replica: Option<ReplicaSpec>,
    /// What it means that the server does not answer. It never means yes.
    pub fail_mode: FailMode,
}

impl Default for RemoteSpec {
    fn default() -> Self {
        Self {
            url: String::new(),
            store_id: String::new(),
            model_id: None,
            auth: None,
            timeout: DurationSpec::new(Duration::from_secs(2)),
            max_batch: 50,
            cache: RemoteCacheSpec::default(),
            replica: None,
            fail_mode: FailMode::default(),
        }
    }
}

impl RemoteSpec {
    /// The key file that it names.
    pub fn key_file(&self) -> Option<&Path> {
        let credentials = self.auth.as_ref()?.client_credentials.as_ref()?;
        credentials.client.as_ref()?.key_file.as_deref()
    }
}

/// What a server is shown; exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RemoteAuthSpec {
    /// A preshared key.
    pub token: Option<Secret<String>>,
    /// A token of our own (RFC 6749 section 4.4), asked for by a secret or a private key.
    pub client_credentials: Option<ClientCredentialsSpec>,
}

/// How long answers are remembered. What is taken away at the server may go on counting as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RemoteCacheSpec {
    /// How long a yes is remembered; `0` for not at all.
    pub ttl: DurationSpec,
    /// How long a no is remembered, at most as long as a yes; a quarter of that unless set.
    pub denial_ttl: Option<DurationSpec>,
    /// Most answers remembered.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_entries: usize,
}

impl Default for RemoteCacheSpec {
    fn default() -> Self {
        Self {
            ttl: DurationSpec::new(Duration::ZERO),
            denial_ttl: None,
            max_entries: 10_000,
        }
    }
}

/// A copy of a remote store, kept up by the changes that its server tells from the first one on: a
/// server that forgets old ones cannot be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReplicaSpec {
    /// How old the copy may be; then the server is asked again. What is taken away at the server may
    /// go on counting as long.
    pub max_staleness: DurationSpec,
    /// How often the server is asked what changed.
    pub every: DurationSpec,
    /// Most tuples of the copy; a larger store is asked for at its server.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_tuples: usize,
}

impl Default for ReplicaSpec {
    fn default() -> Self {
        Self {
            max_staleness: DurationSpec::new(Duration::from_secs(10)),
            every: DurationSpec::new(Duration::from_secs(1)),
            max_tuples: 1_000_000,
        }
    }
}

/// What an outage means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailMode {
    /// No decision was possible: the outcome `error`.
    #[default]
    Error,
    /// The answer is no: the outcome `fail`.
    Deny,
}

impl From<FailMode> for OnOutage {
    fn from(mode: FailMode) -> Self {
        match mode {
            FailMode::Error => Self::Error,
            FailMode::Deny => Self::Deny,
        }
    }
}
