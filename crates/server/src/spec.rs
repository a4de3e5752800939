//! Listeners and limits as written in the configuration.

mod listen;

pub use listen::{
    CertificateSpec, ClientAuthMode, ClientAuthSpec, Http2Spec, ListenSpec, ListenTlsSpec,
    ListenTlsVersion, ProxyProtocolSpec,
};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_types::DurationSpec;

/// The admin listener: metrics, explanations, detailed health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdminSpec {
    /// Whether to listen at all.
    pub enabled: bool,
    /// Address to bind. Anyone who reaches it may read the compiled policy.
    pub address: IpAddr,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
}

impl AdminSpec {
    /// Address and port.
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl Default for AdminSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 9901,
        }
    }
}

/// Bounds on what clients may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Worker threads, each with its own runtime and socket; 0 means one per core.
    pub workers: usize,
    /// Open connections in all; further ones wait in the accept queue.
    #[schemars(range(min = 1))]
    pub max_connections: usize,
    /// Bytes of one request head; more is answered 431, at the latest twice as many.
    #[schemars(range(min = 8192))]
    pub max_header_bytes: usize,
    /// Header fields of one request; more is answered 431.
    #[schemars(range(min = 1))]
    pub max_headers: usize,
    /// Bytes of a request body that a rule reads; more is answered 413.
    pub max_body_bytes: usize,
    /// How long one request head may take to arrive, in whole seconds.
    pub header_timeout: DurationSpec,
    /// How long a request body that a rule reads may take to arrive. One that a gateway streams
    /// may be silent as long; waiting for it uses this time up, each 512 bytes give a second back.
    pub body_timeout: DurationSpec,
    /// How long a client may refuse to take a reply, in whole seconds.
    pub write_timeout: DurationSpec,
    /// How long a connection may stay open between requests, in whole seconds.
    pub idle_timeout: DurationSpec,
    /// How long requests under way may take to finish at shutdown.
    pub drain_timeout: DurationSpec,
}

impl LimitsSpec {
    /// The number of worker threads to start.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            workers => workers,
        }
    }
}

impl Default for LimitsSpec {
    fn default() -> Self {
        let seconds = |count| DurationSpec::new(Duration::from_secs(count));
        Self {
            workers: 0,
            max_connections: 16_384,
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            max_body_bytes: 1024 * 1024,
            header_timeout: seconds(10),
            body_timeout: seconds(10),
            write_timeout: seconds(30),
            idle_timeout: seconds(120),
            drain_timeout: seconds(10),
        }
    }
}
