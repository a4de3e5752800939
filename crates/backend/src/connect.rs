//! From a URL to a connection that speaks HTTP/1.1.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::compile::Settings;
use crate::dial::Dialer;
use crate::error::{Failure, FailureKind};
use crate::pool::{Channel, Origin};
use crate::wire::Life;

/// Most bytes of the head of a reply, and of its trailers.
const MAX_HEAD: usize = 64 * 1024;
/// Most bytes buffered per connection.
const MAX_BUFFER: usize = 128 * 1024;

/// How connections are made and kept.
pub(crate) struct Connector {
    pub(crate) dialer: Dialer,
    idle_timeout: Duration,
}

impl Connector {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            dialer: Dialer::new(settings.connect_timeout, settings.guard, settings.tls),
            idle_timeout: settings.idle_timeout,
        }
    }

    /// A new connection to the host of `url`, on the current runtime.
    pub(crate) async fn connect(&self, url: &Url, origin: &Origin) -> Result<Channel, Failure> {
        let wire = self.dialer.dial(url, origin.opened()).await?;
        let life = Arc::clone(wire.life());
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| Failure::because(FailureKind::Connect, error))?;
        tokio::spawn(drive(connection, Arc::clone(&life), self.idle_timeout));
        Ok(Channel { sender, life })
    }
}

/// Moves a connection's bytes until it closes or has been idle for `idle_timeout`.
pub async fn drive(
    connection: impl Future<Output = hyper::Result<()>>,
    life: Arc<Life>,
    idle_timeout: Duration,
) {
    let mut connection = pin!(connection);
    let mut check = pin!(sleep_until(Instant::now() + idle_timeout));
    let mut is_set = false;
    poll_fn(|cx| {
        // Whoever waits for a reply learns of an error; on an idle connection it is an end.
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Set already, for the same task: there is nothing to do before it rings.
        if is_set && !check.is_elapsed() {
            return Poll::Pending;
        }
        while check.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let end = life.idle_since().unwrap_or(now) + idle_timeout;
            if end <= now {
                return Poll::Ready(());
            }
            check.as_mut().reset(end);
        }
        is_set = true;
        Poll::Pending
    })
    .await;
}
