#![doc = include_str!("../README.md")]

mod connection;
mod serve;
mod shutdown;
mod socket;
mod spec;
mod sweep;

pub use hyper::body::Incoming;
pub use serve::{Answer, Connections, Peer, Server};
pub use shutdown::Shutdown;
pub use spec::{AdminSpec, LimitsSpec, ListenSpec};
