//! The engine against a naive oracle, over random models, tuples and questions, as either resolver
//! answers them.
//!
//! `ZTAG_FGA_CHECKS` says how many questions are asked of each; a few thousand where it is not set.
#![cfg(test)]

mod compare;
mod naive;
mod random;
mod world;
