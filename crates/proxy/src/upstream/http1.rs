//! HTTP/1.1 on one connection, which is moved by whoever uses it.
//!
//! A task of its own for every connection would cost each request two changes of task and the
//! queues between them. So the request that uses a connection polls it; one that nobody uses is
//! looked after by the keeper of its shelf.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, coop};
use tokio::time::Instant;
use ztag_backend::{Life, Wire};

use super::bell::Bell;
use super::line::{MAX_BUFFER, MAX_HEAD};
use super::pool::Opened;
use crate::body::Outgoing;
use crate::patience::Alarm;

/// An HTTP/1 connection. It keeps its place in memory while it is lent out and given back.
pub(super) struct Http1 {
    sender: http1::SendRequest<Outgoing>,
    mover: Mover,
    bell: Arc<Bell>,
    /// The bell as a waker.
    waker: Waker,
    alarm: Alarm,
    life: Arc<Life>,
}

/// What moves the bytes of a connection. Dropped, it closes the connection.
enum Mover {
    /// Whoever uses the connection, with this.
    User(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    /// A task of its own.
    Task(AbortHandle),
    /// Nobody: the connection is over.
    Nobody,
}

impl Http1 {
    /// Begins HTTP/1.1 on `wire`, on the current runtime, for one who uses it at once.
    pub(super) async fn begin(
        wire: Wire<Opened>,
        keeper: &Arc<Notify>,
    ) -> Result<Self, hyper::Error> {
        let life = Arc::clone(wire.life());
        let (sender, connection) = http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(wire))
            .await?;
        let bell = Bell::new(keeper);
        Ok(Self {
            sender,
            mover: Mover::User(Box::pin(connection.with_upgrades())),
            waker: Waker::from(Arc::clone(&bell)),
            alarm: Alarm::default(),
            bell,
            life,
        })
    }

    /// Sends `request` and waits for the head of the response, until `deadline` at the longest:
    /// none when it did not come by then.
    pub(super) async fn exchange(
        &mut self,
        request: Box<Request<Outgoing>>,
        deadline: Option<Instant>,
    ) -> Option<Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> {
        let upload = request.body().progress().cloned();
        // What it does is done while the connection is polled: it waits for nothing by itself, and
        // must not be put off either.
        let mut answer = pin!(coop::unconstrained(self.sender.try_send_request(*request)));
        let answered = poll_fn(|cx| {
            let polled = self.poll_with(cx, |cx| answer.as_mut().poll(cx));
            if polled.is_pending() && self.is_late(deadline) {
                return Poll::Ready(None);
            }
            polled.map(Some)
        })
        .await;
        if upload.is_some_and(|upload| !upload.is_over()) {
            // It goes on even while nobody takes the response.
            self.move_apart();
        }
        answered
    }

    /// The next part of `body`, that of the response under way. What came already, such as a short
    /// body with its head, is taken without a look at the connection.
    pub(super) fn poll_frame(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if matches!(self.mover, Mover::User(_)) {
            self.bell.hush();
            let mut aside = Context::from_waker(Waker::noop());
            let ready = Pin::new(&mut *body).poll_frame(&mut aside);
            if ready.is_ready() {
                return ready;
            }
        }
        self.poll_with(cx, |cx| Pin::new(&mut *body).poll_frame(cx))
    }

    /// Polls the connection, then `part`, which waits for nothing but the connection.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut part: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.hush();
        self.advance();
        if !matches!(self.mover, Mover::User(_)) {
            return part(cx);
        }
        let polled = part(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            self.bell.tell(cx.waker());
        }
        polled
    }

    /// Whether `deadline` has come; the bell rings when it comes. One timer serves all exchanges of
    /// a connection: set for the first one, it is set anew only when it rings, which is too early
    /// for a later one.
    fn is_late(&mut self, deadline: Option<Instant>) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        deadline.is_some_and(|end| self.alarm.rings(end, &mut cx))
    }

    /// Moves what can be moved now.
    fn advance(&mut self) {
        if let Mover::User(connection) = &mut self.mover {
            // Whoever waits for a response learns of an error; without one it is an end.
            let mut cx = Context::from_waker(&self.waker);
            if connection.as_mut().poll(&mut cx).is_ready() {
                self.mover = Mover::Nobody;
            }
        }
    }

    /// Leaves the connection to a task of its own. Nobody else uses it then.
    fn move_apart(&mut self) {
        if let Mover::User(connection) = std::mem::replace(&mut self.mover, Mover::Nobody) {
            let task = tokio::spawn(connection);
            self.mover = Mover::Task(task.abort_handle());
        }
    }

    /// Leaves the connection to whoever upgrades it.
    pub(super) fn let_go(mut self) {
        self.move_apart();
        self.finish();
    }

    /// Whether a byte came back since the request was sent.
    pub(super) fn answered(&self) -> bool {
        self.life.answered()
    }

    /// Ends the exchange, whose response was read to its end. The connection comes back when it
    /// can serve another one. Where it cannot, what is still on its way is sent.
    pub(super) fn rest(mut self: Box<Self>) -> Option<Box<Self>> {
        if !self.sender.is_ready() {
            self.bell.hush();
            self.advance();
        }
        if matches!(self.mover, Mover::Task(_)) {
            self.finish();
            return None;
        }
        if !self.is_usable() {
            return None;
        }
        self.life.rest();
        self.bell.tell_keeper();
        Some(self)
    }

    /// Begins another exchange, unless the connection was closed in the meantime.
    pub(super) fn resume(mut self: Box<Self>) -> Option<Box<Self>> {
        if self.bell.hush() {
            self.advance();
        }
        if !self.is_usable() {
            return None;
        }
        self.life.begin();
        Some(self)
    }

    /// When a connection that nobody uses has lasted for `idle_timeout`; none when it is over.
    pub(super) fn ends(&mut self, idle_timeout: Duration) -> Option<Instant> {
        if self.bell.rang() {
            self.bell.tell_keeper();
            self.advance();
        }
        let since = self.life.idle_since()?;
        self.is_usable().then(|| since + idle_timeout)
    }

    fn is_usable(&self) -> bool {
        matches!(self.mover, Mover::User(_)) && self.sender.is_ready()
    }

    /// Lets the task that moves the connection do so to the end of what is on its way.
    fn finish(&mut self) {
        self.mover = Mover::Nobody;
    }
}

impl Drop for Http1 {
    fn drop(&mut self) {
        if let Mover::Task(task) = &self.mover {
            task.abort();
        }
    }
}

impl fmt::Debug for Http1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mover = match self.mover {
            Mover::User(_) => "user",
            Mover::Task(_) => "task",
            Mover::Nobody => "nobody",
        };
        f.debug_struct("Http1")
            .field("mover", &mover)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
