//! A listener, ready to be started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::proxy_protocol::ProxyProtocol;
use crate::spec::{Http2Spec, LimitsSpec};
use crate::tls::CertificateStore;

/// What a server listens to, and how.
#[derive(Debug)]
pub struct Listen {
    /// Address and port to bind.
    pub address: SocketAddr,
    /// What clients may take.
    pub limits: LimitsSpec,
    /// TLS; `None` for plain connections.
    pub tls: Option<Tls>,
    /// Who must announce for whom they connect; `None` when nobody does.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// HTTP/2.
    pub http2: Http2Spec,
    /// A Unix socket over which the sockets of a running process are taken and our own offered
    /// to the next one, which is then waited for: its start is our shutdown.
    pub handover: Option<PathBuf>,
}

/// TLS of a listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificates; whoever keeps a clone may replace them.
    pub certificates: CertificateStore,
    /// How long a handshake may take, in whole seconds.
    pub handshake_timeout: Duration,
}

impl Listen {
    /// Plain connections on `address`, HTTP/2 with its default limits.
    pub fn plain(address: SocketAddr, limits: LimitsSpec) -> Self {
        Self {
            address,
            limits,
            tls: None,
            proxy_protocol: None,
            http2: Http2Spec::default(),
            handover: None,
        }
    }

    /// How long what comes before the first request may take.
    pub(crate) fn greeting_timeout(&self) -> Duration {
        let header_timeout = self.limits.header_timeout.get();
        self.tls
            .as_ref()
            .map_or(header_timeout, |tls| tls.handshake_timeout)
    }
}
