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
    patience: Patience,
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
            patience: Patience::new(silence),
        };
        // Nobody reads a body that is at its end.
        relayed.finish_at_end();
        relayed
    }

    /// The same body, of which nothing is passed on behind `end`.
    pub(crate) fn until(mut self, end: Option<Instant>) -> Self {
        self.patience.until = end;
        self
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
        let Self { body, passage, .. } = &mut *self;
        let polled = match passage {
            Some(passage) => passage.channel.poll_frame(body, cx),
            None => Pin::new(body).poll_frame(cx),
        };
        match polled {
            Poll::Ready(Some(Ok(_))) if self.patience.is_over() => self.fail(RelayError::Expired),
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.restore();
                self.finish_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => self.fail(RelayError::Broken(error)),
            Poll::Pending => match self.patience.ends(cx) {
                Some(error) => self.fail(error),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Measures how long nothing comes while somebody waits for it, and how long the whole may last. A
/// body that comes in one piece with its head costs no look at a clock and no timer, and one in many
/// pieces one timer for all.
#[derive(Debug)]
struct Patience {
    longest: Duration,
    since: Option<Instant>,
    /// When what the client was admitted by ends.
    until: Option<Instant>,
    begun: bool,
    alarm: Alarm,
}

impl Patience {
    fn new(longest: Duration) -> Self {
        Self {
            longest,
            since: None,
            until: None,
            begun: false,
            alarm: Alarm::default(),
        }
    }

    /// Whether the next piece comes behind the end; the first one never does.
    fn is_over(&mut self) -> bool {
        let goes_on = std::mem::replace(&mut self.begun, true);
        goes_on && self.until.is_some_and(|end| end <= Instant::now())
    }

    /// A piece came.
    const fn restore(&mut self) {
        self.since = None;
    }

    /// Why it is over, while nothing comes; wakes `cx` when it will be.
    fn ends(&mut self, cx: &mut Context<'_>) -> Option<RelayError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let silent = since + self.longest;
        let (end, error) = match self.until {
            Some(until) if until < silent => (until, RelayError::Expired),
            _ => (silent, RelayError::Silent),
        };
        self.alarm.rings(end, cx).then_some(error)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SILENCE: Duration = Duration::from_mins(1);

    fn patience(valid_for: Option<Duration>) -> Patience {
        Patience {
            until: valid_for.map(|left| Instant::now() + left),
            ..Patience::new(SILENCE)
        }
    }

    /// How long it lasts while nothing comes, and how it ends.
    async fn waiting(patience: &mut Patience) -> (Duration, RelayError) {
        let begun = Instant::now();
        let ended = poll_fn(|cx| match patience.ends(cx) {
            Some(error) => Poll::Ready(error),
            None => Poll::Pending,
        });
        let ended = ended.await;
        (begun.elapsed(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn attack_42_a_silent_response_ends_with_its_permission() {
        for (valid_for, expected) in [(None, 60), (Some(30), 30), (Some(90), 60)] {
            let mut patience = patience(valid_for.map(Duration::from_secs));
            let (lasted, error) = waiting(&mut patience).await;
            assert_eq!(lasted.as_secs(), expected, "{valid_for:?}");
            let expired = matches!(error, RelayError::Expired);
            assert_eq!(expired, expected == 30, "{valid_for:?}: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attack_42_a_response_without_end_ends_with_its_permission() {
        let mut patience = patience(Some(Duration::from_secs(30)));
        let begun = Instant::now();
        while !patience.is_over() {
            patience.restore();
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
        let mut late = super::Patience {
            until: Some(begun),
            ..Patience::new(SILENCE)
        };
        assert!(!late.is_over(), "what came with the head is no stream");
        assert!(late.is_over());
    }
}
