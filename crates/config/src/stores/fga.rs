//! The long-lived places of relationships.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ztag_fga::Limits;
use ztag_fga_api::{StoreId, Stores};
use ztag_fga_remote::{LocalStore, RemoteStore};
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings};

use super::tokens::Shelf;
use crate::fga_spec::FgaStoreSpec;

/// The long-lived places of relationships: the stores that are written to while running.
#[derive(Debug)]
pub struct FgaPlaces {
    /// Stores that are what files say. One whose files say the same as before serves on.
    pub(crate) fixed: Shelf<LocalStore>,
    /// Stores of servers, with what is remembered of their answers. One of which the same is said as
    /// before serves on.
    pub(crate) remote: Shelf<RemoteStore>,
    /// Stores that are written to, by name. They stay when the configuration forgets them, perhaps
    /// by mistake, until the process ends.
    kept: Mutex<BTreeMap<String, (StoreId, Arc<LocalStore>)>>,
    /// The same as the API knows them.
    served: Arc<Stores>,
}

impl FgaPlaces {
    /// No stores yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        // Callers of the API make no stores: the configuration would not know them.
        let served = Stores::with_clock(Limits::default(), 0, clock);
        Self {
            fixed: Shelf::default(),
            remote: Shelf::default(),
            kept: Mutex::default(),
            served: Arc::new(served),
        }
    }

    /// The stores that are written to, as the API serves them.
    pub const fn served(&self) -> &Arc<Stores> {
        &self.served
    }

    /// The store `name` that is written to: the one there is, or a new one, which the API serves
    /// from now on.
    pub(crate) fn keep(
        &self,
        name: &str,
        id: StoreId,
        begin: impl FnOnce() -> Option<Arc<LocalStore>>,
    ) -> Option<Arc<LocalStore>> {
        let mut kept = self.kept.lock();
        let store = match kept.get(name) {
            Some((own, store)) if *own == id => return Some(Arc::clone(store)),
            Some((own, store)) => {
                self.served.remove(own);
                Arc::clone(store)
            }
            None => begin()?,
        };
        self.served
            .insert_as(id.clone(), name, Arc::clone(store.store()));
        kept.insert(name.to_owned(), (id, Arc::clone(&store)));
        Some(store)
    }
}

/// The id of the store `name`, whose definition stands at `at`.
pub(crate) fn store_id(
    name: &str,
    spec: &FgaStoreSpec,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<StoreId> {
    let Some(text) = &spec.id else {
        let digest = blake3::derive_key("ztag id of a store of relationships", name.as_bytes());
        let (bits, _) = digest.split_first_chunk()?;
        return Some(StoreId::from_bits(u128::from_be_bytes(*bits)));
    };
    let parsed = StoreId::parse(text).ok_or_else(|| {
        let message = format!("`{text}` is not a ULID");
        Diagnostic::error(Code::InvalidValue, &at.key("id"), message)
    });
    findings.keep(parsed)
}
