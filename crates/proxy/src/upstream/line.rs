//! Connections to a target: made, driven, and lent out for one exchange at a time.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use ztag_backend::{Life, Wire, drive};

use super::pool::Opened;
use super::upload::Upload;

/// Most bytes of the head of a response, and of its trailers.
const MAX_HEAD: usize = 64 * 1024;
/// Most bytes buffered per HTTP/1 connection.
const MAX_BUFFER: usize = 128 * 1024;
/// Most bytes on their way in one HTTP/2 stream, and in all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// An HTTP/2 connection in use is asked this often whether it still is one ...
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// ... and closed when it does not answer for this long.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/1 connection that nobody uses.
#[derive(Debug)]
pub(super) struct Http1 {
    pub(super) sender: http1::SendRequest<Upload>,
    pub(super) life: Arc<Life>,
    driver: AbortHandle,
}

/// An HTTP/2 connection, shared by those who use it.
#[derive(Clone, Debug)]
pub(super) struct Http2 {
    pub(super) sender: http2::SendRequest<Upload>,
    pub(super) life: Arc<Life>,
}

impl Http1 {
    /// Begins HTTP/1.1 on `wire`, on the current runtime.
    pub(super) async fn begin(
        wire: Wire<Opened>,
        idle_timeout: Duration,
    ) -> Result<Self, hyper::Error> {
        let life = Arc::clone(wire.life());
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(wire))
            .await?;
        let driving = drive(connection.with_upgrades(), Arc::clone(&life), idle_timeout);
        let driver = tokio::spawn(driving).abort_handle();
        Ok(Self {
            sender,
            life,
            driver,
        })
    }
}

impl Http2 {
    /// Begins HTTP/2 on `wire`, on the current runtime.
    pub(super) async fn begin(
        wire: Wire<Opened>,
        idle_timeout: Duration,
    ) -> Result<Self, hyper::Error> {
        let life = Arc::clone(wire.life());
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_BUFFER)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(wire))
            .await?;
        tokio::spawn(drive(connection, Arc::clone(&life), idle_timeout));
        Ok(Self { sender, life })
    }
}

/// A connection lent out for one exchange.
///
/// INVARIANT: it goes back only through [`Self::into_idle`], after the last byte of the response.
/// Dropped on any other way, an HTTP/1 connection is cut and an HTTP/2 stream is over: what is
/// left of one response can never become another's.
#[derive(Debug)]
pub(super) enum Channel {
    /// The whole connection.
    Http1(Lent),
    /// A stream of the connection.
    Http2(Stream),
}

/// An HTTP/1 connection in use; cut when dropped.
#[derive(Debug)]
pub(super) struct Lent(Option<Http1>);

/// An HTTP/2 stream; over when dropped.
#[derive(Debug)]
pub(super) struct Stream(Http2);

/// An exchange without a response.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: hyper::Error,
    /// The request, when nothing of it was sent.
    pub(super) request: Option<Box<Request<Upload>>>,
}

impl Channel {
    /// A connection that counts as in use already.
    pub(super) const fn http1(line: Http1) -> Self {
        Self::Http1(Lent(Some(line)))
    }

    /// A stream that counts as in use already.
    pub(super) const fn http2(line: Http2) -> Self {
        Self::Http2(Stream(line))
    }

    /// Sends `request` and waits for the head of the response.
    pub(super) async fn exchange(
        &mut self,
        request: Box<Request<Upload>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let outcome = match self {
            Self::Http1(Lent(Some(line))) => line.sender.try_send_request(*request).await,
            // Let go already: nobody does that before the exchange.
            Self::Http1(Lent(None)) => std::future::pending().await,
            Self::Http2(stream) => stream.0.sender.try_send_request(*request).await,
        };
        outcome.map_err(|mut error| Unanswered {
            request: error.take_message().map(Box::new),
            error: error.into_error(),
        })
    }

    /// Whether a byte came back since the request was sent. Of HTTP/2, which tells the answers to
    /// its streams apart, an error without a head is that.
    pub(super) fn answered(&self) -> bool {
        match self {
            Self::Http1(Lent(line)) => line.as_ref().is_none_or(|line| line.life.answered()),
            Self::Http2(_) => false,
        }
    }

    /// Leaves the connection to whoever upgrades it.
    pub(super) fn let_go(&mut self) {
        if let Self::Http1(lent) = self {
            lent.0 = None;
        }
    }

    /// The connection after an exchange, at rest; none when it is shared and so was never gone.
    pub(super) fn into_idle(self) -> Option<Http1> {
        match self {
            Self::Http1(mut lent) => {
                let line = lent.0.take()?;
                line.life.rest();
                Some(line)
            }
            Self::Http2(_) => None,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.driver.abort();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.life.rest();
    }
}
