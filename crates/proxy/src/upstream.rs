//! Upstream groups: targets that can answer for each other, and how requests reach them.
//!
//! A request takes a turn in its group (`admission`, `breaker`), a target (`choose`), a seat and a
//! connection there (`reach`, `pool`, `line`), which it moves itself where it is HTTP/1.1 (`http1`,
//! `bell`), and comes back as the head of a response whose body (`relayed`) gives all of it back at
//! its end. What fails on the way is tried again where that cannot have a second effect (`attempt`,
//! `send`, `kept`, `budget`). What is remembered between requests stands in places that outlive the
//! configuration (`place`).

mod admission;
mod attempt;
mod bell;
mod breaker;
mod budget;
mod choose;
mod compile;
mod ejection;
mod failure;
mod health;
mod http1;
mod kept;
mod line;
mod message;
mod place;
mod policy;
mod pool;
mod reach;
mod relayed;
mod send;
mod spec;
mod status;
mod upload;

use std::sync::Arc;

use ztag_token::client::OutboundCredential;
use ztag_types::SmolStr;

pub use compile::UpstreamDeps;
pub use failure::{Absence, Breach, RelayError, UpstreamFailure};
pub use place::UpstreamPlaces;
pub use relayed::Relayed;
pub use spec::{
    Balance, BreakerSpec, EjectionSpec, HealthSpec, RetryOn, RetrySpec, TargetSpec,
    UpstreamPoolSpec, UpstreamProtocol, UpstreamSpec,
};
pub use status::{TargetState, TargetStatus};

pub(crate) use message::HostOfTarget;
pub(crate) use upload::Progress;

use choose::{Chooser, Target};
use health::HealthPolicy;
use place::GroupPlace;
use policy::Policy;

/// A compiled [`UpstreamSpec`]: a value that works on long-lived places.
pub struct Upstream {
    name: SmolStr,
    targets: Box<[Target]>,
    chooser: Chooser,
    policy: Policy,
    health: Option<Arc<HealthPolicy>>,
    credential: OutboundCredential,
    group: Arc<GroupPlace>,
}

impl Upstream {
    /// The name of the group.
    pub const fn name(&self) -> &SmolStr {
        &self.name
    }

    /// The credential that requests carry, unless their route says otherwise.
    pub const fn credential(&self) -> &OutboundCredential {
        &self.credential
    }

    /// Begins, changes or ends the regular questions to every target, as the configuration says.
    ///
    /// Call it for every group when a configuration comes into force, inside a runtime that lives
    /// as long as the process, not one that serves requests. What is being asked already goes on;
    /// targets that are forgotten are asked no more.
    pub fn watch_health(&self) {
        for target in &self.targets {
            health::watch(&target.place, self.health.as_ref());
        }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}
