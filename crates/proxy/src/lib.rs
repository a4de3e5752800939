#![doc = include_str!("../README.md")]

mod body;
mod route;

pub use body::Outgoing;
pub use route::{HeaderPolicySpec, HostHeader, RouteSpec, Upgrade};
