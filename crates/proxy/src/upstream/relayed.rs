//! The body of a response, as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::admission::Turn;
use super::failure::RelayError;
use super::line::Channel;
use super::place::Seat;
use crate::patience::Alarm;

/// The body of a response, as the upstream sends it, with its back-pressure.
///
/// It holds what the exchange uses: its turn in the group, its seat at the target and the
/// connection. At its end all of it is given back, and the connection serves others. Dropping it
/// before closes an HTTP/1 connection and resets an HTTP/2 stream. The body of a 101 response is
/// empty; keep it as long as the upgraded connection lives, because it is what counts it.
#[derive(Debug)]
pub struct Relayed {
    body: Incoming,
    passage: Option<Passage>,
    silence: Silence,
}

/// What an exchange uses.
#[derive(Debug)]
pub(super) struct Passage {
    pub(super) channel: Channel,
    pub(super) seat: Seat,
    /// Only held.
    pub(super) _turn: Turn,
    /// What becomes of the connection.
    pub(super) after: After,
}

/// What becomes of the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It serves others.
    Keep,
    /// It is closed: its framing is not beyond doubt.
    Close,
    /// It belongs to whoever upgrades it.
    Upgrade,
}

impl Relayed {
    pub(super) fn new(body: Incoming, mut passage: Passage, silence: Duration) -> Self {
        if passage.after == After::Upgrade {
            passage.channel.let_go();
        }
        let mut relayed = Self {
            body,
            passage: Some(passage),
            silence: Silence::new(silence),
        };
        // Nobody reads a body that is at its end.
        relayed.finish_at_end();
        relayed
    }

    fn finish_at_end(&mut self) {
        let upgrades = |passage: &Passage| passage.after == After::Upgrade;
        if self.body.is_end_stream() && !self.passage.as_ref().is_some_and(upgrades) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(passage) = self.passage.take() {
            passage.finish();
        }
    }

    fn fail(&mut self, error: RelayError) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        self.passage = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl Passage {
    /// The response was read to its end.
    fn finish(self) {
        if self.after == After::Keep {
            self.seat.target().pool.put(self.channel);
        }
    }
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.silence.end();
                self.finish_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => self.fail(RelayError::Broken(error)),
            Poll::Pending if self.silence.is_too_long(cx) => self.fail(RelayError::Silent),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Measures how long nothing comes while somebody waits for it. A body that comes in one piece
/// with its head costs no timer, and one in many pieces one for all.
#[derive(Debug)]
struct Silence {
    longest: Duration,
    since: Option<Instant>,
    alarm: Alarm,
}

impl Silence {
    fn new(longest: Duration) -> Self {
        Self {
            longest,
            since: None,
            alarm: Alarm::default(),
        }
    }

    const fn end(&mut self) {
        self.since = None;
    }

    /// Whether it has lasted too long; wakes `cx` when it will have.
    fn is_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.alarm.rings(since + self.longest, cx)
    }
}
