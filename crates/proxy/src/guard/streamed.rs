//! The body of a response, read while it is passed on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;
use ztag_ai_security::guardrail::{Paused, Reading};
use ztag_ai_security::stream::{EventGuard, Stopped, TextGuard};
use ztag_types::{InspectReport, StreamEnd, StreamReport};

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
    /// Ends the body in the place of its end.
    failure: Option<RelayError>,
    passed: u64,
    /// Until when values are given back.
    until: Instant,
    /// Is told once.
    listener: Option<Listener>,
}

/// What the body is read as.
#[derive(Debug)]
pub(super) enum Form {
    Events(Box<EventGuard>),
    Text(TextGuard),
    /// Something whole, of which a copy is read when all of it has passed.
    Beside(Copied),
    /// Nothing.
    Unread,
}

/// A copy of what has passed, and its type; nothing once it is too large.
#[derive(Debug)]
pub(super) struct Copied {
    bytes: Option<Vec<u8>>,
    media: Option<String>,
}

impl Form {
    pub(super) fn events(guard: EventGuard) -> Self {
        Self::Events(Box::new(guard))
    }

    pub(super) fn beside(media: Option<&str>) -> Self {
        Self::Beside(Copied {
            bytes: Some(Vec::new()),
            media: media.map(str::to_owned),
        })
    }

    fn push(
        &mut self,
        data: &[u8],
        most: usize,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        match self {
            Self::Events(events) => events.push(data, reading, out),
            Self::Text(text) => text.push(data, reading, out),
            Self::Beside(Copied { bytes, .. }) => {
                if bytes
                    .as_ref()
                    .is_some_and(|own| own.len() + data.len() > most)
                {
                    *bytes = None;
                }
                bytes.iter_mut().for_each(|own| own.extend_from_slice(data));
                Ok(())
            }
            Self::Unread => Ok(()),
        }
    }

    fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        match self {
            Self::Events(events) => events.finish(reading, out),
            Self::Text(text) => text.finish(reading, out),
            Self::Beside(_) | Self::Unread => Ok(()),
        }
    }
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
            passed: 0,
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
            passed: 0,
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
        let mut report = self.report();
        if !stopped.is_verdict() {
            report.error = Some(stopped.to_string().into());
        }
        self.tell(report, StreamEnd::Stopped);
        if !self.guard.shadow {
            self.body = None;
            self.failure = (!says_so).then_some(RelayError::Withheld);
        }
    }

    /// The next piece, as it may pass.
    fn take(&mut self, data: Bytes) -> Bytes {
        if matches!(self.form, Form::Unread) {
            return data;
        }
        let most = self.guard.max_body;
        let out = self.read(|form, reading, out| form.push(&data, most, reading, out));
        if self.guard.shadow { data } else { out.into() }
    }

    /// What passes last.
    fn end(&mut self) -> Bytes {
        let shadow = self.guard.shadow;
        let out = self.read(|form, reading, out| form.finish(reading, out));
        self.body = None;
        if let Form::Beside(copied) = std::mem::replace(&mut self.form, Form::Unread) {
            self.read_aside(copied);
        }
        let report = self.report();
        self.tell(report, StreamEnd::Whole);
        if shadow { Bytes::new() } else { out.into() }
    }

    /// Reads what has passed whole, beside the workers.
    fn read_aside(&mut self, copied: Copied) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        let guard = Arc::clone(&self.guard);
        let (paused, passed) = (std::mem::take(&mut self.paused), self.passed);
        tokio::task::spawn_blocking(move || {
            let inspection = match &copied.bytes {
                Some(bytes) => {
                    let media = copied.media.as_deref();
                    *guard.read_now(Side::Response, media, bytes, paused).report
                }
                None => {
                    let why = Unread::Body(Unwhole::TooLarge);
                    guard.pass_unread(Side::Response, why).1
                }
            };
            listener.tell(StreamReport {
                inspection,
                passed,
                end: StreamEnd::Whole,
                ..StreamReport::default()
            });
        });
    }

    fn report(&self) -> InspectReport {
        let judgement = self.paused.judgement();
        judgement.report(&self.guard.name, self.guard.shadow)
    }

    fn tell(&mut self, inspection: InspectReport, end: StreamEnd) {
        if let Some(listener) = self.listener.take() {
            listener.tell(StreamReport {
                inspection,
                passed: self.passed,
                end,
                ..StreamReport::default()
            });
        }
    }

    fn pass(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        self.passed += data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
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
                return self.pass(first);
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(self.failure.take().map(Err));
            };
            let data = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(data),
                    Err(trailers) if self.only_listens() => {
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.body = None;
                    let report = self.report();
                    self.tell(report, StreamEnd::Broken);
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.end(),
            };
            if !data.is_empty() {
                return self.pass(data);
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
    /// The client did not want the rest: what was found up to here is told.
    fn drop(&mut self) {
        let report = self.report();
        self.tell(report, StreamEnd::Left);
    }
}
