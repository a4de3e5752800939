//! The long-lived places of relationships.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ztag_fga::spec::ModelSpec;
use ztag_fga::{ErrorCode, Tuple};
use ztag_fga_api::{FgaMetrics, FixedStore, NamedStore, StoreId, Stores};
use ztag_fga_remote::{Freshness, LocalStore, RemoteStore};
use ztag_fga_store::Settings;
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings};

use super::Shelf;
use super::home::FgaHome;
use crate::fga_spec::FgaStoreSpec;

/// The long-lived places of relationships: the stores that are written to while running.
#[derive(Debug)]
pub struct FgaPlaces {
    /// Stores that are what files say. One whose files say the same as before serves on.
    pub(crate) fixed: Arc<Shelf<LocalStore>>,
    /// Stores of servers, with what is remembered of their answers. One of which the same is said as
    /// before serves on.
    pub(crate) remote: Shelf<RemoteStore>,
    /// Stores that are written to, by name. They stay when the configuration forgets them, perhaps
    /// by mistake, until the process ends.
    kept: Mutex<BTreeMap<String, (StoreId, Arc<LocalStore>)>>,
    /// The same as the API knows them.
    served: Arc<Stores>,
    metrics: Arc<FgaMetrics>,
}

/// What a store that is written to begins with.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) model: Option<ModelSpec>,
    pub(crate) tuples: Vec<Tuple>,
}

impl FgaPlaces {
    /// The stores that are written down there, or none yet. `None` when they cannot be opened, with
    /// findings.
    pub(crate) fn open(
        home: FgaHome,
        clock: &Arc<dyn Clock>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let at = ConfigPath::root().key("server").key("fga");
        let (opened, place, at) = match home {
            FgaHome::Memory => return Some(Self::in_memory(clock)),
            FgaHome::Folder(folder) => {
                let opened = Stores::open(&folder, settings(clock));
                (opened, folder.display().to_string(), at.key("folder"))
            }
            FgaHome::Database(database) => {
                let (place, at) = (database.address.to_string(), at.key("postgres"));
                (Stores::connect(settings(clock), *database), place, at)
            }
        };
        let opened = opened.map_err(|error| {
            let message = format!("`{place}` cannot be opened: {error}");
            Diagnostic::error(Code::Unreadable, &at, message)
        });
        findings.keep(opened).map(Self::of)
    }

    /// No stores yet, in memory.
    pub(crate) fn in_memory(clock: &Arc<dyn Clock>) -> Self {
        Self::of(Stores::in_memory(settings(clock)))
    }

    fn of(served: Stores) -> Self {
        let (served, fixed) = (Arc::new(served), Arc::new(Shelf::default()));
        let asked = Arc::clone(&fixed);
        let metrics = FgaMetrics::new(Arc::clone(&served)).with_fixed(move || told(&asked));
        Self {
            fixed,
            remote: Shelf::default(),
            kept: Mutex::default(),
            served,
            metrics: Arc::new(metrics),
        }
    }

    /// The stores that are written to, as the API serves them.
    pub const fn served(&self) -> &Arc<Stores> {
        &self.served
    }

    /// What the stores of this process are asked and told, those of files as well.
    pub const fn metrics(&self) -> &Arc<FgaMetrics> {
        &self.metrics
    }

    /// The store `name` that is written to: the one there is, or a new one, which the API serves
    /// from now on.
    ///
    /// # Errors
    /// Why it cannot be made, or what it shall begin with cannot be written.
    pub(crate) fn keep(
        &self,
        name: &str,
        id: &StoreId,
        begin: impl FnOnce() -> Option<Beginning>,
    ) -> Option<Result<Arc<LocalStore>, ztag_fga::Error>> {
        let mut kept = self.kept.lock();
        // One that was deleted, here or by another process, is made again.
        if let Some((own, store)) = kept.get(name)
            && own == id
            && self.served.find(id).is_some()
        {
            return Some(Ok(Arc::clone(store)));
        }
        let beginning = begin()?;
        let served = &self.served;
        let made = finished(async {
            let store = served.ensure(id, name).await?;
            beginning.write_to(&store).await?;
            Ok(store)
        });
        Some(made.map(|named| {
            let store = LocalStore::new(Arc::clone(named.store()), None);
            let source = Source {
                store: named,
                patience: served.settings().patience,
            };
            let store = Arc::new(store.shared(Arc::new(source)));
            kept.insert(name.to_owned(), (id.clone(), Arc::clone(&store)));
            store
        }))
    }
}

/// What a store learns from those who write to it as well.
#[derive(Debug)]
struct Source {
    store: Arc<NamedStore>,
    patience: Duration,
}

impl Freshness for Source {
    fn latest(&self) -> Pin<Box<dyn Future<Output = Result<(), ztag_fga::Error>> + Send + '_>> {
        Box::pin(self.store.latest(self.patience))
    }
}

impl Beginning {
    /// Writes to a store that has no model, all of it or nothing.
    async fn write_to(self, store: &NamedStore) -> Result<(), ztag_fga::Error> {
        if let Some(model) = self.model {
            let tuples = self.tuples;
            store
                .begin(ztag_fga_store::Beginning { model, tuples })
                .await?;
        }
        Ok(())
    }
}

fn settings(clock: &Arc<dyn Clock>) -> Settings {
    Settings {
        clock: Arc::clone(clock),
        ..Settings::default()
    }
}

/// Waits for what the thread of the stores does. Compiling is not asynchronous, and may be asked for
/// on a thread of a runtime, which must not wait: another one does.
fn finished<T: Send>(
    work: impl Future<Output = Result<T, ztag_fga::Error>> + Send,
) -> Result<T, ztag_fga::Error> {
    let stopped = || ztag_fga::Error::new(ErrorCode::Internal, "the stores have stopped");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.map_err(|_| stopped())?.block_on(work)
        });
        waiting.join().unwrap_or_else(|_| Err(stopped()))
    })
}

/// The id of the store `name`, whose definition stands at `at`.
pub(crate) fn store_id(
    name: &str,
    spec: &FgaStoreSpec,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<StoreId> {
    let Some(text) = &spec.id else {
        return derived_id(name);
    };
    let parsed = StoreId::parse(text).ok_or_else(|| {
        let message = format!("`{text}` is not a ULID");
        Diagnostic::error(Code::InvalidValue, &at.key("id"), message)
    });
    findings.keep(parsed)
}

/// The id that follows from a name; there always is one.
fn derived_id(name: &str) -> Option<StoreId> {
    let digest = blake3::derive_key("ztag id of a store of relationships", name.as_bytes());
    let (bits, _) = digest.split_first_chunk()?;
    Some(StoreId::from_bits(u128::from_be_bytes(*bits)))
}

/// What metrics tell of stores that are what files say.
fn told(fixed: &Shelf<LocalStore>) -> Vec<FixedStore> {
    let told = fixed.all().into_iter().filter_map(|own| {
        Some(FixedStore {
            id: derived_id(own.name())?,
            name: own.name().to_owned(),
            store: Arc::clone(own.store()),
        })
    });
    told.collect()
}
