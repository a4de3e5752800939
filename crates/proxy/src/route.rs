//! Which route a request takes: the most specific one, and never a broader one in its place.

mod condition;
mod pattern;
mod places;
mod spec;
#[cfg(test)]
mod tests;

pub use spec::{HeaderPolicySpec, HostHeader, RouteSpec, Upgrade};
