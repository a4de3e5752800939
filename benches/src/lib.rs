#![doc = include_str!("../README.md")]

mod requests;
mod subject;

pub use requests::{PEER, TOKENS, described_by_traefik, direct, token};
pub use subject::{INTROSPECTION, Subject, ready};
