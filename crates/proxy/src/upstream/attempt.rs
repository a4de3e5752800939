//! One attempt at one target.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::admission::Turn;
use super::failure::{Absence, Breach, UpstreamFailure};
use super::kept::{Again, Kept};
use super::line::{Channel, Unanswered};
use super::message::{asks_upgrade, fit, vet};
use super::place::{Seat, TargetPlace};
use super::reach::Reached;
use super::relayed::{After, Passage, Relayed};
use super::spec::RetryOn;
use crate::body::Outgoing;
use crate::patience::Alarm;

/// What an attempt works by.
pub(super) struct Attempt<'a> {
    pub(super) target: &'a Arc<TargetPlace>,
    /// Whether a request that can be sent again is kept for that.
    pub(super) copies: bool,
    pub(super) max_pending: u32,
    /// Until when there must be the head of a response.
    pub(super) deadline: Option<Instant>,
    /// Until when there must be one whatever is attempted.
    pub(super) end: Option<Instant>,
}

/// The head of a response, and what it came over.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response<Incoming>,
    channel: Channel,
    seat: Seat,
    after: After,
}

/// An attempt without a response.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) failure: UpstreamFailure,
    /// What a retry would follow; none when there must be none.
    pub(super) after: Option<RetryOn>,
    /// The request, where it can be sent again.
    pub(super) again: Option<Again>,
    /// Whether the connection was used before, and so may have been closed in the meantime.
    stale: bool,
}

impl Attempt<'_> {
    /// Sends `request`, and counts how often into `sent`.
    pub(super) async fn run(
        &self,
        mut request: Box<Request<Outgoing>>,
        sent: &mut u32,
    ) -> Result<(Answer, Option<Again>), Miss> {
        let mut seat = self.seat().await?;
        let mut fresh = false;
        loop {
            let mut miss = match self.exchange(request, seat, fresh, sent).await {
                Ok(answered) => return Ok(answered),
                Err(miss) => miss,
            };
            // A target may close an idle connection at any time: that is no failure of its own,
            // and the next connection is none that it can have closed.
            let next = if fresh { None } else { miss.repeatable() };
            let Some(next) = next else {
                return Err(miss);
            };
            request = next;
            fresh = true;
            seat = self.seat().await?;
        }
    }

    async fn seat(&self) -> Result<Seat, UpstreamFailure> {
        let seat = pin!(self.target.seat(self.max_pending));
        in_time(self.end, seat).await?
    }

    async fn exchange(
        &self,
        mut request: Box<Request<Outgoing>>,
        seat: Seat,
        fresh: bool,
        sent: &mut u32,
    ) -> Result<(Answer, Option<Again>), Miss> {
        let wiring = &self.target.wiring;
        let reached = in_time(self.deadline, pin!(self.target.reach(fresh))).await;
        let Reached { mut channel, used } = match reached.flatten() {
            Ok(reached) => reached,
            Err(failure) => return Err(Miss::unsent(failure, request)),
        };
        fit(&mut request, wiring.protocol, &self.target.url)?;
        let upgrading = asks_upgrade(&request);
        let again = if self.copies || used {
            Kept::of(&request).map(Again::Kept)
        } else {
            None
        };
        *sent = sent.saturating_add(1);
        match channel.exchange(request, self.deadline).await {
            Some(Ok(mut response)) => {
                let after = vet(&mut response, wiring.protocol, upgrading)?;
                let answer = Answer {
                    response,
                    channel,
                    seat,
                    after,
                };
                Ok((answer, again))
            }
            Some(Err(unanswered)) => Err(Miss::unanswered(unanswered, &channel, again, used)),
            None => Err(Miss::sent(UpstreamFailure::Timeout, &channel, again)),
        }
    }
}

/// The outcome of `work`, unless it comes too late. What is there at once costs no timer.
// By reference: whoever is handed a future keeps it once for every way it goes.
pub(super) async fn in_time<T>(
    end: Option<Instant>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, UpstreamFailure> {
    let Some(end) = end else {
        return Ok(work.await);
    };
    let mut alarm = Alarm::default();
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending if alarm.rings(end, cx) => Poll::Ready(Err(UpstreamFailure::Timeout)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The response, whose body gives back what the exchange uses.
    pub(super) fn relay(self, turn: Turn, silence: Duration) -> Response<Relayed> {
        let passage = Passage {
            channel: self.channel,
            seat: self.seat,
            _turn: turn,
            after: self.after,
        };
        self.response
            .map(|body| Relayed::new(body, passage, silence))
    }
}

impl Miss {
    /// The request, where it failed by nothing but the age of its connection.
    fn repeatable(&mut self) -> Option<Box<Request<Outgoing>>> {
        self.again.take_if(|_| self.stale)?.into_request()
    }

    /// Nothing was sent.
    fn unsent(failure: UpstreamFailure, request: Box<Request<Outgoing>>) -> Self {
        Self {
            failure,
            after: Some(RetryOn::Connect),
            again: Some(Again::Itself(request)),
            stale: false,
        }
    }

    /// Something was sent.
    ///
    /// INVARIANT: after a byte of response there is no second request.
    fn sent(failure: UpstreamFailure, channel: &Channel, again: Option<Again>) -> Self {
        let unanswered = !channel.answered();
        Self {
            failure,
            after: unanswered.then_some(RetryOn::Reset),
            again: again.filter(|_| unanswered),
            stale: false,
        }
    }

    fn unanswered(
        unanswered: Unanswered,
        channel: &Channel,
        again: Option<Again>,
        used: bool,
    ) -> Self {
        let missed = if let Some(request) = unanswered.request {
            // Even if something came: it answers no request, such as a parting 408.
            Self::unsent(UpstreamFailure::Unavailable(Absence::Lost), request)
        } else {
            let failure = UpstreamFailure::Broken(Breach::Connection(unanswered.error));
            Self::sent(failure, channel, again)
        };
        Self {
            stale: used,
            ..missed
        }
    }
}

impl From<UpstreamFailure> for Miss {
    fn from(failure: UpstreamFailure) -> Self {
        Self {
            failure,
            after: None,
            again: None,
            stale: false,
        }
    }
}

impl From<Breach> for Miss {
    fn from(breach: Breach) -> Self {
        UpstreamFailure::Broken(breach).into()
    }
}
