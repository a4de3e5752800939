//! How stores are kept.

use std::sync::Arc;
use std::time::Duration;

use ztag_fga::Limits;
use ztag_types::{Clock, SystemClock};

use crate::sqlite::SqliteSettings;

/// How stores are kept and cleaned up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The limits of each store.
    pub limits: Limits,
    /// Stores at the most.
    pub max_stores: usize,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Changes of a store after which its image is written anew; a large store waits for a
    /// sixteenth of its tuples.
    pub image_after: usize,
    /// How long changes that were taken back are kept for those who read changes; for ever if
    /// nothing is said.
    pub keep_changes: Option<Duration>,
    /// The key of stored contexts that holds the time (RFC 3339) at which a tuple is over. Tuples
    /// are deleted when it has passed; nothing is deleted if nothing is said.
    pub expire_by: Option<String>,
    /// How often all of that is looked after.
    pub tidy_every: Duration,
    /// How long to wait before trying again after a write failed.
    pub retry_after: Duration,
    /// How long a question may wait for a revision that another process wrote.
    pub patience: Duration,
    /// How the file is opened.
    pub sqlite: SqliteSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_stores: 10_000,
            clock: Arc::new(SystemClock::new()),
            image_after: 100_000,
            keep_changes: None,
            expire_by: None,
            tidy_every: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
            patience: Duration::from_secs(1),
            sqlite: SqliteSettings::default(),
        }
    }
}
