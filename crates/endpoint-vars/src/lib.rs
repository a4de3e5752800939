#![doc = include_str!("../README.md")]

mod compile;
mod spec;
mod vars;

pub use compile::VarsDeps;
pub use spec::EndpointVarsSpec;
pub use vars::{EndpointVars, VarsInput};
