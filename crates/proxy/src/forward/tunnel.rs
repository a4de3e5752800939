//! Two connections that became one.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional_with_sizes};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use ztag_server::{OpenStream, Shutdown};

use crate::upstream::Relayed;

/// Bytes kept for each direction: what one side sent and the other has not taken yet.
const BUFFER: usize = 16 * 1024;

/// Longest wait for both sides to switch once the 101 is on its way.
const SWITCHING: Duration = Duration::from_secs(10);

/// Longest wait for the last bytes when a tunnel is closed from here.
const CLOSING: Duration = Duration::from_secs(1);

/// The connection of a client that may be switched, as long as the process serves.
#[derive(Debug)]
pub struct ClientUpgrade {
    client: OnUpgrade,
    shutdown: Shutdown,
    /// Keeps the connection of a stream from being taken for idle; whole connections need none.
    stream: Option<OpenStream>,
}

/// How long a switched connection may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Longest silence of both sides.
    pub(super) idle: Duration,
    /// How long what the client was admitted by stays valid: nobody stays in on an expired token.
    pub(super) valid_for: Option<Duration>,
}

impl Patience {
    /// Waits for the end of what the client was admitted by.
    async fn expired(self) {
        match self.valid_for {
            Some(valid_for) => sleep(valid_for).await,
            None => std::future::pending().await,
        }
    }
}

impl ClientUpgrade {
    /// The connection of the request that `client` was taken from. A switched connection ends
    /// when `shutdown` begins.
    pub const fn new(client: OnUpgrade, shutdown: Shutdown) -> Self {
        Self {
            client,
            shutdown,
            stream: None,
        }
    }

    /// The stream of a request over HTTP/2 that asks to be switched (RFC 8441), kept open by
    /// `stream`.
    #[must_use]
    pub fn of_stream(self, stream: OpenStream) -> Self {
        Self {
            stream: Some(stream),
            ..self
        }
    }

    /// Whether it is a stream of HTTP/2, not a connection.
    pub(super) const fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Joins the client's connection to the upstream's, once both have switched. `exchange` is
    /// kept to the end: it counts the upstream's connection.
    pub(super) fn join(self, upstream: OnUpgrade, exchange: Relayed, patience: Patience) {
        let Self {
            client,
            shutdown,
            stream,
        } = self;
        tokio::spawn(async move {
            let both = async { tokio::try_join!(client, upstream) };
            if let Ok(Ok((client, upstream))) = timeout(SWITCHING, both).await {
                splice(
                    TokioIo::new(client),
                    TokioIo::new(upstream),
                    patience,
                    &shutdown,
                )
                .await;
            }
            drop((exchange, stream));
        });
    }
}

/// Copies both ways until both sides are done, one fails, neither says anything for too long, what
/// the client was admitted by expires, or `shutdown` begins. A side that is done may still listen.
async fn splice<C, U>(client: C, upstream: U, patience: Patience, shutdown: &Shutdown)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let pulse = Pulse::new();
    let mut client = Watched::new(client, &pulse);
    let mut upstream = Watched::new(upstream, &pulse);
    let ended = {
        let mut copying = pin!(copy_bidirectional_with_sizes(
            &mut client,
            &mut upstream,
            BUFFER,
            BUFFER
        ));
        tokio::select! {
            ended = copying.as_mut() => ended.map(drop),
            () = pulse.silent_for(patience.idle) => Err(io::ErrorKind::TimedOut.into()),
            () = patience.expired() => Err(io::ErrorKind::PermissionDenied.into()),
            () = shutdown.begun() => Err(io::ErrorKind::Interrupted.into()),
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "tunnel ended early");
        // Both are told that nothing more comes, where they still listen.
        let closing = async { tokio::join!(client.shutdown(), upstream.shutdown()) };
        let _ = timeout(CLOSING, closing).await;
    }
}

/// When a tunnel last moved a byte.
#[derive(Debug)]
struct Pulse {
    since: Instant,
    /// Milliseconds after `since`.
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            last: AtomicU64::new(0),
        })
    }

    fn beat(&self) {
        let elapsed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    /// Waits until nothing moved for `longest`. One timer serves the whole life of a tunnel.
    async fn silent_for(&self, longest: Duration) {
        loop {
            let last = self.since + Duration::from_millis(self.last.load(Ordering::Relaxed));
            let end = last + longest;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// A side of a tunnel, which beats with every byte that it gives or takes.
struct Watched<T> {
    inner: T,
    pulse: Arc<Pulse>,
}

impl<T> Watched<T> {
    fn new(inner: T, pulse: &Arc<Pulse>) -> Self {
        Self {
            inner,
            pulse: Arc::clone(pulse),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.pulse.beat();
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.pulse.beat();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// The clock stands still but for what everybody waits for.
    #[tokio::test(start_paused = true)]
    async fn attack_42_a_switched_connection_ends_with_the_token() {
        let (mut client, ours) = duplex(64);
        let (theirs, mut upstream) = duplex(64);
        let patience = Patience {
            idle: Duration::from_hours(1),
            valid_for: Some(Duration::from_secs(30)),
        };
        let begun = Instant::now();
        let shutdown = Shutdown::new();
        let tunnel = tokio::spawn(async move { splice(ours, theirs, patience, &shutdown).await });
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        upstream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        tunnel.await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
        assert_eq!(client.read(&mut heard).await.unwrap(), 0, "both are told");
        assert_eq!(upstream.read(&mut heard).await.unwrap(), 0);
    }
}
