#![doc = include_str!("../README.md")]

mod allow;
mod bands;
mod byte_table;
mod channel;
mod compile;
pub mod extract;
pub mod filter;
mod guard;
pub mod guardrail;
mod inspection;
pub mod measure;
pub mod model;
pub mod normalize;
pub mod output;
mod parts;
pub mod rules;
mod session;
pub mod spec;
pub mod spotlight;
pub mod stream;
mod sweep;
mod taint;
mod tally;
pub mod transformer;
pub mod view;
mod weight;

pub use bands::Bands;
pub use channel::Channel;
pub use guard::{Guard, Scratch};
pub use inspection::{Coverage, Finding, HiddenKind, Inspection, Origin, Verdict, ViewKind};
pub use session::{Session, SessionPolicy};
pub use spec::GuardSpec;
pub use sweep::{Reading, Seen, Sweep};
pub use taint::{Taint, Tainted, TaintedKind};
