#![doc = include_str!("../README.md")]

mod access;
mod calls;
mod failure;
mod query;
mod reply;
mod route;
mod rule;
mod service;
mod spec;
mod store_id;
mod stores;
mod wire;

pub use access::Access;
pub use reply::ReplyBody;
pub use service::FgaService;
pub use spec::{AccessSpec, ClientSpec, KeySpec};
pub use store_id::StoreId;
pub use stores::{NamedStore, Stores};
pub use wire::tell::node as tree_to_json;
