#![doc = include_str!("../README.md")]

mod bands;
mod channel;
mod guard;
mod inspection;
pub mod normalize;
pub mod spec;

pub use bands::Bands;
pub use channel::Channel;
pub use guard::{Guard, Scratch};
pub use inspection::{Coverage, Finding, HiddenKind, Inspection, Origin, Verdict, ViewKind};
pub use spec::GuardSpec;
