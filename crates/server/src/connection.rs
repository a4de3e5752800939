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

    /// More of a reply is about to be taken by the client.
    fn writes(&self) {
        if self.progress.phase() == Phase::Idle {
            self.progress.enter(Phase::Reply);
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
        if polled.is_ready() && self.progress.phase() == Phase::Idle {
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
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        self.wrote();
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes();
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.wrote();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        // Flushed: the client took all there is, and owes us the next request at most.
        if self.progress.phase() == Phase::Reply {
            self.progress.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::rt::ReadBuf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_between_a_reply_and_the_next_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let progress = Progress::new(Arc::default());
        let mut stream = Stream::new(listener.accept().await.unwrap().0, progress.clone());
        let mut stream = Pin::new(&mut stream);
        assert_eq!(progress.phase(), Phase::Head);

        progress.enter(Phase::Reply);
        let wrote = poll_fn(|cx| stream.as_mut().poll_write(cx, b"reply")).await;
        assert_eq!((wrote.unwrap(), progress.phase()), (5, Phase::Reply));
        poll_fn(|cx| stream.as_mut().poll_flush(cx)).await.unwrap();
        assert_eq!(progress.phase(), Phase::Idle);

        // More of a reply that is streamed.
        poll_fn(|cx| stream.as_mut().poll_write(cx, b"more"))
            .await
            .unwrap();
        assert_eq!(progress.phase(), Phase::Reply);
        poll_fn(|cx| stream.as_mut().poll_flush(cx)).await.unwrap();
        client.read_exact(&mut [0; 9]).await.unwrap();

        client.write_all(b"G").await.unwrap();
        let mut bytes = [0; 8];
        let mut read = ReadBuf::new(&mut bytes);
        poll_fn(|cx| stream.as_mut().poll_read(cx, read.unfilled()))
            .await
            .unwrap();
        assert_eq!((read.filled(), progress.phase()), (&b"G"[..], Phase::Head));
    }
}
