//! Which texts of a body are read, as written in configuration.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Preset;
use crate::Channel;

/// Which texts of a JSON body are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExtractSpec {
    /// Selectors of your own; they come before those of the presets.
    pub texts: Vec<SelectionSpec>,
    /// Bodies of known interfaces.
    pub presets: Vec<Preset>,
    /// Bytes of a body that are read, at most 64 MiB; longer ones are refused.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_bytes: usize,
}

impl Default for ExtractSpec {
    fn default() -> Self {
        Self {
            texts: Vec::new(),
            presets: Vec::new(),
            max_bytes: 4 * 1024 * 1024,
        }
    }
}

/// Texts that one selector means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SelectionSpec {
    /// A selector such as `$.messages[?@.role=='user'].content`. An object or a list stands for every
    /// text in it.
    pub select: String,
    /// Where these texts reach the model. A text that several selectors mean has the channel of the
    /// first.
    pub channel: Channel,
}

impl Default for SelectionSpec {
    fn default() -> Self {
        Self {
            select: String::new(),
            channel: Channel::User,
        }
    }
}
