//! The public listener as written in the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_types::DurationSpec;

/// The public listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ListenSpec {
    /// Address to bind.
    pub address: IpAddr,
    /// Port to bind; 0 lets the system choose.
    pub port: u16,
    /// TLS. Without it connections are plain text.
    pub tls: Option<ListenTlsSpec>,
    /// Balancers that say for whom they connect. Without it nobody is asked.
    pub proxy_protocol: Option<ProxyProtocolSpec>,
    /// HTTP/2: after TLS by ALPN, on plain connections for clients that know it beforehand.
    pub http2: Http2Spec,
    /// A Unix socket over which a starting process takes the listening sockets of the running
    /// one, so that a restart loses no connection. Only processes of the same user are heard.
    /// Write an absolute path.
    pub handover: Option<PathBuf>,
}

impl ListenSpec {
    /// Address and port.
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl Default for ListenSpec {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 8080,
            tls: None,
            proxy_protocol: None,
            http2: Http2Spec::default(),
            handover: None,
        }
    }
}

/// TLS towards clients. Changed files take effect for new connections, without a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ListenTlsSpec {
    /// The certificates. The name that a client asks for chooses; the first one serves clients
    /// that ask for none, or for one that no certificate names.
    pub certificates: Vec<CertificateSpec>,
    /// Lowest protocol version accepted.
    pub min_version: ListenTlsVersion,
    /// Whether clients show certificates.
    pub client_auth: ClientAuthSpec,
    /// How long a handshake may take, that of the PROXY protocol included, in whole seconds.
    pub handshake_timeout: DurationSpec,
    /// Refuse clients that ask for a name that no certificate names.
    pub strict_sni: bool,
    /// Answer 421 to a request for a host that another certificate serves than the one of its
    /// connection.
    pub check_host: bool,
}

impl Default for ListenTlsSpec {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            min_version: ListenTlsVersion::default(),
            client_auth: ClientAuthSpec::default(),
            handshake_timeout: DurationSpec::new(Duration::from_secs(10)),
            strict_sni: false,
            check_host: true,
        }
    }
}

/// A certificate of ours. Relative paths start at the folder of the main document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateSpec {
    /// PEM file of the certificate and those that vouch for it, in this order.
    pub cert_file: PathBuf,
    /// PEM file of its private key.
    pub key_file: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ListenTlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "tls1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "tls1.3")]
    Tls13,
}

/// Certificates of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientAuthSpec {
    /// Whether they are asked for. Sessions are not resumed unless it is `off`, so that every
    /// connection proves anew who it is.
    pub mode: ClientAuthMode,
    /// PEM file of the authorities that vouch for clients; those of the system are not trusted.
    pub ca_file: Option<PathBuf>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClientAuthMode {
    /// Not asked.
    #[default]
    Off,
    /// Asked; one without a certificate may connect, one with a bad certificate may not.
    Optional,
    /// Asked; nobody connects without.
    Required,
}

/// The PROXY protocol, versions 1 and 2: a balancer in front says for whom it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProxyProtocolSpec {
    /// Networks of the balancers, such as `10.1.0.0/24`. They must announce every connection;
    /// connections of anybody else are closed.
    pub from: Vec<String>,
}

/// HTTP/2 (RFC 9113) and what one connection may take by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Http2Spec {
    /// Whether it is spoken at all.
    pub enabled: bool,
    /// Requests under way at a time on one connection.
    #[schemars(range(min = 1))]
    pub max_concurrent_streams: u32,
    /// Bytes of a request body that a client may send before they are read.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub stream_window_bytes: u32,
    /// The same for all streams of a connection together.
    #[schemars(range(min = 65535, max = 2_147_483_647))]
    pub connection_window_bytes: u32,
    /// Bytes of one frame that a client may send.
    #[schemars(range(min = 16384, max = 16_777_215))]
    pub max_frame_bytes: u32,
    /// Bytes of a reply kept for a client that does not take them, for each stream.
    #[schemars(range(min = 1024))]
    pub send_buffer_bytes: u32,
    /// Requests that a client may cancel before their reply ends; then the connection is closed,
    /// gently at first.
    #[schemars(range(min = 1))]
    pub max_reset_streams: u32,
    /// How often a quiet connection is asked whether it is still there; `0` never.
    pub ping_interval: DurationSpec,
    /// How long the answer may take.
    pub ping_timeout: DurationSpec,
}

impl Default for Http2Spec {
    fn default() -> Self {
        let seconds = |count| DurationSpec::new(Duration::from_secs(count));
        Self {
            enabled: true,
            max_concurrent_streams: 128,
            stream_window_bytes: 128 * 1024,
            connection_window_bytes: 1024 * 1024,
            max_frame_bytes: 16 * 1024,
            send_buffer_bytes: 64 * 1024,
            max_reset_streams: 500,
            ping_interval: seconds(30),
            ping_timeout: seconds(20),
        }
    }
}
