#![doc = include_str!("../README.md")]

mod authority;
mod directory;
mod local;
mod name;
mod remote;
mod undecided;

pub use authority::{
    Answers, Authority, Check, Consistency, Given, Listed, Provenance, Source, Wanted,
};
pub use directory::{Directory, Entry, OnOutage, STORE};
pub use local::{Freshness, LocalStore};
pub use name::{Name, NameKind, Unfit};
pub use remote::{
    FailMode, RemoteAuthSpec, RemoteCacheSpec, RemoteDeps, RemoteSpec, RemoteStore, ReplicaSpec,
};
pub use undecided::Undecided;
