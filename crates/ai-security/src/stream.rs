//! Streams: what may pass is passed at once, what may be the beginning of something is held back.

mod changes;
mod events;
mod guard;
mod held;
mod lane;
mod pipe;
mod returning;
pub mod sse;
#[cfg(test)]
mod tests;
mod text;

pub use events::{EventGuard, Stopped};
pub use guard::StreamGuard;
pub(crate) use held::{Held, Sieve};
pub(crate) use returning::Returning;
pub use text::TextGuard;
