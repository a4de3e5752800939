//! Tuples as packed edges: an immutable base, sorted by object and again by user, and what was
//! written since. A snapshot of both is what one question sees.

mod base;
mod buckets;
mod build;
mod edge;
mod entities;
mod overlay;
mod patch;
mod roster;
mod row;
mod snapshot;
mod spelling;
mod trie;

pub(crate) use build::{Contradiction, Logged, build};
pub(crate) use edge::Edge;
pub(crate) use entities::{Entities, LOCAL};
pub(crate) use overlay::Overlay;
pub(crate) use patch::Added;
pub(crate) use row::{Found, Row};
pub(crate) use snapshot::{Change, Snapshot};
