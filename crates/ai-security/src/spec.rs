//! The guard as written in configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Channel, Verdict};

/// What a guard looks for, and how strictly.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardSpec {
    /// Settings of single channels; the others keep theirs.
    pub channels: BTreeMap<Channel, ChannelSpec>,
    /// Rules of your own, beside those that come with the guard.
    pub rules: Vec<RuleSpec>,
    /// Ids of rules, or of whole packs, that do not count.
    pub without: Vec<String>,
    /// Phrases that are never held against a text, however they are capitalised: a slogan, a line
    /// of a manual. They are blanked before the rest is read.
    pub allow: Vec<String>,
    /// How much is read.
    pub limits: LimitsSpec,
}

/// One channel.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChannelSpec {
    /// Lowest score that is marked, 0 to 1. Where it is not set and `block` is, at most that.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub mark: Option<f32>,
    /// Lowest score that is blocked, at least `mark`, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub block: Option<f32>,
    /// The strictest verdict that texts of this channel get: `mark` never blocks, `allow` only
    /// reports. `block` unless set; for `output`, where rules do not look, `mark` unless this or
    /// `block` is set.
    pub at_most: Option<Verdict>,
    /// Whether texts of this channel are read at all: true unless set, except for `system`.
    pub scan: Option<bool>,
}

/// How much of a text is read.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Bytes read of one text, 1 KiB to 16 MiB; of longer ones the head, the tail and windows
    /// between.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub max_bytes: usize,
    /// The least strict verdict of a text that is longer than that.
    pub over_limit: Verdict,
    /// Decoded views of one text, at most 16.
    #[schemars(range(max = 16))]
    pub max_views: usize,
    /// Bytes of one decoded view, at most 64 KiB.
    #[schemars(range(max = 65_536))]
    pub max_view_bytes: usize,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024,
            over_limit: Verdict::Block,
            max_views: 6,
            max_view_bytes: 8 * 1024,
        }
    }
}

/// One rule: words that follow each other, and texts that prove it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleSpec {
    /// Its name, such as `override.prior-instructions`: the part before the first dot is its pack.
    pub id: String,
    /// For people: what a text does that it hits.
    pub reason: String,
    /// How likely such a text is an attack, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub weight: f32,
    /// Weights of single channels in which it means more or less.
    pub weights: BTreeMap<Channel, f32>,
    /// The channels it looks at; all but `system` and `output` unless set.
    pub channels: Vec<Channel>,
    /// What it looks for: `{set}` and `[one|or other*]`, with `..40` for up to 40 bytes of the same
    /// sentence between them, `...40` across sentences. Nothing in between means next to each other.
    pub steps: String,
    /// Words before a hit that take it back, in the same notation: `..12 [never]` reaches 12 bytes.
    pub unless: String,
    /// Texts that it must hit.
    pub hits: Vec<String>,
    /// Texts that it must not hit.
    pub misses: Vec<String>,
}
