#![doc = include_str!("../README.md")]

mod compile;
mod spec;
#[cfg(test)]
mod tests;
mod vars;

pub use compile::VarsDeps;
pub use spec::EndpointVarsSpec;
pub use vars::{EndpointVars, VarsInput};
