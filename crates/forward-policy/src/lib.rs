#![doc = include_str!("../README.md")]

mod compile;
mod error;
mod policy;
mod spec;
#[cfg(test)]
mod tests;

pub use error::ForwardFault;
pub use policy::{ForwardInput, ForwardPolicy};
pub use spec::ForwardPolicySpec;
