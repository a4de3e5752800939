#![doc = include_str!("../README.md")]

mod body;
mod headers;
mod route;
mod upstream;

pub use body::Outgoing;
pub use route::{HeaderPolicySpec, HostHeader, RouteSpec, Upgrade};
pub use upstream::{
    Absence, Balance, Breach, BreakerSpec, EjectionSpec, HealthSpec, RelayError, Relayed, RetryOn,
    RetrySpec, TargetSpec, TargetState, TargetStatus, Upstream, UpstreamDeps, UpstreamFailure,
    UpstreamPlaces, UpstreamPoolSpec, UpstreamProtocol, UpstreamSpec,
};
