//! A request body on its way to an upstream.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::Instant;
use ztag_server::{BodyEnd, Incoming};

use crate::patience::Patience;
use crate::upstream::Progress;
use crate::whole::Pieces;

/// A request body: none, whole in memory, or streamed as the client sends it.
///
/// Trailers are not forwarded: they come when everything is judged already.
///
/// A stream has memory of its own: a body goes through many hands, and most requests have none.
#[derive(Debug)]
pub enum Outgoing {
    /// No body: the request has no `content-length` and no `transfer-encoding`.
    Empty,
    /// Whole in memory, because a rule read it.
    Full(Bytes),
    /// As the client sends it, with its back-pressure.
    Stream(Box<Streamed>),
    /// The same, up to a limit.
    Limited(Box<Limited>),
}

/// A body as its client sends it, as long as that does not take too long.
#[derive(Debug)]
pub struct Streamed {
    /// What was taken already, and comes once more.
    first: Option<Bytes>,
    body: Incoming,
    patience: Patience,
    /// When what the client was admitted by ends.
    until: Option<Instant>,
    /// Who wants to know when all of it was read.
    end: Option<BodyEnd>,
    /// Who wants to know how it gets on.
    progress: Option<Arc<Progress>>,
}

/// A streamed body of which no more than so many bytes are let through.
#[derive(Debug)]
pub struct Limited {
    body: Streamed,
    left: u64,
    exceeded: Arc<AtomicBool>,
}

/// Whether a [`Limited`] body turned out to be larger than its limit.
#[derive(Clone, Debug)]
pub(crate) struct Exceeded(Arc<AtomicBool>);

/// Why a request body ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client broke off.
    #[error("the body of the request broke off")]
    Broken(#[source] hyper::Error),
    /// What the client sent is no body: its chunks are malformed (RFC 9112 section 7.1).
    #[error("the body of the request is malformed")]
    Malformed(#[source] hyper::Error),
    /// It lasts longer than what the client was admitted by.
    #[error("the body of the request outlasts its permission")]
    Expired,
    /// The client let wait for too long.
    #[error("the body of the request came too slowly")]
    Slow,
    /// It is larger than the route allows.
    #[error("the body of the request is too large")]
    TooLarge,
}

impl From<Bytes> for Outgoing {
    fn from(whole: Bytes) -> Self {
        Self::Full(whole)
    }
}

impl Outgoing {
    /// The body as its client sends it. Waiting uses up `patience`, the longest silence, and each
    /// 512 bytes give a second of it back: a body without end is no exchange without end.
    /// `end` is told when all of it was read.
    pub fn streamed(body: Incoming, patience: Duration, end: Option<BodyEnd>) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Stream(Box::new(Streamed {
            first: None,
            body,
            patience: Patience::new(patience),
            until: None,
            end,
            progress: None,
        }))
    }

    /// The same body, no piece of which is taken behind `end`, where it is streamed.
    pub(crate) fn until(mut self, end: Option<Instant>) -> Self {
        if let Some(stream) = self.stream_mut() {
            stream.until = end;
        }
        self
    }

    /// How it gets on from now on, where it is streamed.
    pub(crate) fn watch(&mut self) -> Option<Arc<Progress>> {
        let is_over = self.is_end_stream();
        let stream = self.stream_mut()?;
        let progress = Arc::new(Progress::new(is_over));
        stream.progress = Some(Arc::clone(&progress));
        Some(progress)
    }

    /// How it gets on, where that is watched.
    pub(crate) fn progress(&self) -> Option<&Arc<Progress>> {
        let stream = match self {
            Self::Empty | Self::Full(_) => return None,
            Self::Stream(stream) => stream,
            Self::Limited(limited) => &limited.body,
        };
        stream.progress.as_ref()
    }

    fn stream_mut(&mut self) -> Option<&mut Streamed> {
        match self {
            Self::Empty | Self::Full(_) => None,
            Self::Stream(stream) => Some(stream),
            Self::Limited(limited) => Some(&mut limited.body),
        }
    }

    /// Reads the body to its end. One of more than `most` bytes stays what it is, from its beginning
    /// on: then nothing is returned.
    pub(crate) async fn read_whole(&mut self, most: usize) -> Result<Option<Bytes>, BodyError> {
        let mut pieces = Pieces::default();
        while let Some(frame) = self.frame().await {
            pieces.add(frame?.into_data().unwrap_or_default());
            if pieces.len() > most {
                self.put_back(pieces.join());
                return Ok(None);
            }
        }
        Ok(Some(pieces.join()))
    }

    /// Has `first` come once more, before the rest.
    fn put_back(&mut self, first: Bytes) {
        match self {
            Self::Empty | Self::Full(_) => *self = Self::Full(first),
            Self::Stream(body) => body.first = Some(first),
            Self::Limited(limited) => {
                limited.left += first.len() as u64;
                limited.body.first = Some(first);
            }
        }
    }

    /// The same body once more, where it can be sent again.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Full(bytes) => Some(Self::Full(bytes.clone())),
            Self::Stream(_) | Self::Limited(_) => None,
        }
    }

    /// The same body, broken off behind `most` bytes; a stream tells through the mark whether it
    /// was.
    pub(crate) fn limited(self, most: u64) -> (Self, Option<Exceeded>) {
        match self {
            Self::Stream(body) => {
                let exceeded = Arc::new(AtomicBool::new(false));
                let mark = Exceeded(Arc::clone(&exceeded));
                let limited = Limited {
                    body: *body,
                    left: most,
                    exceeded,
                };
                (Self::Limited(Box::new(limited)), Some(mark))
            }
            other => (other, None),
        }
    }
}

impl BodyError {
    /// What went wrong while a body was read.
    fn of(error: hyper::Error) -> Self {
        let io = error.source().and_then(|own| own.downcast_ref());
        let is_unreadable =
            |io: &io::Error| matches!(io.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData);
        if io.is_some_and(is_unreadable) {
            Self::Malformed(error)
        } else {
            Self::Broken(error)
        }
    }
}

impl Exceeded {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Streamed {
    /// The next piece of content; trailers are the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else {
                    self.finish();
                    return Poll::Ready(None);
                };
                if self.body.is_end_stream() {
                    self.finish();
                }
                // Silence has its own end.
                if self.until.is_some_and(|end| end <= Instant::now()) {
                    return Poll::Ready(Some(Err(BodyError::Expired)));
                }
                self.patience.restore(data.len());
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::of(error)))),
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Pending if self.patience.is_over(cx) => Poll::Ready(Some(Err(BodyError::Slow))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn left(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        let rest = self.body.size_hint();
        let mut left = SizeHint::new();
        left.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            left.set_upper(upper + first);
        }
        left
    }

    fn finish(&mut self) {
        if let Some(end) = self.end.take() {
            end.reach();
        }
    }
}

impl Limited {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = self.body.poll_data(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            let Some(left) = self.left.checked_sub(length) else {
                self.exceeded.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            };
            self.left = left;
        }
        polled
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut *self {
            Self::Empty => return Poll::Ready(None),
            Self::Full(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Self::Full(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(streamed) => streamed.poll_data(cx),
            Self::Limited(limited) => limited.poll_data(cx),
        };
        if let Some(progress) = self.progress() {
            progress.note(&polled, self.is_end_stream());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(streamed) => streamed.is_end(),
            Self::Limited(limited) => limited.body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(streamed) => streamed.left(),
            Self::Limited(limited) => limited.body.left(),
        }
    }
}
