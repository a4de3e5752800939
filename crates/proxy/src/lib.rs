#![doc = include_str!("../README.md")]

mod body;
mod edge;
mod filter;
mod forward;
mod gateway;
mod guard;
mod headers;
mod patience;
mod route;
mod signpost;
mod upstream;
mod whole;

pub use body::{BodyError, Limited, Outgoing, Streamed};
pub use edge::{Edge, EdgeHandle};
pub use filter::ItemFilterSpec;
pub use forward::{Arrival, ClientUpgrade, Failed, ReplyBody, forward};
pub use gateway::GatewayService;
pub use guard::{Guarded, RequestGuardSpec, RouteGuardSpec};
pub use route::{
    Access, ClosedRoute, Found, HeaderPolicySpec, HostHeader, Route, RouteDeps, RouteEndpoint,
    RouteSpec, RouteState, RouteTable, Upgrade, WrittenRoute,
};
pub use upstream::{
    Absence, Balance, Breach, BreakerSpec, EjectionSpec, HealthSpec, RelayError, Relayed, RetryOn,
    RetrySpec, TargetSpec, TargetState, TargetStatus, Upstream, UpstreamDeps, UpstreamFailure,
    UpstreamPlaces, UpstreamPoolSpec, UpstreamProtocol, UpstreamSpec,
};
