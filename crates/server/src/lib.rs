#![doc = include_str!("../README.md")]

mod body_end;
mod connection;
mod handover;
mod listen;
mod open_stream;
mod peer;
mod progress;
mod proxy_protocol;
mod serve;
mod shutdown;
mod socket;
mod spec;
mod sweep;
mod tls;
mod worker;

pub use body_end::BodyEnd;
pub use hyper::body::Incoming;
pub use listen::{Listen, Tls};
pub use open_stream::OpenStream;
pub use peer::{Peer, TlsSession};
pub use proxy_protocol::ProxyProtocol;
pub use serve::{Answer, Connections, Server};
pub use shutdown::Shutdown;
pub use spec::{
    AdminSpec, CertificateSpec, ClientAuthMode, ClientAuthSpec, Http2Spec, LimitsSpec, ListenSpec,
    ListenTlsSpec, ListenTlsVersion, ProxyProtocolSpec,
};
pub use tls::{CertificateStore, Certificates, TlsMaterial};
