//! The API over real connections: `OpenFGA`'s own suites and sample stores, every call, everybody
//! who may not call.
#![cfg(test)]

mod access;
mod authzen;
mod calls;
mod durable;
mod metrics;
mod samples;
mod sdk;
mod suites;
mod world;
