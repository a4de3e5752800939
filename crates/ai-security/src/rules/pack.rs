//! Packs: rules as data files, each with the texts that prove it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::notation::Sets;
use crate::spec::RuleSpec;

/// A pack as written in `rules/*.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// What ids of its rules begin with.
    #[serde(rename = "pack")]
    pub(crate) name: String,
    /// Counts up when a rule changes what it hits.
    pub(crate) version: u32,
    /// Sets of words that only this pack uses.
    #[serde(default)]
    pub(crate) sets: Sets,
    /// Its rules.
    #[serde(default)]
    pub(crate) rule: Vec<RuleSpec>,
}

/// Sets of words by name, then by language, as written in `rules/words.toml`.
type Words = BTreeMap<String, BTreeMap<String, Vec<String>>>;

const WORDS: &str = include_str!("../../rules/words.toml");

const PACKS: &[&str] = &[
    include_str!("../../rules/override.toml"),
    include_str!("../../rules/persona.toml"),
    include_str!("../../rules/extraction.toml"),
    include_str!("../../rules/secret.toml"),
    include_str!("../../rules/delimiter.toml"),
    include_str!("../../rules/agent.toml"),
    include_str!("../../rules/tool.toml"),
    include_str!("../../rules/exfiltration.toml"),
    include_str!("../../rules/coercion.toml"),
    include_str!("../../rules/smuggling.toml"),
];

/// The sets that every pack shares, and every pack that comes with the guard.
pub(crate) fn embedded() -> Result<(Sets, Vec<Pack>), toml::de::Error> {
    read(WORDS, PACKS)
}

/// Reads sets of words, by name and language, and packs that use them.
pub(crate) fn read(words: &str, packs: &[&str]) -> Result<(Sets, Vec<Pack>), toml::de::Error> {
    let words: Words = toml::from_str(words)?;
    let together =
        |languages: BTreeMap<_, Vec<String>>| languages.into_values().flatten().collect();
    let sets = words
        .into_iter()
        .map(|(name, languages)| (name, together(languages)));
    let packs = packs.iter().map(|text| toml::from_str(text));
    Ok((sets.collect(), packs.collect::<Result<_, _>>()?))
}
