//! Which route a request takes: the most specific one, and never a broader one in its place.

mod access;
mod compile;
mod condition;
mod credential;
mod parts;
mod pattern;
mod places;
mod policy;
mod siblings;
mod spec;
mod table;
#[cfg(test)]
mod tests;

pub use compile::{RouteDeps, WrittenRoute};
pub use policy::{Access, ClosedRoute, Route, RouteEndpoint, RouteState};
pub use spec::{HeaderPolicySpec, HostHeader, RouteSpec, Upgrade};
pub use table::{Found, RouteTable};
