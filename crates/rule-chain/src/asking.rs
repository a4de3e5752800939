//! How a rule asks its backend, and how long the answer holds.

use std::sync::Arc;
use std::time::Duration;

use ztag_backend::{Call, Client};

use crate::caching::{Caching, Controls};
use crate::call::CallPlan;
use crate::error::Fault;
use crate::evidence::Evidence;
use crate::forward::Forwarded;
use crate::judged::Judged;
use crate::reply::{Accepted, Wanted, is_broken};

/// How a rule asks its backend.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) call: CallPlan,
    pub(crate) client: Arc<Client>,
    pub(crate) accepted: Accepted,
    pub(crate) wanted: Wanted,
    pub(crate) caching: Option<Caching>,
    /// Whether the backend says how long its answers hold.
    pub(crate) follows_cache_control: bool,
}

impl Asking {
    pub(crate) fn render(
        &self,
        evidence: &Evidence<'_>,
        forwarded: &[Forwarded<'_>],
    ) -> Result<Call, Fault> {
        let input = &evidence.input;
        evidence.over(|scope| {
            self.call
                .render(input.snapshot, input.curated, forwarded, scope)
        })
    }

    /// Says how long `judged` may be kept: by the rule's own cache, and by anybody at all.
    pub(crate) fn date(&self, judged: Judged, controls: &Controls) -> Judged {
        let own = self.caching.as_ref();
        let keep_for = own.and_then(|caching| caching.lifetime(judged.outcome, controls));
        let fresh_for = if is_broken(&judged.backend) {
            Some(Duration::ZERO)
        } else if self.follows_cache_control {
            Some(keep_for.unwrap_or_default())
        } else {
            judged.fresh_for
        };
        Judged {
            keep_for,
            fresh_for,
            ..judged
        }
    }
}
