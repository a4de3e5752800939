#![doc = include_str!("../README.md")]

mod authority;
mod directory;
mod local;
mod undecided;

pub use authority::{
    Answers, Authority, Check, Consistency, Given, Listed, Provenance, Source, Wanted,
};
pub use directory::{Directory, Entry, NoStore, OnOutage};
pub use local::LocalStore;
pub use undecided::Undecided;
