//! Remote stores: against the API of this house, and against servers that misbehave.
#![cfg(test)]

mod faults;
mod measure;
mod served;
mod support;
