//! Certificates of the tests, and clients that speak TLS.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::Failure;
use crate::mint::digest;

/// An authority of our own.
pub struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key as PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What a client believes and shows in a handshake.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Authority {
    /// A new authority with a new key.
    pub fn new() -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new()).map_err(told)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(told)?;
        Ok(Self {
            certificate: params.self_signed(&key).map_err(told)?,
            issuer: Issuer::new(params, key),
        })
    }

    /// Writes the authority's own certificate to `folder`.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let path = folder.join("authority.pem");
        fs::write(&path, self.certificate.pem())?;
        Ok(path)
    }

    /// Writes a new certificate for these names, a name with `://` being a URI such as a SPIFFE
    /// id, to `folder`: `{stem}.pem` and `{stem}.key`.
    pub fn issue(&self, folder: &Path, stem: &str, names: &[&str]) -> Result<Certificate, Failure> {
        let is_uri = |name: &&&str| name.contains("://");
        let hosts = names.iter().filter(|name| !is_uri(name));
        let hosts: Vec<String> = hosts.copied().map(String::from).collect();
        let mut params = CertificateParams::new(hosts).map_err(told)?;
        for uri in names.iter().filter(is_uri).copied() {
            let uri = uri.try_into().map_err(told)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let key = KeyPair::generate().map_err(told)?;
        let signed = params.signed_by(&key, &self.issuer).map_err(told)?;
        let written = Certificate {
            certificate: folder.join(format!("{stem}.pem")),
            key: folder.join(format!("{stem}.key")),
        };
        // The key first: whoever watches the folder sees the pair complete.
        fs::write(&written.key, key.serialize_pem())?;
        fs::write(&written.certificate, signed.pem())?;
        Ok(written)
    }

    /// A client that believes this authority, asks for `name`, offers `protocols` by ALPN and
    /// shows `own`, if any.
    pub fn client(
        &self,
        name: &str,
        protocols: &[&str],
        own: Option<&Certificate>,
    ) -> Result<TlsClient, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).map_err(told)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(told)?
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let certificate = CertificateDer::from_pem_file(&own.certificate).map_err(told)?;
                let key = PrivateKeyDer::from_pem_file(&own.key).map_err(told)?;
                let shown = builder.with_client_auth_cert(vec![certificate], key);
                shown.map_err(told)?
            }
        };
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        config.alpn_protocols = protocols.collect();
        Ok(TlsClient {
            config: Arc::new(config),
            name: ServerName::try_from(name.to_owned()).map_err(told)?,
        })
    }
}

impl Certificate {
    /// Its SHA-256 fingerprint (`x5t#S256` of RFC 8705).
    pub fn fingerprint(&self) -> Result<String, Failure> {
        Ok(digest(self.der()?))
    }

    /// The value of a `Client-Cert` field (RFC 9440) that holds it.
    pub fn field(&self) -> Result<String, Failure> {
        Ok(format!(":{}:", STANDARD.encode(self.der()?)))
    }

    fn der(&self) -> Result<CertificateDer<'static>, Failure> {
        CertificateDer::from_pem_file(&self.certificate).map_err(told)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl TlsClient {
    /// A handshake that has not begun.
    pub(crate) fn session(&self) -> io::Result<ClientConnection> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        session.map_err(io::Error::other)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn told(error: impl ToString) -> Failure {
    Failure::new(error.to_string())
}
