//! The stores of relationships of a configuration, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_fga::Model;
use ztag_types::Diagnostic;

use crate::authority::Authority;

/// The stores that a configuration defines, by name. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<BTreeMap<String, Option<Entry>>>);

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

/// Why a name leads to no store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStore {
    /// There is none of this name; perhaps this one was meant.
    Unknown(Option<String>),
    /// It is broken.
    Broken,
}

impl Directory {
    /// These stores; those that are broken without an entry.
    pub fn new(stores: BTreeMap<String, Option<Entry>>) -> Self {
        Self(Arc::new(stores))
    }

    /// The store of this name.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, name: &str) -> Result<&Entry, NoStore> {
        match self.0.get(name) {
            Some(Some(entry)) => Ok(entry),
            Some(None) => Err(NoStore::Broken),
            None => {
                let names = self.0.keys().map(String::as_str);
                let near = Diagnostic::nearest(name, names);
                Err(NoStore::Unknown(near.map(str::to_owned)))
            }
        }
    }
}
