//! Idle connections, by origin.
//!
//! A connection lives on the runtime that made it. With one runtime per core, handing it to
//! another core would cost a wake-up across threads for every read: so each thread has its own
//! shelf, and looks at those of others only when the origin may have no further connection.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;
use url::{Position, Url};

use crate::compile::Settings;
use crate::wire::Life;

/// Origins remembered. URLs come from configuration, so that more are a mistake: those are called
/// without a pool.
const MAX_ORIGINS: usize = 1024;

/// The idle connections to every origin.
pub(crate) struct Pool {
    origins: RwLock<HashMap<Box<str>, Arc<Origin>, ahash::RandomState>>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    shelves: usize,
    per_shelf: usize,
    open: usize,
}

impl Pool {
    pub(crate) fn new(settings: &Settings) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let shelves = threads.min(settings.max_idle).max(1);
        Self {
            origins: RwLock::default(),
            limits: Limits {
                shelves,
                per_shelf: settings.max_idle / shelves,
                open: settings.max_connections,
            },
        }
    }

    /// The connections to the scheme, host and port of `url`.
    pub(crate) fn origin(&self, url: &Url) -> Arc<Origin> {
        let name = &url[..Position::BeforePath];
        if let Some(origin) = self.origins.read().get(name) {
            return Arc::clone(origin);
        }
        let mut origins = self.origins.write();
        if origins.len() >= MAX_ORIGINS {
            origins.retain(|_, origin| Arc::strong_count(origin) > 1 || origin.open() > 0);
        }
        if origins.len() >= MAX_ORIGINS {
            return Arc::new(Origin::new(self.limits));
        }
        let origin = origins.entry(name.into());
        Arc::clone(origin.or_insert_with(|| Arc::new(Origin::new(self.limits))))
    }
}

/// The connections to one origin.
pub(crate) struct Origin {
    shelves: Box<[Mutex<Vec<Channel>>]>,
    open: Arc<AtomicUsize>,
    /// One place per call under way.
    pub(crate) places: Semaphore,
    limits: Limits,
}

impl Origin {
    fn new(limits: Limits) -> Self {
        Self {
            shelves: (0..limits.shelves).map(|_| Mutex::default()).collect(),
            open: Arc::default(),
            places: Semaphore::new(limits.open),
            limits,
        }
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a new connection until the value is dropped.
    pub(crate) fn opened(&self) -> Opened {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(Arc::clone(&self.open))
    }

    /// An idle connection, the most recently used first, for a caller that holds a place.
    pub(crate) fn take(&self) -> Option<Channel> {
        let own = self.own_shelf();
        let channel = own.and_then(take_ready).or_else(|| {
            let full = self.open() >= self.limits.open;
            full.then(|| self.shelves.iter().find_map(take_ready))?
        })?;
        channel.life.begin();
        Some(channel)
    }

    /// Keeps `channel`, whose last reply was read to its end, for later calls.
    pub(crate) fn put(&self, channel: Channel) {
        let Some(shelf) = self.own_shelf() else {
            return;
        };
        channel.life.rest();
        let mut shelf = shelf.lock();
        if shelf.len() >= self.limits.per_shelf {
            shelf.retain(|idle| !idle.sender.is_closed());
        }
        if shelf.len() < self.limits.per_shelf && !channel.sender.is_closed() {
            shelf.push(channel);
        }
    }

    fn own_shelf(&self) -> Option<&Mutex<Vec<Channel>>> {
        self.shelves.get(thread_number() % self.limits.shelves)
    }
}

/// A connection that is ready to take a request. The others are closed, or still have to finish
/// the last one: those wait for their turn, or for the end of the idle time.
fn take_ready(shelf: &Mutex<Vec<Channel>>) -> Option<Channel> {
    let mut shelf = shelf.lock();
    let ready = shelf.iter().rposition(|idle| idle.sender.is_ready());
    let channel = ready.map(|position| shelf.remove(position));
    if ready != Some(shelf.len()) {
        shelf.retain(|idle| !idle.sender.is_closed());
    }
    channel
}

/// A small number that tells threads apart.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

/// One end of a connection; a task drives the other. Dropping it closes the connection.
pub(crate) struct Channel {
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) life: Arc<Life>,
}

/// A connection that counts as open.
pub(crate) struct Opened(Arc<AtomicUsize>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
