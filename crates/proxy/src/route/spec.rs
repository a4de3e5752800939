//! A route as written in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_admission::ForwardProxySpec;
use ztag_token::client::UpstreamCredentialSpec;
use ztag_types::DurationSpec;

use crate::filter::ItemFilterSpec;
use crate::guard::RouteGuardSpec;

/// Which requests go where, and who must let them pass.
///
/// The most specific host of all routes that fits a request chooses first, then the most specific
/// path below that host, then methods and header fields. A request that fits none of those left is
/// turned away: it never falls through to a broader route.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteSpec {
    /// What the route is for, in your own words.
    pub description: String,
    /// Host names it serves: exact ones, or `*.example.com` for all names below `example.com`. An
    /// exact name outranks a wildcard, a longer wildcard a shorter one. Without any: every host that
    /// no other route names.
    pub hosts: Vec<String>,
    /// Paths it serves: exact ones, or `/docs/*` for `/docs` and all below it. An exact path outranks
    /// a prefix, a longer prefix a shorter one. Case counts. Without any: every path.
    pub paths: Vec<String>,
    /// Methods it serves, upper case; `GET` does not imply `HEAD`. Without any: every method.
    pub methods: Vec<String>,
    /// Header fields that a request must have, by name: the exact value, or a regular expression
    /// between slashes, such as `/^v[12]$/`. `/.*/` asks for the field to be there.
    pub headers: BTreeMap<String, String>,
    /// The endpoint that decides about its requests: a key of `endpoints`.
    pub endpoint: Option<String>,
    /// Whether everybody may pass. Every route says so or names an `endpoint`.
    pub public: bool,
    /// Where its requests go: a key of `upstreams`.
    pub upstream: String,
    /// Which proxies in front are believed, on a `public` route; elsewhere the endpoint says so.
    pub forward_proxy_policy: Option<ForwardProxySpec>,
    /// Whether the upstream sees the credentials of the client: `Authorization`, `DPoP` and whatever
    /// else the endpoint accepts. They are removed otherwise.
    pub forward_credentials: bool,
    /// The `Authorization` that the upstream gets, in place of that of the client; unless set, what
    /// the upstream's `credentials` say. Without one that it must get, requests are answered with 503.
    pub credentials: Option<UpstreamCredentialSpec>,
    /// Changes to the header fields of the request, before the endpoint's identity fields are set.
    pub request_headers: HeaderPolicySpec,
    /// Changes to the header fields of the response.
    pub response_headers: HeaderPolicySpec,
    /// Leaves out of the JSON that the upstream answers with what the client may not see.
    pub filter_items: Option<ItemFilterSpec>,
    /// Has a guardrail read what is sent and answered.
    pub guard: Option<RouteGuardSpec>,
    /// The `Host` that the upstream sees.
    pub host: HostHeader,
    /// Longest wait for the head of the response, where that of the upstream is longer; counted as
    /// there.
    pub timeout: Option<DurationSpec>,
    /// Protocols that a connection may be switched to (RFC 9110, section 7.8). A WebSocket handshake
    /// is refused unless it is listed; what else a client offers to switch to is ignored. Over HTTP/2
    /// the handshake is that of RFC 8441. A switched connection ends when the token or certificate
    /// expires by which it was admitted.
    pub upgrade: Vec<Upgrade>,
    /// Longest silence of both sides of a switched connection; ten minutes unless set.
    pub upgrade_idle_timeout: Option<DurationSpec>,
    /// Most bytes of a request body. Bodies are streamed, so that large ones take no memory; without
    /// a limit, the upstream has to know its own.
    pub max_body_bytes: Option<u64>,
}

/// Changes to header fields: `remove` first, then `set`, then `add`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HeaderPolicySpec {
    /// Fields to set, instead of what was there, by name. Values are literal.
    pub set: BTreeMap<String, String>,
    /// Fields to add to what is there, by name. Values are literal.
    pub add: BTreeMap<String, String>,
    /// Names of fields to remove.
    pub remove: Vec<String>,
}

/// The `Host` that an upstream sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HostHeader {
    /// The host that the client asked.
    #[default]
    Preserve,
    /// Host and port of the upstream's own URL.
    Upstream,
}

/// A protocol that a connection may be switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Upgrade {
    /// RFC 6455.
    Websocket,
}
