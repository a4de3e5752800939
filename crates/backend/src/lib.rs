#![doc = include_str!("../README.md")]

mod call;
mod client;
mod compile;
mod cursor;
mod error;
mod guard;
mod spec;
mod tls;

pub use call::{Call, PageReply, Pages, Pagination};
pub use client::Client;
pub use cursor::Cursor;
pub use error::{BackendError, Failure, FailureKind};
pub use spec::{ClientSpec, GuardSpec, PoolSpec, TlsSpec, TlsVersion};
pub use tls::TlsMaterial;
