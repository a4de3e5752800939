//! A guardrail as written in configuration.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::filter::FilterSpec;
use crate::spec::GuardSpec;

/// What is looked for in texts on their way to and from models, tools and agents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardrailSpec {
    /// What the guardrail is for, in your own words.
    pub description: String,
    /// How prompt injections are looked for; `null` for not at all.
    pub injection: Option<GuardSpec>,
    /// Which secrets, personal data and words are looked for. Not at all unless set.
    pub content: Option<FilterSpec>,
    /// Whether records hold what was found, 200 bytes of each finding at the most. Otherwise they
    /// hold digests under a key that is made at the start.
    pub record_text: bool,
}

impl Default for GuardrailSpec {
    fn default() -> Self {
        Self {
            description: String::new(),
            injection: Some(GuardSpec::default()),
            content: None,
            record_text: false,
        }
    }
}
