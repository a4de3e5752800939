#![doc = include_str!("../README.md")]

mod access;
mod calls;
mod failure;
mod metrics;
mod query;
mod reply;
mod route;
mod rule;
mod service;
mod spec;
mod wire;

pub use access::Access;
pub use metrics::{FgaMetrics, FixedStore, METRICS, MetricFamily};
pub use reply::ReplyBody;
pub use service::FgaService;
pub use spec::{AccessSpec, ClientSpec, KeySpec};
pub use wire::tell::node as tree_to_json;
pub use ztag_fga_store::{NamedStore, StoreId, Stores};
