//! Where `serve` listens: an address, with TLS if it is given a certificate.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use ztag_server::{
    CertificateSpec, CertificateStore, Certificates, Http2Spec, LimitsSpec, Listen, ListenTlsSpec,
    Tls, TlsMaterial,
};
use ztag_types::{ConfigPath, Findings};

use super::trouble::Trouble;

#[derive(Debug, Args)]
pub(super) struct DoorArguments {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Serve TLS with this certificate: a PEM file of it and those that vouch for it.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl DoorArguments {
    /// Whether only this machine can come in.
    pub(super) const fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// The listener, with its files read.
    pub(super) fn listen(&self) -> Result<Listen, Trouble> {
        let mut listen = Listen::plain(self.listen, LimitsSpec::default());
        if let Some((cert, key)) = self.tls_cert.as_ref().zip(self.tls_key.as_ref()) {
            listen.tls = Some(tls(cert, key, &listen.http2)?);
        }
        Ok(listen)
    }
}

fn tls(cert: &Path, key: &Path, http2: &Http2Spec) -> Result<Tls, Trouble> {
    let spec = ListenTlsSpec {
        certificates: vec![CertificateSpec {
            cert_file: cert.to_path_buf(),
            key_file: key.to_path_buf(),
        }],
        ..ListenTlsSpec::default()
    };
    let (at, mut findings) = (ConfigPath::root(), Findings::new());
    let material = TlsMaterial::load(&spec, Path::new(""), &at, &mut findings);
    let certificates = material
        .and_then(|material| Certificates::compile(&spec, http2, &material, &at, &mut findings));
    let Some(certificates) = certificates else {
        let found = findings.as_slice().iter();
        let found: Vec<_> = found.map(|found| found.message.clone()).collect();
        return Err(Trouble::with_file(cert, found.join("; ")));
    };
    Ok(Tls {
        certificates: CertificateStore::new(certificates),
        handshake_timeout: spec.handshake_timeout.get(),
    })
}
