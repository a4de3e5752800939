//! A connection's bytes, and what is known about its life.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// What the task that drives a connection and those who use it tell each other.
#[derive(Debug)]
pub struct Life {
    born: Instant,
    /// Milliseconds from `born` until the connection last became idle.
    idle_since: AtomicU64,
    /// Requests under way.
    users: AtomicUsize,
    /// Whether a byte arrived since the last request began.
    answered: AtomicBool,
}

impl Life {
    /// A connection made for a request: one is under way.
    fn new() -> Self {
        Self {
            born: Instant::now(),
            idle_since: AtomicU64::new(0),
            users: AtomicUsize::new(1),
            answered: AtomicBool::new(false),
        }
    }

    /// One more request begins.
    pub fn begin(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
    }

    /// A request is over.
    pub fn rest(&self) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.idle_since.store(since, Ordering::Relaxed);
        // After the time, which counts from when there are no more.
        self.users.fetch_sub(1, Ordering::Release);
    }

    /// Requests under way.
    pub fn users(&self) -> usize {
        self.users.load(Ordering::Relaxed)
    }

    /// Since when the connection is idle, if it is.
    pub fn idle_since(&self) -> Option<Instant> {
        if self.users.load(Ordering::Acquire) > 0 {
            return None;
        }
        let since = Duration::from_millis(self.idle_since.load(Ordering::Relaxed));
        self.born.checked_add(since)
    }

    /// Whether a byte arrived since the last request began.
    pub fn answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

/// A plain or encrypted connection that notes when the peer answers. Holds a value that is dropped
/// when the connection closes, such as a place among those that may be open.
#[derive(Debug)]
pub struct Wire<H = ()> {
    stream: Stream,
    life: Arc<Life>,
    _hold: H,
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl<H> Wire<H> {
    pub(crate) fn new(stream: Stream, hold: H) -> Self {
        Self {
            stream,
            life: Arc::new(Life::new()),
            _hold: hold,
        }
    }

    /// What is known about its life: one request is under way, the one it was made for.
    pub const fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// The address at the other end.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.peer_addr(),
            Stream::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

/// Calls `$method` of whichever stream it is.
macro_rules! on_stream {
    ($wire:expr, $method:ident($($argument:expr),*)) => {
        match &mut $wire.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl<H: Unpin> AsyncRead for Wire<H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = on_stream!(self.as_mut(), poll_read(cx, buf));
        if buf.filled().len() > before {
            self.life.answered.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<H: Unpin> AsyncWrite for Wire<H> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs {
            // Requests without a body are one piece, which the system takes with less ado.
            [whole] => on_stream!(self, poll_write(cx, whole)),
            _ => on_stream!(self, poll_write_vectored(cx, bufs)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_shutdown(cx))
    }
}
