//! A request's turn in its group.

use std::sync::Arc;

use tokio::time::Instant;

use super::breaker::{BreakerPolicy, Refusal, Ticket};
use super::failure::{Absence, UpstreamFailure};
use super::place::GroupPlace;

/// A place among the requests of a group, until dropped.
#[derive(Debug)]
pub(super) struct Turn {
    group: Arc<GroupPlace>,
    ticket: Option<Ticket>,
}

impl Turn {
    pub(super) fn begin(
        group: &Arc<GroupPlace>,
        policy: BreakerPolicy,
        now: u64,
    ) -> Result<Self, UpstreamFailure> {
        let ticket = group
            .breaker
            .enter(policy, now)
            .map_err(|refusal| match refusal {
                Refusal::Full => UpstreamFailure::Overloaded,
                Refusal::Open => UpstreamFailure::Unavailable(Absence::Open),
            })?;
        group.budget.earn();
        Ok(Self {
            group: Arc::clone(group),
            ticket: Some(ticket),
        })
    }

    /// There is a response, or there will be none.
    pub(super) fn settle(&mut self, failed: bool, policy: BreakerPolicy) {
        let ticket = self.ticket.take();
        // Spares most requests a look at the clock.
        let told = ticket.filter(|ticket| policy.counts_failures() || *ticket != Ticket::Ordinary);
        if let Some(ticket) = told {
            let now = self.group.at(Instant::now());
            self.group.breaker.settle(ticket, failed, policy, now);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(ticket @ Ticket::Probe(_)) = self.ticket.take() {
            let now = self.group.at(Instant::now());
            self.group.breaker.forget(ticket, now);
        }
        self.group.breaker.leave();
    }
}
