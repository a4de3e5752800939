//! Streams: what may pass is passed at once, what may be the beginning of something is held back.

mod events;
mod guard;
mod lane;
pub mod sse;
#[cfg(test)]
mod tests;

pub use events::{EventGuard, Stopped};
pub use guard::StreamGuard;
