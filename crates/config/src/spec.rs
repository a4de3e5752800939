//! The configuration as written.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_admission::{AuthenticationSpec, ForwardProxySpec};
use ztag_ai_security::guardrail::GuardrailSpec;
use ztag_backend::ClientSpec;
use ztag_endpoint_vars::EndpointVarsSpec;
use ztag_forward_policy::ForwardPolicySpec;
use ztag_proxy::{RouteSpec, UpstreamSpec};
use ztag_response_policy::ResponsePolicySpec;
use ztag_result_cache::{CacheSpec, EndpointCacheSpec};
use ztag_rule_chain::RuleSpec;
use ztag_server::{AdminSpec, LimitsSpec, ListenSpec};
use ztag_telemetry::LoggingSpec;
use ztag_token::client::ClientIdentitySpec;
use ztag_token::{IntrospectionSpec, IssuerSpec, TokenCacheSpec};
use ztag_types::{DurationSpec, Secret};

use crate::fga_spec::{FgaServerSpec, FgaStoreSpec};

/// The main document: how the server runs, which endpoints decide, by which rules.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(title = "ZTAG configuration")]
pub struct DocumentSpec {
    /// How the server runs. A change takes effect with a restart.
    pub server: ServerSpec,
    /// The endpoints by name. Names are compared without letter case.
    pub endpoints: BTreeMap<String, EndpointSpec>,
    /// The rules by name.
    pub rules: BTreeMap<String, RuleSpec>,
    /// The issuers whose tokens endpoints may accept, by name.
    pub issuers: BTreeMap<String, IssuerSpec>,
    /// The issuers that are asked about opaque tokens, by name.
    pub introspection: BTreeMap<String, IntrospectionSpec>,
    /// Which requests a gateway sends where, by name.
    pub routes: BTreeMap<String, RouteSpec>,
    /// The groups of servers that routes lead to, by name.
    pub upstreams: BTreeMap<String, UpstreamSpec>,
    /// The stores of relationships that rules may ask, by name.
    pub fga_stores: BTreeMap<String, FgaStoreSpec>,
    /// What is looked for in texts on their way to and from models, tools and agents, by name.
    pub guardrails: BTreeMap<String, GuardrailSpec>,
}

/// A document of the rules folder: every section of the main document but `server`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(title = "ZTAG rules document")]
pub struct RulesDocumentSpec {
    /// The endpoints by name. Names are compared without letter case.
    pub endpoints: BTreeMap<String, EndpointSpec>,
    /// The rules by name.
    pub rules: BTreeMap<String, RuleSpec>,
    /// The issuers whose tokens endpoints may accept, by name.
    pub issuers: BTreeMap<String, IssuerSpec>,
    /// The issuers that are asked about opaque tokens, by name.
    pub introspection: BTreeMap<String, IntrospectionSpec>,
    /// Which requests a gateway sends where, by name.
    pub routes: BTreeMap<String, RouteSpec>,
    /// The groups of servers that routes lead to, by name.
    pub upstreams: BTreeMap<String, UpstreamSpec>,
    /// The stores of relationships that rules may ask, by name.
    pub fga_stores: BTreeMap<String, FgaStoreSpec>,
    /// What is looked for in texts on their way to and from models, tools and agents, by name.
    pub guardrails: BTreeMap<String, GuardrailSpec>,
}

/// How the server runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServerSpec {
    /// The public listener: clients of a gateway connect here, proxies that ask forward-auth do.
    pub listen: ListenSpec,
    /// The listener for metrics, health details and explanations.
    pub admin: AdminSpec,
    /// What is logged, and how.
    pub logging: LoggingSpec,
    /// What one client may take.
    pub limits: LimitsSpec,
    /// Where endpoints and rules are read from, beside the main document.
    pub rules: RuleSourcesSpec,
    /// Where template files are read from.
    pub templates: TemplatesSpec,
    /// Values from outside that expressions may read.
    pub variables: VariablesSpec,
    /// Where verdicts are remembered.
    pub cache: CacheSpec,
    /// How backends are called.
    pub backend: ClientSpec,
    /// What is remembered of tokens.
    pub tokens: TokensSpec,
    /// Who we are to authorization servers, where nothing else is said.
    pub client_auth: Option<ClientIdentitySpec>,
    /// Where the stores of `fgaStores` that are `writable` are kept, and who may change them.
    pub fga: FgaServerSpec,
}

/// Where endpoints and rules are read from, beside the main document. Relative paths start at
/// the folder of the main document. Changes are picked up while running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleSourcesSpec {
    /// A folder of documents, read with all its sub-folders: `.yaml`, `.yml`, `.json`, `.toml`
    /// and `.tml`; other files and hidden ones are skipped. Excludes `rulesFile`.
    pub rules_folder: Option<String>,
    /// A single document. Excludes `rulesFolder`.
    pub rules_file: Option<String>,
}

/// Where template files are read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TemplatesSpec {
    /// The folder that every template file must stand in. Relative paths start at the folder of
    /// the main document. Without it, no template files.
    pub templates_folder: Option<String>,
}

/// Values from outside, read once at the start and with every reload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VariablesSpec {
    /// `variables.environment.<name>`: the environment variable to read; `null` for the one of
    /// the same name. A variable that is not set is an error.
    pub environment: BTreeMap<String, Option<String>>,
    /// `variables.secrets.<name>`: the file of the secrets folder to read; `null` for the one of
    /// the same name. Line ends at its end are dropped. A missing file is an error.
    pub secrets: BTreeMap<String, Option<String>>,
    /// The folder of secret files.
    pub secrets_folder: String,
}

impl Default for VariablesSpec {
    fn default() -> Self {
        Self {
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            secrets_folder: String::from("/run/secrets"),
        }
    }
}

/// What is remembered of tokens. All of it outlives reloads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokensSpec {
    /// Accepted tokens.
    pub cache: TokenCacheSpec,
    /// Most entries of the revocation list; a full list refuses further ones.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_revocations: usize,
    /// `DPoP` proofs (RFC 9449).
    pub proofs: ProofsSpec,
}

impl Default for TokensSpec {
    fn default() -> Self {
        Self {
            cache: TokenCacheSpec::default(),
            max_revocations: 100_000,
            proofs: ProofsSpec::default(),
        }
    }
}

/// Which `DPoP` proofs (RFC 9449) are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProofsSpec {
    /// Oldest proof accepted, between 1 second and 5 minutes.
    pub max_age: DurationSpec,
    /// Difference between clocks that is forgiven, at most 1 minute.
    pub clock_skew: DurationSpec,
    /// Most proofs remembered, so that none is used twice; one key may hold as many as are free, and whoever holds more is refused. About 64 bytes each.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_remembered: usize,
    /// Nonces that proofs must hold. Without it, none is asked for.
    pub nonces: Option<NoncesSpec>,
}

impl Default for ProofsSpec {
    fn default() -> Self {
        Self {
            max_age: DurationSpec::new(Duration::from_mins(1)),
            clock_skew: DurationSpec::new(Duration::from_secs(10)),
            max_remembered: 200_000,
            nonces: None,
        }
    }
}

/// Nonces that `DPoP` proofs must hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NoncesSpec {
    /// How long a nonce is good, between 1 second and 1 hour.
    pub lifetime: DurationSpec,
    /// Seals nonces, at least 32 bytes. Replicas that share it know the nonces of each other. Without it, a random one of this process.
    pub secret: Option<Secret<String>>,
}

impl Default for NoncesSpec {
    fn default() -> Self {
        Self {
            lifetime: DurationSpec::new(Duration::from_mins(5)),
            secret: None,
        }
    }
}

/// One endpoint: who is asked for credentials, which rules judge, how it answers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EndpointSpec {
    /// What the endpoint is for; shown by `explain`.
    pub description: String,
    /// Variables, evaluated once per request.
    pub variables: EndpointVarsSpec,
    /// Which credentials are accepted, and what is answered without them.
    pub authentication: AuthenticationSpec,
    /// Which proxies are believed, and what they are asked to say.
    pub forward_proxy_policy: ForwardProxySpec,
    /// Which headers and query parameters rules may pass on to backends.
    pub forward_request_policy: ForwardPolicySpec,
    /// The rules, judged in this order until one does not pass.
    pub rules: Vec<RuleReferenceSpec>,
    /// How the verdict is answered.
    pub response_policy: ResponsePolicySpec,
    /// How long verdicts are remembered.
    pub cache: EndpointCacheSpec,
}

/// A rule by its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleReferenceSpec {
    /// The key of `rules`.
    pub name: String,
}
