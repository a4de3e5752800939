//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use rustls_pki_types::CertificateDer;
use ztag_types::{ClientCertificate, SmolStr};

/// Who is at the other end of the connection. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client: the other end of the connection, or whom that end announced with the PROXY
    /// protocol. IPv4 addresses are never written as IPv6 ones.
    pub address: SocketAddr,
    /// The address that the client reached: our end, or the one announced.
    pub local: SocketAddr,
    /// The other end of the connection, where `address` was announced by it.
    pub via: Option<SocketAddr>,
    /// What the TLS handshake settled; `None` on a plain connection.
    pub tls: Option<Arc<TlsSession>>,
}

impl Peer {
    /// The two ends of a plain connection.
    pub fn new(address: SocketAddr, local: SocketAddr) -> Self {
        Self {
            address: canonical(address),
            local: canonical(local),
            via: None,
            tls: None,
        }
    }

    /// Whether the connection is encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}

/// IPv4 addresses mapped into IPv6 (RFC 4291 section 2.5.5.2) written as what they are.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What a TLS handshake settled.
#[derive(Debug, Default)]
pub struct TlsSession {
    /// The name asked for by SNI (RFC 6066 section 3), in lower case.
    pub server_name: Option<SmolStr>,
    /// The protocol settled by ALPN (RFC 7301): `h2`, `http/1.1` or none.
    pub alpn: Option<SmolStr>,
    /// The certificate that the client proved to hold, verified against `clientAuth.caFile`.
    pub certificate: Option<CertificateDer<'static>>,
    identity: OnceLock<Option<Arc<ClientCertificate>>>,
}

impl TlsSession {
    /// A session in which the client showed `certificate`.
    pub fn new(
        server_name: Option<SmolStr>,
        alpn: Option<SmolStr>,
        certificate: Option<CertificateDer<'static>>,
    ) -> Self {
        Self {
            server_name,
            alpn,
            certificate,
            identity: OnceLock::new(),
        }
    }

    /// Who the certificate of the client says it is: `read` is called once per connection, and
    /// not without a certificate. `None` beside a certificate means that it cannot be read.
    pub fn identity<F>(&self, read: F) -> Option<&Arc<ClientCertificate>>
    where
        F: FnOnce(&CertificateDer<'static>) -> Option<ClientCertificate>,
    {
        let certificate = self.certificate.as_ref()?;
        let identity = self
            .identity
            .get_or_init(|| read(certificate).map(Arc::new));
        identity.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_once() {
        let der = CertificateDer::from(vec![1]);
        let session = TlsSession::new(None, None, Some(der));
        let read = |_: &CertificateDer<'_>| {
            Some(ClientCertificate {
                subject: "CN=a".into(),
                ..ClientCertificate::default()
            })
        };
        assert_eq!(session.identity(read).unwrap().subject, "CN=a");
        assert_eq!(session.identity(|_| None).unwrap().subject, "CN=a");
        assert!(TlsSession::default().identity(read).is_none());
    }

    #[test]
    fn mapped_addresses_are_ipv4_addresses() {
        let mapped = "[::ffff:192.0.2.1]:5".parse().unwrap();
        let peer = Peer::new(mapped, "[::1]:80".parse().unwrap());
        assert_eq!(peer.address.to_string(), "192.0.2.1:5");
        assert_eq!(peer.local.to_string(), "[::1]:80");
        assert!(!peer.is_encrypted());
    }
}
