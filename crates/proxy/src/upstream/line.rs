//! Connections to a target: made, driven, and lent out for one exchange at a time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;
use ztag_backend::{Life, Wire, drive};

use super::attempt::in_time;
use super::http1::Http1;
use super::pool::Opened;
use crate::body::Outgoing;

/// Most bytes of the head of a response, and of its trailers.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Most bytes buffered per HTTP/1 connection.
pub(super) const MAX_BUFFER: usize = 128 * 1024;
/// Most bytes on their way in one HTTP/2 stream, and in all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// An HTTP/2 connection in use is asked this often whether it still is one ...
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// ... and closed when it does not answer for this long.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/2 connection, shared by those who use it.
#[derive(Clone, Debug)]
pub(super) struct Http2 {
    pub(super) sender: http2::SendRequest<Outgoing>,
    pub(super) life: Arc<Life>,
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
    /// The whole connection; none when it was let go.
    Http1(Option<Box<Http1>>),
    /// A stream of the connection.
    Http2(Stream),
}

/// An HTTP/2 stream; over when dropped.
#[derive(Debug)]
pub(super) struct Stream(Http2);

/// An exchange without a response.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) error: hyper::Error,
    /// The request, when nothing of it was sent.
    pub(super) request: Option<Box<Request<Outgoing>>>,
}

impl Channel {
    /// A connection that counts as in use already.
    pub(super) const fn http1(line: Box<Http1>) -> Self {
        Self::Http1(Some(line))
    }

    /// A stream that counts as in use already.
    pub(super) const fn http2(line: Http2) -> Self {
        Self::Http2(Stream(line))
    }

    /// Sends `request` and waits for the head of the response, until `deadline` at the longest:
    /// none when it did not come by then.
    pub(super) async fn exchange(
        &mut self,
        request: Box<Request<Outgoing>>,
        deadline: Option<Instant>,
    ) -> Option<Result<Response<Incoming>, Unanswered>> {
        let outcome = match self {
            Self::Http1(Some(line)) => line.exchange(request, deadline).await?,
            // Let go already: nobody does that before the exchange.
            Self::Http1(None) => std::future::pending().await,
            Self::Http2(stream) => {
                let exchange = pin!(stream.0.sender.try_send_request(*request));
                in_time(deadline, exchange).await.ok()?
            }
        };
        Some(outcome.map_err(|mut error| Unanswered {
            request: error.take_message().map(Box::new),
            error: error.into_error(),
        }))
    }

    /// The next part of `body`, that of the response under way.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        match self {
            Self::Http1(Some(line)) => line.poll_frame(body, cx),
            Self::Http1(None) | Self::Http2(_) => Pin::new(body).poll_frame(cx),
        }
    }

    /// Whether a byte came back since the request was sent. Of HTTP/2, which tells the answers to
    /// its streams apart, an error without a head is that.
    pub(super) fn answered(&self) -> bool {
        match self {
            Self::Http1(line) => line.as_ref().is_none_or(|line| line.answered()),
            Self::Http2(_) => false,
        }
    }

    /// Leaves the connection to whoever upgrades it.
    pub(super) fn let_go(&mut self) {
        if let Self::Http1(line) = self
            && let Some(line) = line.take()
        {
            line.let_go();
        }
    }

    /// The connection after an exchange, at rest; none when it serves no other, and when it is
    /// shared and so was never gone.
    pub(super) fn into_idle(self) -> Option<Box<Http1>> {
        match self {
            Self::Http1(line) => line?.rest(),
            Self::Http2(_) => None,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.life.rest();
    }
}
