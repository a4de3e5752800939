//! The connections to one target.
//!
//! A connection lives on the runtime that made it. With one runtime per core, handing it to
//! another core would cost a wake-up across threads for every read: so each thread has its own
//! shelf, and looks at those of others only when the target may have no further connection.
//!
//! Connections carry no identity: a target is authenticated to, and by, the configuration of its
//! group alone. So one may serve the request of any principal, and credentials travel in requests.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::line::{Channel, Http1, Http2};

/// Most streams that use one HTTP/2 connection before another is opened.
pub(super) const STREAMS: usize = 100;

/// The connections to one target: a place.
#[derive(Debug)]
pub(super) struct Pool {
    shelves: Box<[Shelf]>,
    open: Arc<AtomicUsize>,
    max_idle: usize,
    max_open: usize,
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    http1: Mutex<Vec<Http1>>,
    http2: Mutex<Vec<Http2>>,
    /// Held while an HTTP/2 connection is made, so that those who need it wait for one.
    pub(super) dialing: tokio::sync::Mutex<()>,
    /// Attempts to make one that failed.
    pub(super) failed: AtomicU64,
}

/// A connection that counts as open.
#[derive(Debug)]
pub(super) struct Opened(Arc<AtomicUsize>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of at most `max_open` connections in use, of which each thread keeps `max_idle` for
    /// later.
    pub(super) fn new(max_idle: usize, max_open: usize) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            shelves: (0..threads).map(|_| Shelf::default()).collect(),
            open: Arc::default(),
            max_idle,
            max_open,
        }
    }

    /// Connections that are open, those being closed included.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether there are as many connections as may be.
    pub(super) fn is_full(&self) -> bool {
        self.open() >= self.max_open
    }

    /// Counts a new connection until the value is dropped.
    pub(super) fn opened(&self) -> Opened {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(Arc::clone(&self.open))
    }

    /// An idle HTTP/1 connection, the most recently used first.
    pub(super) fn take_http1(&self) -> Option<Channel> {
        let line = self.own_shelf().and_then(Shelf::take_http1).or_else(|| {
            let full = self.is_full();
            full.then(|| self.shelves.iter().find_map(Shelf::take_http1))?
        })?;
        line.life.begin();
        Some(Channel::http1(line))
    }

    /// A stream of an HTTP/2 connection of this thread.
    pub(super) fn take_http2(&self) -> Option<Channel> {
        self.own_shelf()?.take_http2()
    }

    /// A stream of an HTTP/2 connection of any thread.
    pub(super) fn take_any_http2(&self) -> Option<Channel> {
        self.shelves.iter().find_map(Shelf::take_http2)
    }

    /// Keeps the connection of `channel`, whose response was read to its end, for later requests.
    pub(super) fn put(&self, channel: Channel) {
        let (Some(line), Some(shelf)) = (channel.into_idle(), self.own_shelf()) else {
            return;
        };
        let mut lines = shelf.http1.lock();
        if lines.len() >= self.max_idle {
            lines.retain(|idle| !idle.sender.is_closed());
        }
        if lines.len() < self.max_idle && !line.sender.is_closed() {
            lines.push(line);
        }
    }

    /// Shares a new HTTP/2 connection with later requests.
    pub(super) fn share(&self, line: Http2) {
        if let Some(shelf) = self.own_shelf() {
            shelf.http2.lock().push(line);
        }
    }

    /// The shelf of this thread.
    pub(super) fn own_shelf(&self) -> Option<&Shelf> {
        self.shelves
            .get(thread_number() % self.shelves.len().max(1))
    }
}

impl Shelf {
    /// A connection that is ready to take a request. The others are closed, or still have to
    /// finish the last one: those wait for their turn, or for the end of the idle time.
    fn take_http1(&self) -> Option<Http1> {
        let mut lines = self.http1.lock();
        let ready = lines.iter().rposition(|idle| idle.sender.is_ready());
        let line = ready.map(|position| lines.remove(position));
        if ready != Some(lines.len()) {
            lines.retain(|idle| !idle.sender.is_closed());
        }
        line
    }

    fn take_http2(&self) -> Option<Channel> {
        let mut lines = self.http2.lock();
        if lines.iter().any(|line| line.sender.is_closed()) {
            lines.retain(|line| !line.sender.is_closed());
        }
        let line = lines.iter().find(|line| line.life.users() < STREAMS)?;
        line.life.begin();
        Some(Channel::http2(line.clone()))
    }
}

/// A small number that tells threads apart.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}
