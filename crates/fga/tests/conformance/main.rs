//! The data of `OpenFGA`'s own tests, through this crate. Where the data is not there, the tests
//! say so and pass.
#![cfg(test)]

mod language;
mod samples;
mod suites;
