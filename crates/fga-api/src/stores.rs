//! The stores of a server: a place that outlives every configuration.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use ztag_fga::{Error, ErrorCode, Limits, Store};
use ztag_types::{Clock, SystemClock, Timestamp};

use crate::store_id::StoreId;

/// Stores at the most, where nothing else is said.
const DEFAULT_MAX_STORES: usize = 10_000;

/// Stores by id.
///
/// Whoever embeds the API keeps a clone of the `Arc` around it and asks the same stores in process.
#[derive(Debug)]
pub struct Stores {
    limits: Limits,
    capacity: usize,
    clock: Arc<dyn Clock>,
    entries: RwLock<BTreeMap<StoreId, Arc<NamedStore>>>,
}

/// A store with what the API tells of it.
#[derive(Debug)]
pub struct NamedStore {
    id: StoreId,
    name: String,
    created: Timestamp,
    engine: Arc<Store>,
}

impl NamedStore {
    /// The id.
    pub const fn id(&self) -> &StoreId {
        &self.id
    }

    /// The name given to it; several stores may have the same.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was created.
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// The engine.
    pub const fn store(&self) -> &Arc<Store> {
        &self.engine
    }
}

impl Stores {
    /// No stores yet; each will have these limits.
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, DEFAULT_MAX_STORES, Arc::new(SystemClock::new()))
    }

    /// No stores yet, at most `max_stores`, which tell the time by `clock`.
    pub fn with_clock(limits: Limits, max_stores: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            capacity: max_stores,
            clock,
            entries: RwLock::default(),
        }
    }

    /// The limits of each store.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes an empty store.
    ///
    /// # Errors
    /// `exceeded_entity_limit` where there are as many as allowed.
    pub fn create(&self, name: &str) -> Result<Arc<NamedStore>, Error> {
        let store = Store::with_clock(self.limits.clone(), Arc::clone(&self.clock));
        self.insert(name, Arc::new(store))
    }

    /// Takes in a store that exists already, under a new id.
    ///
    /// # Errors
    /// `exceeded_entity_limit` where there are as many as allowed.
    pub fn insert(&self, name: &str, store: Arc<Store>) -> Result<Arc<NamedStore>, Error> {
        let mut entries = self.entries.write();
        if entries.len() >= self.capacity {
            let limit = self.capacity;
            let message = format!("The number of stores exceeds the allowed limit of {limit}");
            return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
        }
        let entry = self.entry(StoreId::generate(self.clock.now()), name, store);
        entries.insert(entry.id.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Takes in a store that exists already, under an id that its owner knows, in place of whatever
    /// had that id. It does not count against the limit for those that callers make.
    pub fn insert_as(&self, id: StoreId, name: &str, store: Arc<Store>) -> Arc<NamedStore> {
        let entry = self.entry(id, name, store);
        let mut entries = self.entries.write();
        entries.insert(entry.id.clone(), Arc::clone(&entry));
        entry
    }

    fn entry(&self, id: StoreId, name: &str, store: Arc<Store>) -> Arc<NamedStore> {
        Arc::new(NamedStore {
            id,
            name: name.to_owned(),
            created: self.clock.now(),
            engine: store,
        })
    }

    /// The store of this id.
    pub fn find(&self, id: &StoreId) -> Option<Arc<NamedStore>> {
        self.entries.read().get(id).cloned()
    }

    /// Forgets a store and everything in it. Questions under way still see it.
    pub fn delete(&self, id: &StoreId) -> bool {
        self.entries.write().remove(id).is_some()
    }

    /// Up to `limit` of the stores after `after` that are `wanted`, the oldest first.
    pub fn list(
        &self,
        after: Option<&StoreId>,
        limit: usize,
        mut wanted: impl FnMut(&NamedStore) -> bool,
    ) -> Vec<Arc<NamedStore>> {
        let entries = self.entries.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = entries.range::<StoreId, _>((start, Bound::Unbounded));
        let found = later.map(|(_, entry)| entry).filter(|entry| wanted(entry));
        found.take(limit).cloned().collect()
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_come_in_pages_and_go() {
        let clock = Arc::new(SystemClock::new());
        let stores = Stores::with_clock(Limits::default(), 3, clock);
        for name in ["one", "two", "two"] {
            stores.create(name).unwrap();
        }
        assert!(stores.create("four").is_err());
        let first = stores.list(None, 2, |_| true);
        let rest = stores.list(first.last().map(|entry| entry.id()), 2, |_| true);
        assert_eq!((first.len(), rest.len()), (2, 1));
        assert_eq!(stores.list(None, 9, |entry| entry.name() == "two").len(), 2);
        assert!(stores.delete(first[0].id()));
        assert!(!stores.delete(first[0].id()));
        assert!(stores.find(first[0].id()).is_none());
        assert!(stores.create("four").is_ok());
    }
}
