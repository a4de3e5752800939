//! The policy as written in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What rules and backends may see of the proxy's words and of the client's request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForwardPolicySpec {
    /// Offers `x-forwarded-for`, `-proto`, `-host`, `-uri`, `-method` and `forwarded` as
    /// `forward.headers`, rebuilt from what trusted proxies vouch for; rules send them to their
    /// backend with `backendApi.forwardProxyHeaders`.
    pub forward_proxy_headers: bool,
    /// More entries of `forward.headers` by name: `null` copies the client's header, text is a
    /// template; an empty result is left out.
    pub headers: BTreeMap<String, Option<String>>,
    /// Entries of `forward.query` by name, in the same way.
    pub query: BTreeMap<String, Option<String>>,
}
