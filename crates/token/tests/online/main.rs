//! Issuers on the loopback interface: keys that rotate, introspection, tokens for upstreams.
#![cfg(test)]

#[path = "../mint/mod.rs"]
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared by several test programs"
)]
mod mint;

mod idp;

mod client;
mod credentials;
mod introspection;
mod introspection_config;
mod rotation;
