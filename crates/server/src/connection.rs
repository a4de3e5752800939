//! The byte stream of one connection, which notes what the connection waits for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::sweep::{Phase, Progress};

/// A TCP stream whose reads and writes advance a [`Progress`].
#[derive(Debug)]
pub(crate) struct Stream {
    inner: TokioIo<TcpStream>,
    progress: Arc<Progress>,
}

impl Stream {
    pub(crate) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self {
            inner: TokioIo::new(stream),
            progress,
        }
    }

    fn wrote(&self) {
        if self.progress.phase() == Phase::Reply {
            self.progress.enter(Phase::Reply);
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        match (self.progress.phase(), polled.is_ready()) {
            (Phase::Reply, false) => self.progress.enter(Phase::Idle),
            (Phase::Reply | Phase::Idle, true) => self.progress.enter(Phase::Head),
            _ => {}
        }
        polled
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        self.wrote();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.wrote();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
