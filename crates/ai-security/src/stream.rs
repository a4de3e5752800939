//! Streams: what may pass is passed at once, what may be the beginning of something is held back.

mod guard;
#[cfg(test)]
mod tests;

pub use guard::StreamGuard;
