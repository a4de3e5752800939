//! Where a text stands in the traffic of a model.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a text stands in the traffic of a model: the same sentence is a wish from a user and an
/// attack inside a web page.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// What a person asks for.
    User,
    /// What somebody else wrote and the model is to read: pages, mails, files, search results.
    Document,
    /// What a tool returned.
    Tool,
    /// What a tool says about itself: names, descriptions, schemas, server instructions.
    ToolDescription,
    /// What the operator tells the model. Not read unless asked for.
    System,
    /// What the model answered.
    Output,
}

impl Channel {
    /// Every channel, in the order of [`Channel::index`].
    pub const ALL: [Self; 6] = [
        Self::User,
        Self::Document,
        Self::Tool,
        Self::ToolDescription,
        Self::System,
        Self::Output,
    ];

    /// As written in configuration, such as `tool-description`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Document => "document",
            Self::Tool => "tool",
            Self::ToolDescription => "tool-description",
            Self::System => "system",
            Self::Output => "output",
        }
    }

    /// Its place in [`Channel::ALL`], for tables of one value a channel.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether orders to the model are suspicious here whatever they say, because nobody who may
    /// give any writes here.
    pub const fn is_third_party(self) -> bool {
        matches!(self, Self::Document | Self::Tool | Self::ToolDescription)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indexes_agree_with_the_list() {
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), index);
            let written = serde_json::to_string(&channel).unwrap();
            assert_eq!(written, format!("\"{channel}\""));
        }
    }
}
