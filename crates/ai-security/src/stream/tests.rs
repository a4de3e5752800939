//! Tests of streams.

mod splits;
