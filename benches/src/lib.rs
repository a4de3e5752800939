#![doc = include_str!("../README.md")]

mod gate;
mod requests;
mod subject;
mod tokens;

pub use gate::{gate, serve};
pub use requests::{PEER, TOKENS, described_by_traefik, direct, token};
pub use subject::{INTROSPECTION, Subject, ready};
pub use tokens::TokenMint;
