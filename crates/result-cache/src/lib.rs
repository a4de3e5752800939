#![doc = include_str!("../README.md")]

mod cache;
mod compile;
mod encode;
mod entry;
mod error;
mod flight;
mod key;
mod lifetime;
mod memory;
mod redis;
mod spec;

pub use cache::{CacheStats, Decided, ResultCache};
pub use compile::{check_endpoint_cache, check_rule_cache, check_server_cache};
pub use entry::Entry;
pub use error::{NotCacheable, OpenError};
pub use key::{CacheKey, Fingerprint, KeyBuilder, Namespace};
pub use lifetime::{ceiled, lifetime};
pub use spec::{
    CacheBackend, CacheSpec, EndpointCacheSpec, MemorySpec, RedisSpec, RedisTlsSpec, RuleCacheSpec,
    TtlSpec,
};
