//! What the stores are asked and told, in numbers: as JSON for people and their tools, and as
//! Prometheus reads it (text format 0.0.4).
//!
//! Counts begin with the process and do not go back when a store is deleted. Labels come from
//! closed sets, but for the ids and names of the oldest stores.

mod json;
mod seen;
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value as Json;
use ztag_fga::{Size, Store, Tally};
use ztag_fga_store::{NamedStore, StoreId, Stores};

use self::seen::Seen;

pub use self::text::{METRICS, MetricFamily};

/// Stores that are told of one by one; the others are told of together.
const TOLD: usize = 100;

/// Reads the counts of the stores of a process.
pub struct FgaMetrics {
    stores: Arc<Stores>,
    fixed: Option<Ask>,
    seen: Mutex<Seen>,
}

/// A store that the API does not serve, such as one that files define.
#[derive(Clone, Debug)]
pub struct FixedStore {
    /// Its id.
    pub id: StoreId,
    /// Its name.
    pub name: String,
    /// What is counted.
    pub store: Arc<Store>,
}

type Ask = Box<dyn Fn() -> Vec<FixedStore> + Send + Sync>;

/// All counts at one moment.
struct Reading {
    total: Tally,
    per_second: f64,
    /// Seconds that the rate is about.
    window: f64,
    stores: Vec<StoreReading>,
    /// All stores together, those not told of as well.
    count: usize,
    size: Size,
    outage: Duration,
}

/// One store.
struct StoreReading {
    id: StoreId,
    name: String,
    size: Size,
    models: usize,
    revision: String,
    checks: u64,
}

impl FgaMetrics {
    /// The counts of `stores`.
    pub fn new(stores: Arc<Stores>) -> Self {
        Self {
            stores,
            fixed: None,
            seen: Mutex::new(Seen::from(Instant::now())),
        }
    }

    /// The same with those of stores that the API does not serve: `ask` is asked for them whenever
    /// counts are read. What one of them is asked between the last reading and its end is not
    /// counted.
    #[must_use]
    pub fn with_fixed(self, ask: impl Fn() -> Vec<FixedStore> + Send + Sync + 'static) -> Self {
        Self {
            fixed: Some(Box::new(ask)),
            ..self
        }
    }

    /// All numbers as JSON.
    pub fn json(&self) -> Json {
        self.read().json()
    }

    /// All numbers as Prometheus reads them.
    pub fn text(&self) -> String {
        self.read().text()
    }

    /// The same; nothing as long as there was no store.
    pub fn text_if_used(&self) -> Option<String> {
        let reading = self.read();
        let is_used = reading.count > 0 || reading.total.checks() > 0;
        is_used.then(|| reading.text())
    }

    fn read(&self) -> Reading {
        let mut all = self.fixed.as_ref().map_or_else(Vec::new, |ask| ask());
        let served = self.stores.list(None, usize::MAX, |_| true);
        all.extend(served.iter().map(|own| FixedStore::from(&**own)));
        let mut seen = self.seen.lock();
        let total = seen.add_up(all.iter().map(|own| &own.store));
        let (per_second, window) = seen.rate(Instant::now(), total.checks());
        drop(seen);
        let mut size = Size::default();
        for own in &all {
            add(&mut size, &own.store.size());
        }
        Reading {
            total,
            per_second,
            window,
            stores: all.iter().take(TOLD).map(StoreReading::of).collect(),
            count: all.len(),
            size,
            outage: self.stores.outage_lasts().unwrap_or_default(),
        }
    }
}

impl fmt::Debug for FgaMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FgaMetrics").finish_non_exhaustive()
    }
}

impl From<&NamedStore> for FixedStore {
    fn from(named: &NamedStore) -> Self {
        Self {
            id: named.id().clone(),
            name: named.name().to_owned(),
            store: Arc::clone(named.store()),
        }
    }
}

impl StoreReading {
    fn of(own: &FixedStore) -> Self {
        let store = &own.store;
        Self {
            id: own.id.clone(),
            name: own.name.clone(),
            size: store.size(),
            models: store.models(None, usize::MAX).len(),
            revision: store.revision().to_string(),
            checks: store.tally().checks(),
        }
    }
}

fn add(size: &mut Size, other: &Size) {
    size.tuples += other.tuples;
    size.entities += other.entities;
    size.index_bytes += other.index_bytes;
    size.name_bytes += other.name_bytes;
    size.log_bytes += other.log_bytes;
}
