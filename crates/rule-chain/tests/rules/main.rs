//! Rules as a pipeline drives them: compiled from configuration, judged over a request, asking a
//! backend on the loopback interface.
#![cfg(test)]

mod attacks;
mod cache;
#[cfg(feature = "transformer")]
mod classifier;
mod compile;
mod credentials;
mod defects;
mod explain;
mod fga;
mod inspect;
mod model;
mod outcomes;
mod stub;
mod support;
mod tokens;
