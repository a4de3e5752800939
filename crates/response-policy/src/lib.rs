#![doc = include_str!("../README.md")]

mod compile;
mod error;
mod policy;
mod render;
mod spec;
#[cfg(test)]
mod tests;

pub use compile::{ExportNames, ReplyDeps};
pub use policy::ResponsePolicy;
pub use render::ReplyInput;
pub use spec::{ReplySpec, ResponsePolicySpec};
