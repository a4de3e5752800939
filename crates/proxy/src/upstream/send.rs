//! One request: attempts until there is a response, or no point in asking again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep_until};
use ztag_types::ForwardReport;

use super::Upstream;
use super::admission::Turn;
use super::attempt::{Answer, Attempt, Miss};
use super::choose::{Tried, random};
use super::failure::{Absence, UpstreamFailure};
use super::kept::Again;
use super::place::TargetPlace;
use super::relayed::Relayed;
use super::spec::RetryOn;
use super::upload::Progress;
use crate::body::Outgoing;

/// The wait before a target is asked again is random between 0 and this; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);

impl Upstream {
    /// Sends `request` to a target and returns the head of the response; the body follows.
    ///
    /// `request` is in memory of its own: it goes through many hands, and comes back where it is sent
    /// again. It has its target in origin form, a `Host`, and no hop-by-hop fields but those of an
    /// upgrade. `longest` shortens the wait for the head of the response. Informational responses
    /// other than 101, such as 103 (Early Hints), are not passed on. Of `report`, everything but
    /// route and latency is filled in. Dropping the future closes the connection in use. Needs a
    /// tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When there is no response: nobody can be reached, none came in time, or what came is none.
    pub async fn send(
        &self,
        request: Box<Request<Outgoing>>,
        longest: Option<Duration>,
        report: &mut ForwardReport,
    ) -> Result<Response<Relayed>, UpstreamFailure> {
        report.upstream = self.name.clone();
        let own = self.policy.timeout;
        let longest = longest.map_or(own, |longest| longest.min(own));
        let outcome = self.respond(request, longest, report).await;
        match &outcome {
            Ok(response) => report.status = response.status().as_u16(),
            Err(failure) => report.error = Some(failure.as_str()),
        }
        outcome
    }

    async fn respond(
        &self,
        mut request: Box<Request<Outgoing>>,
        longest: Duration,
        report: &mut ForwardReport,
    ) -> Result<Response<Relayed>, UpstreamFailure> {
        let breaker = self.policy.breaker;
        let begun = Instant::now();
        let now = self.group.at(begun);
        let mut turn = Turn::begin(&self.group, breaker, now)?;
        let upload = request.body_mut().watch();
        let mut asking = Asking {
            upload: upload.clone(),
            tried: Tried::new(),
            now,
            end: upload.is_none().then(|| begun + longest),
        };
        let outcome = {
            // Pinned where it stands: a future that moves is kept at every place it was at.
            let attempts = pin!(self.attempts(request, &mut asking, report));
            match &upload {
                // Each wait on the way ends in time, which is cheaper than one timer for all.
                None => Some(attempts.await),
                Some(upload) => upload.within(longest, attempts).await,
            }
        };
        let outcome = outcome.unwrap_or_else(|| {
            self.blame(&asking);
            Err(UpstreamFailure::Timeout)
        });
        if let Some(failed) = asking.verdict(&outcome) {
            turn.settle(failed, breaker);
        }
        Ok(outcome?.relay(turn, self.policy.silence))
    }

    /// Asks one target after the other.
    async fn attempts(
        &self,
        mut request: Box<Request<Outgoing>>,
        asking: &mut Asking,
        report: &mut ForwardReport,
    ) -> Result<Answer, UpstreamFailure> {
        let retries = self.policy.retries;
        let mut left = retries.attempts;
        loop {
            let target = self.next(asking).await?;
            report.target = target.name.clone();
            let attempt = Attempt {
                target,
                copies: left > 0 && retries.needs_copies(),
                max_pending: self.policy.max_pending,
                deadline: asking.deadline(retries.timeout),
                end: asking.end,
            };
            let attempted = match attempt.run(request, &mut report.attempts).await {
                Ok((answer, _)) if !is_gateway_error(answer.status()) => {
                    target.ejection.succeed();
                    return Ok(answer);
                }
                attempted => attempted,
            };
            let Attempted {
                outcome,
                after,
                again,
            } = asking.weigh(attempted);
            if !matches!(outcome, Err(UpstreamFailure::Overloaded)) {
                self.blame(asking);
            }
            let now = Instant::now();
            asking.now = self.group.at(now);
            let in_time = asking.end.is_none_or(|end| now < end);
            let may = in_time && left > 0 && after.is_some_and(|what| retries.follows(what));
            let again =
                again.filter(|_| may && self.group.budget.spend(retries.percent, asking.now));
            let Some(next) = again.and_then(Again::into_request) else {
                return outcome;
            };
            request = next;
            left -= 1;
        }
    }

    /// The target to ask next: another one where there is another.
    async fn next(&self, asking: &mut Asking) -> Result<&Arc<TargetPlace>, UpstreamFailure> {
        let (tried, now) = (&mut asking.tried, asking.now);
        let chosen = self.chooser.choose(&self.targets, &self.group, tried, now);
        let found = chosen.and_then(|index| Some((index, self.targets.get(index)?)));
        let (index, target) = found.ok_or(UpstreamFailure::Unavailable(Absence::LeftOut))?;
        if tried.contains(&index) {
            pause(backoff(tried.len()), asking.end).await?;
        }
        tried.push(index);
        Ok(&target.place)
    }

    /// Counts a failure of the target asked last, and leaves it out when it was one too many.
    /// Clients that break off or dawdle do not put targets out.
    fn blame(&self, asking: &Asking) {
        let asked = asking.tried.last();
        let Some(target) = asked.and_then(|index| self.targets.get(*index)) else {
            return;
        };
        let policy = self.policy.ejection;
        if !asking.is_the_clients_fault() && target.place.ejection.fail(policy) {
            let now = self.group.at(Instant::now());
            let group = self.targets.iter().map(|target| &target.place);
            target.place.eject(group, policy, now);
        }
    }
}

/// How far a request has come.
struct Asking {
    /// How its body gets on, where it is streamed.
    upload: Option<Arc<Progress>>,
    tried: Tried,
    /// When the current attempt began, in the group's milliseconds.
    now: u64,
    /// Until when there must be the head of a response. None where the body is streamed: then the
    /// time counts from its last piece.
    end: Option<Instant>,
}

/// What an attempt came to.
struct Attempted {
    outcome: Result<Answer, UpstreamFailure>,
    /// What a retry would follow; none when there is nothing to retry.
    after: Option<RetryOn>,
    again: Option<Again>,
}

impl Asking {
    /// Of an attempt that did not succeed.
    fn weigh(&self, attempted: Result<(Answer, Option<Again>), Miss>) -> Attempted {
        match attempted {
            Ok((answer, again)) => Attempted {
                after: Some(RetryOn::Gateway),
                outcome: Ok(answer),
                again,
            },
            Err(miss) => Attempted {
                outcome: Err(self.explain(miss.failure)),
                after: miss.after,
                again: miss.again,
            },
        }
    }

    fn is_the_clients_fault(&self) -> bool {
        let upload = self.upload.as_ref();
        upload.is_some_and(|upload| upload.is_the_clients_fault())
    }

    /// Until when an attempt must have the head of a response, where it has `longest`. A streamed
    /// body is sent once, and takes as long as its client.
    fn deadline(&self, longest: Option<Duration>) -> Option<Instant> {
        let end = self.end?;
        Some(longest.map_or(end, |longest| end.min(Instant::now() + longest)))
    }

    /// What a failure of the connection was in truth.
    fn explain(&self, failure: UpstreamFailure) -> UpstreamFailure {
        let breach = self.upload.as_ref().and_then(|upload| upload.breach());
        match (failure, breach) {
            (UpstreamFailure::Broken(_), Some(breach)) => UpstreamFailure::Broken(breach),
            (failure, _) => failure,
        }
    }

    /// Whether the breaker counts `outcome` as a failure of the group; none when it says nothing.
    fn verdict(&self, outcome: &Result<Answer, UpstreamFailure>) -> Option<bool> {
        match outcome {
            Ok(answer) => Some(is_gateway_error(answer.status())),
            Err(UpstreamFailure::Overloaded) => None,
            Err(_) => (!self.is_the_clients_fault()).then_some(true),
        }
    }
}

/// Whether a status says that not the application, but what stands before it, failed.
const fn is_gateway_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

/// Waits, but not beyond `end`.
async fn pause(wait: Duration, end: Option<Instant>) -> Result<(), UpstreamFailure> {
    let until = Instant::now() + wait;
    let end = end.filter(|end| *end < until);
    sleep_until(end.unwrap_or(until)).await;
    end.map_or(Ok(()), |_| Err(UpstreamFailure::Timeout))
}

/// A random wait, so that requests that failed together do not come back together.
fn backoff(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let longest = FIRST_BACKOFF.saturating_mul(1 << doublings.min(6));
    let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random() % micros.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        for attempts in 0_usize..70 {
            let bound = FIRST_BACKOFF * (1 << attempts.saturating_sub(1).min(6));
            for _ in 0..20 {
                assert!(backoff(attempts) <= bound);
            }
        }
    }
}
