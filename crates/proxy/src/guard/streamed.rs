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
use ztag_ai_security::transformer::Answers;
use ztag_types::{InspectReport, StreamEnd, StreamReport};

use super::form::{Copied, Form};
use super::opinion::Opinion;
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
    /// What a classifier is asked, and what waits for its answer. Nothing more is taken until then.
    waiting: Option<(Opinion, Bytes)>,
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
            waiting: None,
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
            waiting: None,
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
        let (mut out, mut form) = (Vec::new(), std::mem::replace(&mut self.form, Form::Unread));
        let (read, questions) = self.read_on(|reading| {
            let read = read(&mut form, reading, &mut out);
            let questions = reading.questions().filter(|_| read.is_ok());
            (read, questions)
        });
        self.form = form;
        if let Some(questions) = questions {
            let opinion = Opinion::of(Arc::clone(&self.guard.guardrail), questions);
            self.waiting = Some((opinion, Bytes::new()));
        }
        if let Err(stopped) = read {
            self.stop(&stopped);
        }
        out
    }

    fn read_on<T>(&mut self, read: impl FnOnce(&mut Reading<'_>) -> T) -> T {
        let paused = std::mem::take(&mut self.paused);
        let mut reading = self.guard.guardrail.resume(paused);
        let read = read(&mut reading);
        self.paused = reading.pause();
        read
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
        if let Some((_, held)) = &mut self.waiting {
            *held = passing;
            return Bytes::new();
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
        if let Some((_, held)) = &mut self.waiting {
            *held = out.into();
            return Bytes::new();
        }
        self.passed += out.len() as u64;
        if let Form::Beside(copied) = std::mem::replace(&mut self.form, Form::Unread) {
            self.read_aside(copied);
        }
        self.tell(StreamEnd::Whole);
        out.into()
    }

    /// What passes of what was held, now that the classifier has answered.
    fn heed(&mut self, answers: &Answers, held: Bytes) -> Bytes {
        let heeded = self.read_on(|reading| reading.heed(answers));
        if let Err(stopped) = heeded {
            let mut out = Vec::new();
            self.form.refuse(&mut out);
            self.stop(&stopped);
            return out.into();
        }
        self.passed += held.len() as u64;
        if self.body.is_none() {
            self.form = Form::Unread;
            self.tell(StreamEnd::Whole);
        }
        held
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
            if let Some((opinion, _)) = &mut self.waiting {
                let answers = ready!(Pin::new(opinion).poll(cx));
                let held = self.waiting.take().map(|(_, held)| held);
                let passing = self.heed(&answers, held.unwrap_or_default());
                if !passing.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(passing))));
                }
                continue;
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
        let is_passed = self.first.is_empty() && self.waiting.is_none();
        self.body.is_none() && is_passed && self.failure.is_none()
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
