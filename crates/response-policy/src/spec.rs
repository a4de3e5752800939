//! The policy as written in the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::OneOrMany;

/// How the verdict of the rule chain is answered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResponsePolicySpec {
    /// When every rule passed; status 200 unless set.
    pub pass: ReplySpec,
    /// When a rule failed; status 403 unless set.
    pub fail: ReplySpec,
    /// When no decision was possible; status 502 unless set.
    pub error: ReplySpec,
}

/// One reply.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReplySpec {
    /// The status: 2xx for a pass, anything else for a fail or an error.
    #[schemars(range(min = 200, max = 599))]
    pub status: Option<u16>,
    /// Headers by name: `null` copies the client's header, text is a template, a list sends the
    /// header once per item. An empty result is not sent, except on a pass: there the header is
    /// sent empty, so that a client's own value never takes its place.
    pub headers: BTreeMap<String, Option<OneOrMany<String>>>,
    /// Body template; `text/plain` unless `headers` names a `content-type`.
    pub body: Option<String>,
    /// Template file of the body, used without `body`; the path is itself a template.
    pub body_file: Option<String>,
}
