//! The stores of relationships of a configuration, by name.

use std::sync::Arc;

use ztag_fga::Model;
use ztag_types::DefinitionKind;

use crate::authority::Authority;

/// The stores that a configuration defines, by name.
pub type Directory = ztag_types::Directory<Entry>;

/// How stores are called in messages.
pub const STORE: DefinitionKind = DefinitionKind {
    word: "store",
    section: "fgaStores",
};

/// A store that may be asked.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who answers.
    pub authority: Authority,
    /// The model that questions are about, where it stays the same: names that it does not know can
    /// be told when a configuration is read.
    pub model: Option<Arc<Model>>,
    /// What an outage means.
    pub on_outage: OnOutage,
}

/// What it means that nobody answers. Nothing ever means yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutage {
    /// No decision was possible.
    #[default]
    Error,
    /// The answer is no.
    Deny,
}
