//! The filter as written in configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::OutputSpec;

/// What a filter looks for in text, and what becomes of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FilterSpec {
    /// What becomes of secrets: keys, tokens, passwords.
    pub secrets: Action,
    /// What becomes of personal data: addresses, numbers of cards, accounts, phones and people.
    pub personal_data: Action,
    /// What becomes of single kinds, such as `PHONE: ignore`; the others follow their group.
    pub kinds: BTreeMap<String, Action>,
    /// Lists of words of your own.
    pub words: Vec<WordListSpec>,
    /// Shapes of tokens of your own.
    pub tokens: Vec<TokenSpec>,
    /// Values that are never touched, exactly as written: the address of the help desk.
    pub allow: Vec<String>,
    /// What is looked for in answers of a model. Nothing unless set.
    pub output: OutputSpec,
}

impl Default for FilterSpec {
    fn default() -> Self {
        Self {
            secrets: Action::Mask,
            personal_data: Action::Mask,
            kinds: BTreeMap::new(),
            words: Vec::new(),
            tokens: Vec::new(),
            allow: Vec::new(),
            output: OutputSpec::default(),
        }
    }
}

/// What becomes of a match.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is not looked for.
    Ignore,
    /// It is reported and stays.
    Report,
    /// A placeholder takes its place.
    #[default]
    Mask,
    /// The text does not go on.
    Block,
}

impl Action {
    /// How strict it is.
    pub(crate) const fn severity(self) -> u8 {
        self as u8
    }
}

/// Words that may not pass. Letter case, compatibility forms and hidden characters make no
/// difference; a word counts only between borders of words.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WordListSpec {
    /// What a hit is called, in capitals: `PROJECT_NAME`.
    pub name: String,
    /// What becomes of a hit.
    pub action: Action,
    /// Words and phrases of 2 to 128 bytes; a space stands for any white space.
    pub words: Vec<String>,
}

/// The shape of a token.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenSpec {
    /// What a hit is called, in capitals: `ACME_KEY`.
    pub kind: String,
    /// What becomes of a hit.
    pub action: Action,
    /// What every hit begins with, whatever its letter case: at least 3 bytes.
    pub keywords: Vec<String>,
    /// A regular expression for the whole of it, from its keyword on. It sees bytes, cannot look
    /// around and must not be able to match more than 2 KiB. If it has a group, only that is hidden.
    pub pattern: String,
    /// Least entropy of what is hidden, in bits a byte; 0 for any.
    pub entropy: f32,
}
