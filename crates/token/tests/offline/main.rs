//! Everything that needs no network.
#![cfg(test)]

#[path = "../mint/mod.rs"]
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared by several test programs"
)]
mod mint;

mod attacks;
mod cache;
mod client;
mod compile;
mod dpop;
mod profiles;
