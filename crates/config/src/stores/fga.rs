//! The long-lived places of relationships.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use ztag_fga::spec::ModelSpec;
use ztag_fga::{ErrorCode, OnDuplicate, Tuple, WriteRequest};
use ztag_fga_api::{NamedStore, StoreId, Stores};
use ztag_fga_remote::{LocalStore, RemoteStore};
use ztag_fga_store::Settings;
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

/// What a store that is written to begins with.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) model: Option<ModelSpec>,
    pub(crate) tuples: Vec<Tuple>,
}

impl FgaPlaces {
    /// The stores of `folder`, or none yet, in memory. `None` when they cannot be opened, with
    /// findings.
    pub(crate) fn open(
        folder: Option<&Path>,
        clock: &Arc<dyn Clock>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let Some(folder) = folder else {
            return Some(Self::in_memory(clock));
        };
        let opened = Stores::open(folder, settings(clock)).map_err(|error| {
            let at = ConfigPath::root().key("server").key("fga").key("folder");
            let message = format!("`{}` cannot be opened: {error}", folder.display());
            Diagnostic::error(Code::Unreadable, &at, message)
        });
        findings.keep(opened).map(Self::of)
    }

    /// No stores yet, in memory.
    pub(crate) fn in_memory(clock: &Arc<dyn Clock>) -> Self {
        Self::of(Stores::in_memory(settings(clock)))
    }

    fn of(served: Stores) -> Self {
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
        if let Some((own, store)) = kept.get(name)
            && own == id
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
            let store = Arc::new(store);
            kept.insert(name.to_owned(), (id.clone(), Arc::clone(&store)));
            store
        }))
    }
}

impl Beginning {
    /// Writes to a store that has no model.
    async fn write_to(self, store: &NamedStore) -> Result<(), ztag_fga::Error> {
        let (Some(model), Err(_)) = (self.model, store.store().model(None)) else {
            return Ok(());
        };
        store.write_model(model).await?;
        let most = store.store().limits().tuples_per_write;
        for tuples in self.tuples.chunks(most.max(1)) {
            let request = WriteRequest {
                writes: tuples.to_vec(),
                on_duplicate: OnDuplicate::Ignore,
                ..WriteRequest::default()
            };
            store.write(request).await?;
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
