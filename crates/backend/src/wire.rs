//! A connection's bytes, and what is known about its life.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// What the task that drives a connection and the calls that use it tell each other.
#[derive(Debug)]
pub(crate) struct Life {
    born: Instant,
    /// Milliseconds from `born` until the connection became idle; [`BUSY`] while it is not.
    idle_since: AtomicU64,
    /// Whether a byte arrived since the last request began.
    answered: AtomicBool,
}

const BUSY: u64 = u64::MAX;

impl Life {
    /// A connection made for a call: busy.
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            idle_since: AtomicU64::new(BUSY),
            answered: AtomicBool::new(false),
        }
    }

    /// A call begins.
    pub(crate) fn begin(&self) {
        self.idle_since.store(BUSY, Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
    }

    /// The call is over.
    pub(crate) fn rest(&self) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(BUSY - 1);
        self.idle_since.store(since, Ordering::Relaxed);
    }

    /// Since when the connection is idle, if it is.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        match self.idle_since.load(Ordering::Relaxed) {
            BUSY => None,
            since => self.born.checked_add(Duration::from_millis(since)),
        }
    }

    /// Whether a byte arrived since the last request began.
    pub(crate) fn answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

/// A plain or encrypted connection that notes when the peer answers.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    life: Arc<Life>,
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) const fn new(stream: Stream, life: Arc<Life>) -> Self {
        Self { stream, life }
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

impl AsyncRead for Wire {
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

impl AsyncWrite for Wire {
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
        on_stream!(self, poll_write_vectored(cx, bufs))
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
