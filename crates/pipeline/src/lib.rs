#![doc = include_str!("../README.md")]

mod access;
mod admin;
mod cache;
mod decide;
mod describe;
mod dry_run;
mod evaluate;
mod explain;
mod intake;
mod judge;
mod permit;
mod plan;
mod route;
mod scrub;
mod service;
mod signpost;
mod stages;
mod unjudged;

pub use access::{Access, AccessLayer, PeerOf};
pub use admin::{AdminService, Neighbour};
pub use cache::{DecisionCache, Uncacheable};
pub use decide::{Decided, Decision, Pipeline};
pub use describe::{DescriptionError, RequestSpec};
pub use dry_run::DryRunError;
pub use intake::{Intake, Unread, certificate_of};
pub use judge::{Judged, Permitted, PublicAccess, Request, VerifiedToken};
pub use permit::Permit;
pub use plan::{Endpoint, EndpointState, Plan, PlanHandle, Quarantine, ReloadReport, Selection};
pub use service::{DecisionService, plain, readiness, respond};
pub use signpost::{Decider, Direction, GuardReport, RouteMatch, RouteReport, Signpost};
pub use unjudged::Unjudged;
