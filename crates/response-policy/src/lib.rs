#![doc = include_str!("../README.md")]

mod compile;
mod error;
mod policy;
mod render;
mod spec;

pub use compile::{ExportNames, ReplyDeps};
pub use policy::ResponsePolicy;
pub use render::ReplyInput;
pub use spec::{ReplySpec, ResponsePolicySpec};
