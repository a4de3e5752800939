//! Checks of answers as written in configuration.

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::Secret;

use crate::filter::Action;

/// What the answers of a model must not carry.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OutputSpec {
    /// Words planted in the system text, 8 to 256 bytes of ASCII: an answer that has one is blocked.
    pub canaries: Vec<Secret<String>>,
    /// What becomes of eight words in a row of the system text.
    pub system_prompt: Action,
    /// Links and images that lead to hosts that are not listed.
    pub links: Option<LinkSpec>,
    /// What becomes of control sequences of terminals.
    pub control_sequences: Action,
    /// What becomes of text in Unicode tags and variation selectors, which no font shows.
    pub hidden_text: Action,
}

impl Default for OutputSpec {
    fn default() -> Self {
        Self {
            canaries: Vec::new(),
            system_prompt: Action::Ignore,
            links: None,
            control_sequences: Action::Ignore,
            hidden_text: Action::Ignore,
        }
    }
}

/// Links and images in Markdown and HTML. A page that shows an image tells its host whatever stands in
/// the address.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LinkSpec {
    /// Hosts that links may lead to: `docs.example.com`, or `*.example.com` for all below. Relative
    /// links, `mailto:` and `tel:` are left alone.
    pub hosts: Vec<String>,
    /// What becomes of the others.
    pub action: Action,
}
