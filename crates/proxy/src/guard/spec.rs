//! `guard` of a route, as written.

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_ai_security::Channel;
use ztag_ai_security::extract::ExtractSpec;
use ztag_ai_security::guardrail::{BodySpec, OnUnreadable};

/// Has a guardrail read requests and responses.
///
/// What it blocks is not passed on: 403. A response is read whole before any of it passes, but for
/// streams: those pass as they are read, and end with an error where something is blocked. Header fields
/// of responses are not read. Trailers do not go on: those of requests never do, and those of a response
/// that is read are dropped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteGuardSpec {
    /// The guardrail: a key of `guardrails`. The standard one, which looks for prompt injections,
    /// unless set.
    pub guardrail: Option<String>,
    /// What is read of requests, after the endpoint let them pass. Nothing unless set.
    pub request: Option<RequestGuardSpec>,
    /// What is read of responses. Nothing unless set. Server-sent events and JSON Lines are read as they
    /// come, by the same selectors: pieces of texts as what a model answers (`output`). So is text in the
    /// channel `output` whose length is not announced.
    pub response: Option<BodySpec>,
    /// Whether the client gets back the values that its own request was masked of, in the place of their
    /// placeholders; not in addresses, and for 15 minutes. Needs `request`.
    pub restore: bool,
    /// Whether the verdict is only reported: nothing is blocked, masked or waited for.
    pub shadow: bool,
    /// What becomes of a body that cannot be read as `request` or `response` says: encoded, in another
    /// media type, larger than `maxBytes`. A stream that turns out to be unreadable ends in any case.
    pub on_unreadable: OnUnreadable,
    /// Most bytes of a body that is read whole, which is held in memory.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_bytes: usize,
}

/// What is read of requests.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RequestGuardSpec {
    /// What is read of JSON. The body is not read where neither this nor `text` is set.
    pub json: Option<ExtractSpec>,
    /// Where other bodies, read as one text, would reach a model.
    pub text: Option<Channel>,
    /// Header fields that are read as what a person asks for (`user`), such as `x-question`, and go on
    /// masked. Several lines of one name are read as one text.
    #[schemars(length(max = 16))]
    pub headers: Vec<String>,
}

impl Default for RouteGuardSpec {
    fn default() -> Self {
        Self {
            guardrail: None,
            request: None,
            response: None,
            restore: false,
            shadow: false,
            on_unreadable: OnUnreadable::default(),
            max_bytes: 4 * 1024 * 1024,
        }
    }
}
