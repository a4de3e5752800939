//! A guardrail as written in configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::filter::FilterSpec;
use crate::spec::GuardSpec;
use crate::transformer::TransformerSpec;

/// What is looked for in texts on their way to and from models, tools and agents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardrailSpec {
    /// What the guardrail is for, in your own words.
    pub description: String,
    /// How prompt injections are looked for; `null` for not at all.
    pub injection: Option<GuardSpec>,
    /// Whom to ask about texts that are marked as injections: a classifier of your own. Nobody unless
    /// set.
    pub transformer: Option<TransformerSpec>,
    /// Which secrets, personal data and words are looked for. Not at all unless set.
    pub content: Option<FilterSpec>,
    /// How texts of tools and documents that are marked go on. As they came unless set.
    pub spotlight: Option<Spotlight>,
    /// Whether records hold what was found, 200 bytes of each finding at the most. Otherwise they
    /// hold digests under a key that is made at the start.
    pub record_text: bool,
}

impl Default for GuardrailSpec {
    fn default() -> Self {
        Self {
            description: String::new(),
            injection: Some(GuardSpec::default()),
            transformer: None,
            content: None,
            spotlight: None,
            record_text: false,
        }
    }
}

/// How a text of a tool or a document is shown to be one, so that a model can tell it from its orders.
/// The mark is another one for each text, and a sentence in the system text explains it. A mitigation,
/// which some models heed and others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spotlight {
    /// The mark stands between its words. What is JSON stays as it is.
    Words,
    /// A line with the mark stands before it, and one behind.
    Lines,
}

/// What becomes of what cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnreadable {
    /// It is turned away.
    #[default]
    Block,
    /// It goes on unread, and the record says so.
    Allow,
}
