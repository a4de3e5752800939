//! The stores of a process: a place that outlives every configuration.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::timeout;
use ztag_fga::{Error, ErrorCode, Limits, Store};
use ztag_types::Clock;

use crate::error::{OpenError, Outage, unconfirmed};
use crate::folder::Lock;
use crate::journal::Journal;
use crate::mailbox::Command;
use crate::named::NamedStore;
use crate::postgres::{PostgresJournal, PostgresSettings};
use crate::scribe::Thread;
use crate::settings::Settings;
use crate::sqlite::SqliteJournal;
use crate::store_id::StoreId;

/// Stores by id, in memory or written down.
///
/// Whoever embeds them keeps an `Arc` around and asks the same stores in process. Questions go to
/// [`NamedStore::store`] and never wait; writes go through [`NamedStore`].
#[derive(Debug)]
pub struct Stores {
    registry: Arc<Registry>,
    /// The one who writes, where there is a journal.
    thread: Option<Thread>,
    /// Whether others write to the same journal.
    is_shared: bool,
}

/// What is found by id.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) settings: Settings,
    entries: RwLock<BTreeMap<StoreId, Arc<NamedStore>>>,
    /// Since when nothing can be written.
    outage: RwLock<Option<Outage>>,
}

impl Stores {
    /// No stores yet, in memory; each will have these limits.
    pub fn new(limits: Limits) -> Self {
        Self::in_memory(Settings {
            limits,
            ..Settings::default()
        })
    }

    /// No stores yet, at most `max_stores`, in memory, which tell the time by `clock`.
    pub fn with_clock(limits: Limits, max_stores: usize, clock: Arc<dyn Clock>) -> Self {
        Self::in_memory(Settings {
            limits,
            max_stores,
            clock,
            ..Settings::default()
        })
    }

    /// No stores yet, in memory: they are gone with the process.
    pub fn in_memory(settings: Settings) -> Self {
        Self {
            registry: Arc::new(Registry::new(settings)),
            thread: None,
            is_shared: false,
        }
    }

    /// The stores of a folder, which is made if it is not there. Blocks until they can be asked.
    ///
    /// # Errors
    /// A folder that another process uses, or that cannot be read or written; stores that are
    /// damaged.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        let sqlite = settings.sqlite;
        let lock = crate::folder::lock(folder)?;
        let path = folder.to_path_buf();
        let images = Some((path.clone(), lock));
        Self::with_journal(settings, images, async move || {
            SqliteJournal::open(&path, sqlite).await
        })
    }

    /// The stores of a database that several processes may share. Blocks until they can be asked.
    ///
    /// # Errors
    /// A database that cannot be reached for a while, or whose tables are not ours; stores that are
    /// damaged.
    pub fn connect(settings: Settings, postgres: PostgresSettings) -> Result<Self, OpenError> {
        let images = postgres.images.clone();
        Self::journaled(settings, images.as_deref(), async move || {
            PostgresJournal::open(postgres).await
        })
    }

    /// The stores of a journal. Their images are kept in `images`, which no other process uses.
    ///
    /// # Errors
    /// As `open`, and as [`Stores::open`].
    pub fn journaled<J: Journal>(
        settings: Settings,
        images: Option<&Path>,
        open: impl AsyncFnOnce() -> Result<J, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let take = |path: &Path| {
            let lock = crate::folder::lock(path)?;
            Ok::<_, OpenError>((path.to_path_buf(), lock))
        };
        let images = images.map(take).transpose()?;
        Self::with_journal(settings, images, open)
    }

    fn with_journal<J: Journal>(
        settings: Settings,
        images: Option<(PathBuf, Lock)>,
        open: impl AsyncFnOnce() -> Result<J, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let registry = Arc::new(Registry::new(settings));
        let (thread, is_shared) = Thread::start(Arc::clone(&registry), images, open)?;
        Ok(Self {
            registry,
            thread: Some(thread),
            is_shared,
        })
    }

    /// The limits of each store.
    pub fn limits(&self) -> &Limits {
        &self.registry.settings.limits
    }

    /// How stores are kept.
    pub fn settings(&self) -> &Settings {
        &self.registry.settings
    }

    /// The store of this id, made under this name if it is not there.
    ///
    /// # Errors
    /// As [`Stores::create`].
    pub async fn ensure(&self, id: &StoreId, name: &str) -> Result<Arc<NamedStore>, Error> {
        if let Some(found) = self.find(id) {
            return Ok(found);
        }
        let Some(thread) = &self.thread else {
            return Ok(self.insert_as(id.clone(), name, self.engine()));
        };
        let (id, name) = (Some(id.clone()), name.to_owned());
        let ask = |reply| Command::Create { id, name, reply };
        thread.mailbox().ask(ask).await
    }

    /// Makes an empty store.
    ///
    /// # Errors
    /// `exceeded_entity_limit` where there are as many as allowed, `Unavailable` where it could not
    /// be written down.
    pub async fn create(&self, name: &str) -> Result<Arc<NamedStore>, Error> {
        let Some(thread) = &self.thread else {
            return self.insert(name, self.engine());
        };
        let (id, name) = (None, name.to_owned());
        let ask = |reply| Command::Create { id, name, reply };
        thread.mailbox().ask(ask).await
    }

    /// An empty store in memory.
    fn engine(&self) -> Arc<Store> {
        let settings = &self.registry.settings;
        let clock = Arc::clone(&settings.clock);
        Arc::new(Store::with_clock(settings.limits.clone(), clock))
    }

    /// Takes in a store that exists already, under a new id. It is not written down.
    ///
    /// # Errors
    /// `exceeded_entity_limit` where there are as many as allowed.
    pub fn insert(&self, name: &str, store: Arc<Store>) -> Result<Arc<NamedStore>, Error> {
        let created = self.registry.settings.clock.now();
        let id = StoreId::generate(created);
        let entry = NamedStore::new(id, name.to_owned(), created, store, None);
        self.registry.add(entry)
    }

    /// Takes in a store that exists already, under an id that its owner knows, in place of whatever
    /// had that id. It is not written down, and does not count against the limit for those that
    /// callers make.
    pub fn insert_as(&self, id: StoreId, name: &str, store: Arc<Store>) -> Arc<NamedStore> {
        let created = self.registry.settings.clock.now();
        let entry = NamedStore::new(id, name.to_owned(), created, store, None);
        self.registry.put(Arc::new(entry))
    }

    /// The store of this id.
    pub fn find(&self, id: &StoreId) -> Option<Arc<NamedStore>> {
        self.registry.find(id)
    }

    /// Forgets a store that is not written down; whether there was one.
    pub fn remove(&self, id: &StoreId) -> bool {
        let is_durable = self.find(id).is_some_and(|store| store.is_durable());
        !is_durable && self.registry.remove(id)
    }

    /// Deletes a store and everything in it; whether there was one. Questions under way still see
    /// it.
    ///
    /// # Errors
    /// `Unavailable` where that could not be written down: then it is still there.
    pub async fn delete(&self, id: &StoreId) -> Result<bool, Error> {
        let is_durable = self.find(id).map(|store| store.is_durable());
        match (&self.thread, is_durable) {
            (_, None) => Ok(false),
            (Some(thread), Some(true)) => {
                let store = id.clone();
                let ask = |reply| Command::Delete { store, reply };
                thread.mailbox().ask(ask).await
            }
            _ => Ok(self.registry.remove(id)),
        }
    }

    /// Up to `limit` of the stores after `after` that are `wanted`, the oldest first.
    pub fn list(
        &self,
        after: Option<&StoreId>,
        limit: usize,
        mut wanted: impl FnMut(&NamedStore) -> bool,
    ) -> Vec<Arc<NamedStore>> {
        let entries = self.registry.entries.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = entries.range::<StoreId, _>((start, Bound::Unbounded));
        let found = later.map(|(_, entry)| entry).filter(|entry| wanted(entry));
        found.take(limit).cloned().collect()
    }

    /// Copies all durable stores to a new file, while writes go on.
    ///
    /// # Errors
    /// `internal_error` where nothing is durable, or why it failed.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        let to = to.to_path_buf();
        self.ask(|reply| Command::Backup { to, reply }).await
    }

    /// Deletes what has expired, folds changes that are old enough and writes images, as happens by
    /// itself every now and then.
    ///
    /// # Errors
    /// `Unavailable` where that could not be written down.
    pub async fn tidy(&self) -> Result<(), Error> {
        match &self.thread {
            Some(_) => self.ask(|reply| Command::Tidy { reply }).await,
            None => Ok(()),
        }
    }

    /// Finishes every write that was asked for, writes images and lets go of the folder. Blocks.
    /// Stores can be asked still, but not written.
    pub fn close(&self) {
        if let Some(thread) = &self.thread {
            thread.close();
        }
    }

    /// Since when nothing can be written, and why; nothing while all is well. Questions are
    /// answered all the same, by what was known then.
    pub fn outage(&self) -> Option<Outage> {
        self.registry.outage.read().clone()
    }

    /// How long nothing can be written by now; at least a second of it. Nothing while all is well.
    pub fn outage_lasts(&self) -> Option<Duration> {
        let since = self.registry.outage.read().as_ref()?.since;
        let lasts = self.registry.settings.clock.now().since(since);
        Some(lasts.max(Duration::from_secs(1)))
    }

    /// Returns when every store that was made anywhere before this was asked can be found, and what
    /// was written to it is seen: at once where only this process writes.
    ///
    /// # Errors
    /// As [`NamedStore::latest`].
    pub async fn latest(&self) -> Result<(), Error> {
        let Some(thread) = self.thread.as_ref().filter(|_| self.is_shared()) else {
            return Ok(());
        };
        let mailbox = thread.mailbox();
        let asked = mailbox.ask(|reply| Command::Follow { store: None, reply });
        let answered = timeout(self.registry.settings.patience, asked).await;
        answered.unwrap_or_else(|_| Err(unconfirmed("the journal takes too long")))
    }

    /// Whether other processes may write to the same stores.
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(crate::mailbox::Reply<T>) -> Command,
    ) -> Result<T, Error> {
        let Some(thread) = &self.thread else {
            let message = "the stores are in memory only";
            return Err(Error::new(ErrorCode::Internal, message));
        };
        thread.mailbox().ask(command).await
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Registry {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            entries: RwLock::default(),
            outage: RwLock::default(),
        }
    }

    /// Says why nothing can be written from now on, or that it can.
    pub(crate) fn tell_outage(&self, told: Option<Outage>) {
        let mut outage = self.outage.write();
        let since = outage.as_ref().map(|known| known.since);
        *outage = told.map(|new| Outage {
            since: since.unwrap_or(new.since),
            ..new
        });
    }

    pub(crate) fn find(&self, id: &StoreId) -> Option<Arc<NamedStore>> {
        self.entries.read().get(id).cloned()
    }

    /// Whether one more store is allowed.
    pub(crate) fn admit(&self) -> Result<(), Error> {
        admit(&self.entries.read(), self.settings.max_stores)
    }

    /// Adds a store that callers made.
    fn add(&self, entry: NamedStore) -> Result<Arc<NamedStore>, Error> {
        let mut entries = self.entries.write();
        admit(&entries, self.settings.max_stores)?;
        let entry = Arc::new(entry);
        entries.insert(entry.id().clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Adds a store, or puts it in place of another.
    pub(crate) fn put(&self, entry: Arc<NamedStore>) -> Arc<NamedStore> {
        let mut entries = self.entries.write();
        entries.insert(entry.id().clone(), Arc::clone(&entry));
        entry
    }

    pub(crate) fn remove(&self, id: &StoreId) -> bool {
        self.entries.write().remove(id).is_some()
    }
}

fn admit(entries: &BTreeMap<StoreId, Arc<NamedStore>>, limit: usize) -> Result<(), Error> {
    if entries.len() < limit {
        return Ok(());
    }
    let message = format!("The number of stores exceeds the allowed limit of {limit}");
    Err(Error::new(ErrorCode::ExceededEntityLimit, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stores_come_in_pages_and_go() {
        let stores = Stores::in_memory(Settings {
            max_stores: 3,
            ..Settings::default()
        });
        for name in ["one", "two", "two"] {
            stores.create(name).await.unwrap();
        }
        assert!(stores.create("four").await.is_err());
        let first = stores.list(None, 2, |_| true);
        let rest = stores.list(first.last().map(|entry| entry.id()), 2, |_| true);
        assert_eq!((first.len(), rest.len()), (2, 1));
        assert_eq!(stores.list(None, 9, |entry| entry.name() == "two").len(), 2);
        assert_eq!(stores.delete(first[0].id()).await, Ok(true));
        assert_eq!(stores.delete(first[0].id()).await, Ok(false));
        assert!(stores.find(first[0].id()).is_none());
        assert!(stores.create("four").await.is_ok());
    }
}
