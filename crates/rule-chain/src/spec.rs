//! A rule as written in the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_backend::TlsSpec;
use ztag_result_cache::RuleCacheSpec;
use ztag_types::{DurationSpec, OneOrMany, Outcome, Secret};

use crate::claim_spec::ClaimSpec;
use crate::fga_spec::FgaSpec;
use crate::inspect_spec::InspectSpec;

/// Most further attempts of one call.
pub(crate) const MAX_RETRIES: u32 = 10;

/// Most pages of one call.
pub(crate) const MAX_PAGES: u32 = 1_000;

/// A rule: whom it is for, which backend it asks, how it judges the answer and what it exports.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleSpec {
    /// What the rule is for; shown by `explain`.
    pub description: String,
    /// Match groups: the first one whose matchers all fit wins, none fitting is a `fail`. Without
    /// groups the rule is for everybody and forwards no credential.
    pub auth: Vec<AuthGroupSpec>,
    /// What a guardrail reads of the request, before anybody is asked: whether it holds a prompt
    /// injection, secrets or personal data.
    pub inspect: Option<InspectSpec>,
    /// What to ask a store of relationships, before the backend: whether somebody may do something.
    pub fga: Option<FgaSpec>,
    /// The backend to ask. Without a URL the rule judges the request alone.
    pub backend_api: BackendApiSpec,
    /// When the rule passes, fails or errs.
    pub conditions: ConditionsSpec,
    /// Local variables: templates or CEL by name. Each is evaluated at most once and only when a
    /// condition or an export reads it; any order, but no cycles.
    pub variables: BTreeMap<String, String>,
    /// What the rule exports, by outcome.
    pub responses: ResponsesSpec,
    /// How long verdicts of this rule are remembered. Of a rule that asks a store of relationships
    /// and no backend: how long its endpoint may remember them, which is not at all unless said here.
    pub cache: RuleCacheSpec,
}

/// Credentials a rule accepts together, and what it forwards to its backend in their place.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthGroupSpec {
    /// All of these must fit.
    #[serde(rename = "match")]
    pub matchers: Vec<MatchSpec>,
    /// What the backend receives. Omitted: the matched credentials themselves.
    pub forward_as: Vec<ForwardSpec>,
}

/// One credential that must be present, and the values it may have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MatchSpec {
    /// `basic`, `bearer`, `header`, `query`, `jwt`, `introspection`, `certificate` or `none`. A
    /// rule sees only credentials that the endpoint admits.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = [
        "basic", "bearer", "header", "query", "jwt", "introspection", "certificate", "none",
    ]))]
    pub kind: String,
    /// Name of the header or query parameter.
    pub name: Option<String>,
    /// Allowed values of a bearer token, header or query parameter: exact text or `/regex/`.
    /// Omitted: any value.
    pub value: Option<OneOrMany<Secret<String>>>,
    /// Allowed user names of basic credentials.
    pub username: Option<OneOrMany<Secret<String>>>,
    /// Allowed passwords of basic credentials.
    pub password: Option<OneOrMany<Secret<String>>>,
    /// Of `jwt` and `introspection`: allowed issuers, exactly as the `issuer` of their definition.
    /// Omitted: any that the endpoint admits.
    pub issuer: Option<OneOrMany<String>>,
    /// Of `jwt` and `introspection`: allowed values of `sub`. Of `certificate`: allowed subjects, as
    /// RFC 4514 writes them. Exact text, or `/regex/` for the whole text.
    pub subject: Option<OneOrMany<String>>,
    /// Of `jwt` and `introspection`: who may act for the subject, by the `sub` of the outermost
    /// `act` (RFC 8693, section 4.1). Omitted: anybody, or nobody. Exact text, or `/regex/` for the
    /// whole text.
    pub actor: Option<OneOrMany<String>>,
    /// Of `jwt` and `introspection`: allowed values by claim, each exact or `/regex/` for the whole
    /// text; all claims must fit, a claim that is a list by one of its items. A name with dots is a
    /// claim of that name, else a path into claims.
    pub claims: BTreeMap<String, ClaimSpec>,
    /// Of `jwt` and `introspection`: scopes that the token must carry, all of them. A token without
    /// them is told so (RFC 6750, section 3.1).
    pub scopes: Vec<String>,
    /// The claim that holds the scopes, `scope` where omitted: a text of several separated by
    /// blanks, or a list. Some issuers write `scp` or `permissions`.
    pub scope_claim: Option<String>,
    /// Of `jwt` and `introspection`: how, and how recently, the user must have been authenticated. A
    /// token that falls short is answered 401 with what is needed (RFC 9470).
    pub step_up: Option<StepUpSpec>,
    /// Of `certificate`: allowed SPIFFE ids. Exact text, or `/regex/` for the whole text.
    pub spiffe_id: Option<OneOrMany<String>>,
    /// Of `certificate`: allowed DNS names, lower case, of which it must have one. Exact text, or
    /// `/regex/` for the whole text.
    pub dns: Option<OneOrMany<String>>,
    /// Of `certificate`: allowed SHA-256 fingerprints, in hexadecimal or base64url.
    pub fingerprint: Option<OneOrMany<String>>,
}

/// How, and how recently, a user must have been authenticated.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StepUpSpec {
    /// Authentication contexts accepted in `acr`, best first. Empty: any.
    pub acr: Vec<String>,
    /// Longest time since the user was authenticated, by `auth_time`.
    pub max_age: Option<DurationSpec>,
}

/// A credential to forward. Which fields apply depends on `type`; all are templates.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForwardSpec {
    /// `bearer`, `basic`, `header`, `query` or `none`.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = ["bearer", "basic", "header", "query", "none"]))]
    pub kind: String,
    /// Name of the header or query parameter.
    pub name: Option<String>,
    /// Value of the header or query parameter.
    pub value: Option<Secret<String>>,
    /// Bearer token.
    pub token: Option<Secret<String>>,
    /// User of basic credentials.
    pub user: Option<String>,
    /// Password of basic credentials.
    pub password: Option<Secret<String>>,
}

/// The request a rule sends to its backend. Nothing of the client's request is sent unless it is
/// named here.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackendApiSpec {
    /// `http` or `https` URL, taken literally. Empty: the rule asks no backend.
    pub url: String,
    /// Method.
    pub method: String,
    /// Headers by name: `null` copies the client's header, text is a template; an empty result
    /// is not sent. `authorization` is set by `auth[].forwardAs` only.
    pub headers: BTreeMap<String, Option<String>>,
    /// Query parameters by name, in the same way; those of the URL are never overridden.
    pub query: BTreeMap<String, Option<String>>,
    /// Body template. Set `content-type` in `headers`; in JSON, write values with `tojson`.
    pub body: Option<String>,
    /// Template file of the body; the path is itself a template.
    pub body_file: Option<String>,
    /// Statuses that count as accepted. Empty: any 2xx.
    #[schemars(inner(range(min = 100, max = 599)))]
    pub accepted_statuses: Vec<u16>,
    /// Sends the curated `x-forwarded-*` headers too, where the endpoint's
    /// `forwardRequestPolicy.forwardProxyHeaders` allows it.
    pub forward_proxy_headers: bool,
    /// Follows a paged reply.
    pub pagination: PaginationSpec,
    /// Time limit of the whole call: connecting, retries and all pages.
    pub timeout: DurationSpec,
    /// Further attempts of an idempotent request whose connection failed before any reply.
    #[schemars(range(max = MAX_RETRIES))]
    pub retries: u32,
    /// Limit of the reply's body in bytes, all pages together; beyond it the rule errs.
    #[schemars(range(min = 1))]
    pub max_body_bytes: u64,
    /// TLS of this backend, where it differs from `server.backend.tls`.
    pub tls: Option<TlsSpec>,
}

impl Default for BackendApiSpec {
    fn default() -> Self {
        Self {
            url: String::new(),
            method: "GET".to_owned(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: None,
            body_file: None,
            accepted_statuses: Vec::new(),
            forward_proxy_headers: false,
            pagination: PaginationSpec::default(),
            timeout: DurationSpec::new(Duration::from_secs(10)),
            retries: 0,
            max_body_bytes: 1 << 20,
            tls: None,
        }
    }
}

/// How a paged reply is followed. Pages of another origin than the first are refused.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PaginationSpec {
    /// `link-header` (RFC 8288 `rel="next"`), `cursor`, or empty for one page.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = ["", "link-header", "cursor"]))]
    pub kind: String,
    /// Pages fetched at the most; 0 counts as 1.
    #[schemars(range(max = MAX_PAGES))]
    pub max_pages: u32,
    /// Of `cursor`: where the body holds the next cursor, as a dotted path or JSON pointer.
    pub cursor: Option<String>,
    /// Of `cursor`: the query parameter that takes it. Empty: the body holds the URL of the next
    /// page.
    pub parameter: String,
}

impl Default for PaginationSpec {
    fn default() -> Self {
        Self {
            kind: String::new(),
            max_pages: 1,
            cursor: None,
            parameter: "cursor".to_owned(),
        }
    }
}

/// CEL conditions, consulted in the order `error`, `fail`, `pass`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConditionsSpec {
    /// All must hold for a pass; when one does not, the rule fails.
    pub pass: Vec<String>,
    /// Any that holds makes the rule fail.
    pub fail: Vec<String>,
    /// Any that holds makes the rule err.
    pub error: Vec<String>,
}

/// What a rule exports, by its outcome.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResponsesSpec {
    /// On a pass.
    pub pass: ExportsSpec,
    /// On a fail.
    pub fail: ExportsSpec,
    /// On an error.
    pub error: ExportsSpec,
}

/// Variables that later rules read as `variables.rule['name'].x` and replies as `response.x`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExportsSpec {
    /// Templates or CEL by name.
    pub variables: BTreeMap<String, String>,
}

impl RuleSpec {
    /// Whether the rule asks a backend.
    pub fn has_backend(&self) -> bool {
        !self.backend_api.url.trim().is_empty()
    }

    /// Names exported on `outcome`.
    pub fn exports(&self, outcome: Outcome) -> impl Iterator<Item = &str> {
        let exports = match outcome {
            Outcome::Pass => &self.responses.pass,
            Outcome::Fail => &self.responses.fail,
            Outcome::Error => &self.responses.error,
        };
        exports.variables.keys().map(String::as_str)
    }

    /// Names exported on some outcome: what `response` may hold in a reply.
    pub fn all_exports(&self) -> BTreeSet<&str> {
        let outcomes = [Outcome::Pass, Outcome::Fail, Outcome::Error];
        let names = outcomes.map(|outcome| self.exports(outcome));
        names.into_iter().flatten().collect()
    }
}
