//! Real proxies with the configurations of `examples/`.

mod start;

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::{Failure, Process};

/// The proxies that `forward-auth` stands behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proxy {
    /// Traefik with `forwardAuth`.
    Traefik,
    /// nginx with `auth_request`.
    Nginx,
    /// Caddy with `forward_auth`.
    Caddy,
    /// `HAProxy` with a Lua action.
    Haproxy,
    /// Envoy with HTTP `ext_authz`.
    Envoy,
}

/// Who a proxy talks to.
#[derive(Clone, Copy, Debug)]
pub struct Wiring {
    /// Where `forward-auth` listens.
    pub decisions: SocketAddr,
    /// Where the protected application listens.
    pub application: SocketAddr,
}

/// A proxy that accepts connections. It ends when dropped.
#[derive(Debug)]
pub struct RunningProxy {
    /// The process with its log.
    pub process: Process,
    /// Where clients connect.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Traefik,
        Self::Nginx,
        Self::Caddy,
        Self::Haproxy,
        Self::Envoy,
    ];

    /// The name of its program, of its dialect in the configuration, and the end of the name of
    /// its example.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traefik => "traefik",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Starts it on a port of its own and waits until it accepts connections.
    pub fn start(self, wiring: &Wiring) -> Result<RunningProxy, Failure> {
        start::start(self, wiring).map_err(|failure| failure.during(self.name()))
    }
}
