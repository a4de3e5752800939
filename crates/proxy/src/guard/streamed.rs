//! The body of a response, read while it is passed on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::Instant;
use ztag_ai_security::guardrail::{Paused, Reading};
use ztag_ai_security::stream::Stopped;
use ztag_types::{InspectReport, StreamEnd, StreamReport};

use super::form::{Copied, Form};
use super::read::Message;
use super::withheld::{Side, Unread};
use super::{Listener, RouteGuard};
use crate::forward::ReplyBody;
use crate::upstream::RelayError;
use crate::whole::Unwhole;

/// How long values are given back.
const RESTORE_FOR: Duration = Duration::from_mins(15);
/// Pieces taken in a row while nothing of them may pass; then others have their turn.
const IN_A_ROW: usize = 32;

/// The body of a response of which every piece is read before it passes. What must not pass ends it: a
/// stream of events with an event that says so, any other as if it broke off.
#[derive(Debug)]
pub struct Guarded {
    guard: Arc<RouteGuard>,
    /// What comes; nothing once it has ended.
    body: Option<ReplyBody>,
    form: Form,
    paused: Paused,
    /// Passes before all that comes.
    first: Bytes,
    /// Ends the body in the place of its end, once what passed before is on its way.
    failure: Option<RelayError>,
    /// Whether what passed before the failure had its turn to be sent.
    sent: bool,
    passed: u64,
    /// Why the rest cannot be read, if so.
    unreadable: Option<String>,
    /// Until when values are given back.
    until: Instant,
    /// Is told once.
    listener: Option<Listener>,
}

impl Guarded {
    pub(super) fn new(
        guard: Arc<RouteGuard>,
        body: ReplyBody,
        form: Form,
        paused: Paused,
        listener: Listener,
    ) -> Self {
        Self {
            guard,
            body: Some(body),
            form,
            paused,
            first: Bytes::new(),
            failure: None,
            sent: false,
            passed: 0,
            unreadable: None,
            until: Instant::now() + RESTORE_FOR,
            listener: Some(listener),
        }
    }

    /// A body that passes as it comes, `first` before the rest of it.
    pub(super) fn unread(guard: Arc<RouteGuard>, first: Bytes, rest: ReplyBody) -> Self {
        Self {
            guard,
            body: Some(rest),
            form: Form::Unread,
            paused: Paused::default(),
            first,
            failure: None,
            sent: false,
            passed: 0,
            unreadable: None,
            until: Instant::now(),
            listener: None,
        }
    }

    /// Whether pieces pass as they came.
    fn only_listens(&self) -> bool {
        self.guard.shadow || matches!(self.form, Form::Unread)
    }

    /// Reads with `read`, and returns what may pass.
    fn read(
        &mut self,
        read: impl FnOnce(&mut Form, &mut Reading<'_>, &mut Vec<u8>) -> Result<(), Stopped>,
    ) -> Vec<u8> {
        if self.until <= Instant::now() {
            self.paused.close_vault();
        }
        let mut out = Vec::new();
        let mut reading = self
            .guard
            .guardrail
            .resume(std::mem::take(&mut self.paused));
        let read = read(&mut self.form, &mut reading, &mut out);
        self.paused = reading.pause();
        if let Err(stopped) = read {
            self.stop(&stopped);
        }
        out
    }

    /// Something must not pass.
    fn stop(&mut self, stopped: &Stopped) {
        let says_so = matches!(self.form, Form::Events(_));
        self.form = Form::Unread;
        self.unreadable = (!stopped.is_verdict()).then(|| stopped.to_string());
        self.tell(StreamEnd::Stopped);
        if !self.guard.shadow {
            self.body = None;
            self.failure = (!says_so).then_some(RelayError::Withheld);
        }
    }

    /// The next piece, as it may pass.
    fn take(&mut self, data: &Bytes) -> Bytes {
        let mut passing = data.clone();
        if !matches!(self.form, Form::Unread) {
            let most = self.guard.max_body;
            let out = self.read(|form, reading, out| form.push(data, most, reading, out));
            if !self.guard.shadow {
                passing = out.into();
            }
        }
        self.passed += passing.len() as u64;
        // Nobody asks for more of what has its announced length.
        if self.body.as_ref().is_some_and(Body::is_end_stream) {
            let rest = self.end();
            if !rest.is_empty() {
                return [passing, rest].concat().into();
            }
        }
        passing
    }

    /// Nothing more comes.
    fn break_off(&mut self, error: RelayError) -> Bytes {
        self.body = None;
        self.failure = Some(error);
        self.tell(StreamEnd::Broken);
        Bytes::new()
    }

    /// What passes last.
    fn end(&mut self) -> Bytes {
        let mut out = self.read(Form::finish);
        self.body = None;
        if self.guard.shadow {
            out.clear();
        }
        self.passed += out.len() as u64;
        if let Form::Beside(copied) = std::mem::replace(&mut self.form, Form::Unread) {
            self.read_aside(copied);
        }
        self.tell(StreamEnd::Whole);
        out.into()
    }

    /// Reads what has passed whole, beside the workers.
    fn read_aside(&mut self, copied: Copied) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let guard = Arc::clone(&self.guard);
        let (paused, passed) = (std::mem::take(&mut self.paused), self.passed);
        let here = Handle::current();
        tokio::task::spawn_blocking(move || {
            let inspection = if let Some(bytes) = copied.bytes.map(Bytes::from) {
                let message = Message::body(copied.media.as_deref(), &bytes);
                let read = guard.read(Side::Response, message, paused);
                *here.block_on(read).report
            } else {
                let why = Unread::Body(Unwhole::TooLarge);
                guard.pass_unread(Side::Response, why).1
            };
            listener.tell(StreamReport {
                inspection,
                passed,
                end: StreamEnd::Whole,
                ..StreamReport::default()
            });
        });
    }

    /// Tells what was found up to here.
    fn tell(&mut self, end: StreamEnd) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let judgement = self.paused.judgement();
        let report = judgement.report(&self.guard.name, self.guard.shadow);
        listener.tell(StreamReport {
            inspection: InspectReport {
                error: self.unreadable.take().map(Into::into),
                ..report
            },
            passed: self.passed,
            end,
            ..StreamReport::default()
        });
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        for _ in 0..IN_A_ROW {
            if !self.first.is_empty() {
                let first = std::mem::take(&mut self.first);
                return Poll::Ready(Some(Ok(Frame::data(first))));
            }
            let Some(body) = &mut self.body else {
                if self.failure.is_some() && !std::mem::replace(&mut self.sent, true) {
                    // A failure takes along what waits to be sent.
                    break;
                }
                return Poll::Ready(self.failure.take().map(Err));
            };
            let data = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(&data),
                    Err(trailers) if self.only_listens() => {
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                    Err(_) => continue,
                },
                Some(Err(error)) => self.break_off(error),
                None => self.end(),
            };
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.first.is_empty() && self.failure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for Guarded {
    /// The client did not want the rest.
    fn drop(&mut self) {
        self.tell(StreamEnd::Left);
    }
}
