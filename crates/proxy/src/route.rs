//! Which route a request takes: the most specific one, and never a broader one in its place.

mod spec;

pub use spec::{HeaderPolicySpec, HostHeader, RouteSpec, Upgrade};
