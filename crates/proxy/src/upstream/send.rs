//! One request: attempts until there is a response, or no point in asking again.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep, timeout};
use ztag_types::ForwardReport;

use super::Upstream;
use super::admission::Turn;
use super::attempt::{Answer, Attempt, Miss};
use super::choose::{Target, Tried, random};
use super::failure::{Absence, UpstreamFailure};
use super::relayed::Relayed;
use super::spec::RetryOn;
use crate::Outgoing;

/// The wait before a target is asked again is random between 0 and this; it doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);

impl Upstream {
    /// Sends `request` to a target and returns the head of the response; the body follows.
    ///
    /// `request` has its target in origin form, a `Host`, and no hop-by-hop fields but those of an
    /// upgrade. Informational responses other than 101 are not passed on. Of `report`, everything
    /// but route and latency is filled in. Dropping the future closes the connection in use. Needs
    /// a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When there is no response: nobody can be reached, none came in time, or what came is none.
    pub async fn send(
        &self,
        request: Request<Outgoing>,
        report: &mut ForwardReport,
    ) -> Result<Response<Relayed>, UpstreamFailure> {
        report.upstream = self.name.clone();
        let outcome = self.respond(request, report).await;
        match &outcome {
            Ok(response) => report.status = response.status().as_u16(),
            Err(failure) => report.error = Some(failure.as_str()),
        }
        outcome
    }

    async fn respond(
        &self,
        request: Request<Outgoing>,
        report: &mut ForwardReport,
    ) -> Result<Response<Relayed>, UpstreamFailure> {
        let breaker = self.policy.breaker;
        let now = self.group.at(Instant::now());
        let mut turn = Turn::begin(&self.group, breaker, now)?;
        let mut tried = Tried::new();
        let attempts = self.attempts(request, &mut tried, now, report);
        let outcome = timeout(self.policy.timeout, attempts).await;
        let outcome = outcome.unwrap_or_else(|_| {
            self.blame(tried.last().copied());
            Err(UpstreamFailure::Timeout)
        });
        turn.settle(is_failure(&outcome), breaker);
        Ok(outcome?.relay(turn, self.policy.silence))
    }

    /// Asks one target after the other. `now` is when the request began.
    async fn attempts(
        &self,
        mut request: Request<Outgoing>,
        tried: &mut Tried,
        mut now: u64,
        report: &mut ForwardReport,
    ) -> Result<Answer, UpstreamFailure> {
        let retries = self.policy.retries;
        let mut left = retries.attempts;
        loop {
            let index = self.next(tried, now).await?;
            let Some(Target { place, .. }) = self.targets.get(index) else {
                return Err(UpstreamFailure::Unavailable(Absence::LeftOut));
            };
            report.target = place.name.clone();
            let attempt = Attempt {
                target: place,
                copies: left > 0 && retries.needs_copies(),
                max_pending: self.policy.max_pending,
                deadline: retries.timeout.map(|longest| Instant::now() + longest),
            };
            let (outcome, after, again) = match attempt.run(request, &mut report.attempts).await {
                Ok((answer, copy)) if is_gateway_error(answer.status()) => {
                    (Ok(answer), Some(RetryOn::Gateway), copy)
                }
                Ok((answer, _)) => {
                    place.ejection.succeed();
                    return Ok(answer);
                }
                Err(Miss {
                    failure,
                    after,
                    again,
                    ..
                }) => (Err(failure), after, again),
            };
            if !matches!(outcome, Err(UpstreamFailure::Overloaded)) {
                self.blame(Some(index));
            }
            now = self.group.at(Instant::now());
            let may = left > 0 && after.is_some_and(|what| retries.follows(what));
            match again {
                Some(next) if may && self.group.budget.spend(retries.percent, now) => {
                    request = *next;
                    left -= 1;
                }
                _ => return outcome,
            }
        }
    }

    /// The target to ask next: another one where there is another.
    async fn next(&self, tried: &mut Tried, now: u64) -> Result<usize, UpstreamFailure> {
        let chosen = self.chooser.choose(&self.targets, &self.group, tried, now);
        let index = chosen.ok_or(UpstreamFailure::Unavailable(Absence::LeftOut))?;
        if tried.contains(&index) {
            sleep(backoff(tried.len())).await;
        }
        tried.push(index);
        Ok(index)
    }

    /// Counts a failure of the target, and leaves it out when it was one too many.
    fn blame(&self, index: Option<usize>) {
        let Some(target) = index.and_then(|index| self.targets.get(index)) else {
            return;
        };
        let policy = self.policy.ejection;
        if target.place.ejection.fail(policy) {
            let now = self.group.at(Instant::now());
            let group = self.targets.iter().map(|target| &target.place);
            target.place.eject(group, policy, now);
        }
    }
}

/// Whether the breaker counts `outcome` as a failure of the group.
fn is_failure(outcome: &Result<Answer, UpstreamFailure>) -> bool {
    match outcome {
        Ok(answer) => is_gateway_error(answer.status()),
        Err(failure) => !matches!(failure, UpstreamFailure::Overloaded),
    }
}

/// Whether a status says that not the application, but what stands before it, failed.
const fn is_gateway_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
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
