//! Tests of streams.

mod events;
mod splits;
