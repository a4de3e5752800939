//! The calls of a store, as `OpenFGA` specifies them.
#![cfg(test)]

mod ask;
mod journal;
mod limits;
mod models;
mod support;
mod weighted;
mod write;
