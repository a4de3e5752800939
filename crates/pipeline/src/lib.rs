#![doc = include_str!("../README.md")]

mod access;
mod admin;
mod cache;
mod decide;
mod describe;
mod evaluate;
mod explain;
mod intake;
mod judge;
mod permit;
mod plan;
mod route;
mod scrub;
mod service;
mod stages;
mod unjudged;

pub use access::{Access, AccessLayer, PeerOf};
pub use admin::{AdminService, DryRunError};
pub use cache::{DecisionCache, Uncacheable};
pub use decide::{Decided, Decision, Pipeline};
pub use describe::{DescriptionError, RequestSpec};
pub use intake::{Intake, certificate_of};
pub use judge::{Judged, Permitted, PublicAccess, Request, VerifiedToken};
pub use permit::Permit;
pub use plan::{Endpoint, EndpointState, Plan, PlanHandle, Quarantine, ReloadReport, Selection};
pub use service::{DecisionService, plain, readiness, respond};
pub use unjudged::Unjudged;
