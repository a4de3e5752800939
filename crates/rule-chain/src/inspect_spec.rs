//! `inspect:` of a rule, as written: what a guardrail reads of a request.

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_ai_security::Channel;
use ztag_ai_security::guardrail::{BodySpec, OnUnreadable};

/// What a guardrail reads of the request, before anybody else is asked.
///
/// What is masked stays masked: an answer brings placeholders, no values. Only the `guard` of a route
/// gives values back (`restore`), those that it masked itself. Whoever decides for another proxy cannot
/// change a body: what must be masked does not pass.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InspectSpec {
    /// The guardrail: a key of `guardrails`. The standard one, which looks for prompt injections,
    /// unless set.
    pub guardrail: Option<String>,
    /// What is read of the body. Nothing unless set.
    pub body: Option<BodySpec>,
    /// More texts, such as query parameters and header fields.
    #[schemars(length(max = 16))]
    pub texts: Vec<InspectTextSpec>,
    /// Whether the verdict is only reported: nothing is blocked or masked.
    pub shadow: bool,
    /// What becomes of a request whose body cannot be read as `body` says.
    pub on_unreadable: OnUnreadable,
}

/// A text to read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InspectTextSpec {
    /// The text: a template.
    #[schemars(extend("examples" = ["{{ request.query.question }}"]))]
    pub value: String,
    /// Where the text would reach a model.
    pub channel: Channel,
}

impl Default for InspectTextSpec {
    fn default() -> Self {
        Self {
            value: String::new(),
            channel: Channel::User,
        }
    }
}
