#![doc = include_str!("../README.md")]

mod call;
mod client;
mod compile;
mod connect;
mod cursor;
mod dial;
mod error;
mod exchange;
mod guard;
mod link;
mod outbound;
mod paging;
mod pool;
mod spec;
mod tls;
mod wire;

pub use call::{Call, PageReply, Pages, Pagination};
pub use client::Client;
pub use connect::drive;
pub use cursor::Cursor;
pub use dial::{Addresses, Alpn, DialSpec, Dialer};
pub use error::{BackendError, Failure, FailureKind};
pub use link::next as next_link;
pub use outbound::is_callable;
pub use spec::{ClientSpec, GuardSpec, PoolSpec, TlsSpec, TlsVersion};
pub use tls::TlsMaterial;
pub use wire::{Life, Wire};
