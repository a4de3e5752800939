//! The connections to one target.
//!
//! A connection lives on the runtime that made it. With one runtime per core, handing it to
//! another core would cost a wake-up across threads for every read: so each thread has its own
//! shelf, and looks at those of others only when the target may have no further connection.
//!
//! Connections carry no identity: a target is authenticated to, and by, the configuration of its
//! group alone. So one may serve the request of any principal, and credentials travel in requests.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::http1::Http1;
use super::line::{Channel, Http2};

/// Most streams that use one HTTP/2 connection before another is opened.
pub(super) const STREAMS: usize = 100;

/// The connections to one target: a place.
#[derive(Debug)]
pub(super) struct Pool {
    shelves: Arc<Shelves>,
    open: Arc<AtomicUsize>,
    max_idle: usize,
    max_open: usize,
    idle_timeout: Duration,
}

/// The shelves of all threads, with the keeper of the HTTP/1 connections on them, which nobody else
/// moves: a task, as long as there are any.
#[derive(Debug)]
struct Shelves {
    own: Box<[Shelf]>,
    /// Rings when something happened on one of the connections.
    keeper: Arc<Notify>,
    kept: AtomicBool,
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    #[expect(
        clippy::vec_box,
        reason = "a connection is lent out and given back with every request"
    )]
    http1: Mutex<Vec<Box<Http1>>>,
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
    /// later, for `idle_timeout` at the longest.
    pub(super) fn new(max_idle: usize, max_open: usize, idle_timeout: Duration) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let shelves = Shelves {
            own: (0..threads).map(|_| Shelf::default()).collect(),
            keeper: Arc::default(),
            kept: AtomicBool::new(false),
        };
        Self {
            shelves: Arc::new(shelves),
            open: Arc::default(),
            max_idle,
            max_open,
            idle_timeout,
        }
    }

    /// Who is told what happens on HTTP/1 connections that nobody uses.
    pub(super) fn keeper(&self) -> &Arc<Notify> {
        &self.shelves.keeper
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
        let own = self.own_shelf().and_then(Shelf::take_http1);
        let line = own.or_else(|| {
            let full = self.is_full();
            full.then(|| self.shelves.own.iter().find_map(Shelf::take_http1))?
        });
        line.map(Channel::http1)
    }

    /// A stream of an HTTP/2 connection of this thread.
    pub(super) fn take_http2(&self) -> Option<Channel> {
        self.own_shelf()?.take_http2()
    }

    /// A stream of an HTTP/2 connection of any thread.
    pub(super) fn take_any_http2(&self) -> Option<Channel> {
        self.shelves.own.iter().find_map(Shelf::take_http2)
    }

    /// Keeps the connection of `channel`, whose response was read to its end, for later requests.
    pub(super) fn put(&self, channel: Channel) {
        let (Some(line), Some(shelf)) = (channel.into_idle(), self.own_shelf()) else {
            return;
        };
        let mut lines = shelf.http1.lock();
        if lines.len() < self.max_idle {
            lines.push(line);
            drop(lines);
            self.shelves.have_kept(self.idle_timeout);
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
        let shelves = &self.shelves.own;
        shelves.get(thread_number() % shelves.len().max(1))
    }
}

impl Shelves {
    /// Makes sure that there is a keeper.
    fn have_kept(self: &Arc<Self>, idle_timeout: Duration) {
        if !self.kept.load(Ordering::Relaxed) && !self.kept.swap(true, Ordering::SeqCst) {
            let (shelves, rung) = (Arc::downgrade(self), Arc::clone(&self.keeper));
            tokio::spawn(keep(shelves, rung, idle_timeout));
        }
    }

    /// Closes what is over, and tells when the next connection will have been idle for too long;
    /// none when there is nothing left to keep.
    fn tidy(&self, idle_timeout: Duration) -> Option<Instant> {
        let first = || self.own.iter().filter_map(|own| own.tidy(idle_timeout));
        first().min().or_else(|| {
            self.kept.store(false, Ordering::SeqCst);
            // Who put one there in the meantime relied on us.
            let first = first().min();
            first.filter(|_| !self.kept.swap(true, Ordering::SeqCst))
        })
    }
}

impl Drop for Shelves {
    fn drop(&mut self) {
        self.keeper.notify_one();
    }
}

/// Closes connections that the target closed, and those that nobody used for `idle_timeout`.
async fn keep(shelves: Weak<Shelves>, rung: Arc<Notify>, idle_timeout: Duration) {
    while let Some(next) = shelves.upgrade().and_then(|own| own.tidy(idle_timeout)) {
        // Whichever it was: the connections tell what is to be done.
        let _ = timeout_at(next, rung.notified()).await;
    }
}

impl Shelf {
    /// A connection that is ready to take a request.
    fn take_http1(&self) -> Option<Box<Http1>> {
        let mut lines = self.http1.lock();
        loop {
            if let Some(line) = lines.pop()?.resume() {
                return Some(line);
            }
        }
    }

    /// Closes what is over, and tells when the first of the others will be.
    fn tidy(&self, idle_timeout: Duration) -> Option<Instant> {
        let (now, mut first) = (Instant::now(), None::<Instant>);
        self.http1.lock().retain_mut(|line| {
            let ends = line.ends(idle_timeout).filter(|ends| *ends > now);
            first = first.into_iter().chain(ends).min();
            ends.is_some()
        });
        first
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
