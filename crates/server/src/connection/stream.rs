//! The byte stream of one connection, which notes what the connection waits for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::progress::{Phase, Progress};
use crate::serve::Seat;

/// Bytes of a reply that are sent in one piece: to copy so few costs less than to have the system
/// gather them.
const SMALL: usize = 1_024;

/// A TCP stream, with TLS or without.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Waits until there is something to read, be it the end.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        // An error is met again by whoever reads.
        socket.poll_read_ready(cx).map(drop)
    }
}

/// A [`Wire`] whose reads and writes advance a [`Progress`].
#[derive(Debug)]
pub(super) struct Stream {
    wire: TokioIo<Wire>,
    /// What was read already and comes first.
    ahead: Bytes,
    progress: Arc<Progress>,
    /// Given up when the stream is: whoever takes it over with an upgrade still counts.
    _seat: Seat,
}

impl Stream {
    pub(super) fn new(wire: Wire, ahead: Bytes, progress: Arc<Progress>, seat: Seat) -> Self {
        Self {
            wire: TokioIo::new(wire),
            ahead,
            progress,
            _seat: seat,
        }
    }

    /// The stream with `ahead` to be read first.
    pub(super) fn resume(self, ahead: Bytes) -> Self {
        let ahead = kept(ahead);
        Self { ahead, ..self }
    }

    /// Waits until there is something to read, be it the end.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_empty() {
            self.wire.inner().poll_readable(cx)
        } else {
            Poll::Ready(())
        }
    }

    /// The client is about to be given something.
    fn writes(&self) {
        if matches!(self.progress.phase(), Phase::Idle | Phase::Answer)
            && !self.progress.is_multiplexed()
        {
            self.progress.enter(Phase::Reply);
        }
    }

    fn wrote<T>(&self, written: &Poll<T>) {
        if self.progress.is_multiplexed() {
            self.progress.block(written.is_pending());
        } else if written.is_ready() && self.progress.phase() == Phase::Reply {
            self.progress.enter(Phase::Reply);
        }
    }
}

/// The same bytes; none at all hold no memory.
fn kept(bytes: Bytes) -> Bytes {
    if bytes.is_empty() {
        Bytes::new()
    } else {
        bytes
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = if self.ahead.is_empty() {
            Pin::new(&mut self.wire).poll_read(cx, buf)
        } else {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            self.ahead = kept(std::mem::take(&mut self.ahead));
            Poll::Ready(Ok(()))
        };
        if polled.is_ready()
            && self.progress.phase() == Phase::Idle
            && !self.progress.is_multiplexed()
        {
            self.progress.enter(Phase::Head);
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
        self.writes();
        let written = Pin::new(&mut self.wire).poll_write(cx, buf);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes();
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, bufs);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.wire).poll_flush(cx);
        if self.progress.is_multiplexed() {
            self.progress.block(flushed.is_pending());
        }
        ready!(flushed)?;
        if !self.progress.is_multiplexed() {
            self.progress.settle();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => match gather(bufs, &mut [0; SMALL]) {
                Some(whole) => Pin::new(stream).poll_write(cx, whole),
                None => Pin::new(stream).poll_write_vectored(cx, bufs),
            },
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// All of `bufs` in `room`, where they fit.
fn gather<'r>(bufs: &[io::IoSlice<'_>], room: &'r mut [u8; SMALL]) -> Option<&'r [u8]> {
    let mut end = 0;
    for buf in bufs {
        let start = end;
        end += buf.len();
        room.get_mut(start..end)?.copy_from_slice(buf);
    }
    room.get(..end)
}

#[cfg(test)]
mod tests;
