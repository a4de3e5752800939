//! TLS towards backends: what to trust, who to be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Secret};

use crate::dial::Alpn;
use crate::spec::{TlsSpec, TlsVersion};

/// Certificates and keys in memory: reading them is I/O, building a client from them is not.
#[derive(Clone, Debug, Default)]
pub struct TlsMaterial {
    trusted: Vec<CertificateDer<'static>>,
    ca: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Secret<Vec<u8>>>,
}

impl TlsMaterial {
    /// Nothing: no `https` backend is trusted.
    pub fn none() -> Self {
        Self::default()
    }

    /// The authorities that the system trusts, and no client certificate. Reads files; what cannot
    /// be read is left out.
    pub fn system() -> Self {
        Self {
            trusted: rustls_native_certs::load_native_certs().certs,
            ..Self::default()
        }
    }

    /// The text of the PEM files of a [`TlsSpec`]: `ca_file`, `cert_file` and `key_file`. Without
    /// the first, nobody is trusted.
    pub fn from_pem(
        ca: Option<Vec<u8>>,
        certificate: Option<Vec<u8>>,
        key: Option<Secret<Vec<u8>>>,
    ) -> Self {
        Self {
            trusted: Vec::new(),
            ca,
            certificate,
            key,
        }
    }

    /// A fingerprint of all of it (BLAKE3): equal for equal material, and as good as never for
    /// other. Tells whether connections made with it are as those made with other material.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: Option<&[u8]>| {
            // With its length, so that no two lists of parts read the same; none is not empty.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            hasher.update(&length.to_le_bytes());
            hasher.update(part.unwrap_or_default());
        };
        add(self.ca.as_deref());
        add(self.certificate.as_deref());
        add(self.key.as_ref().map(|key| key.expose().as_slice()));
        for certificate in &self.trusted {
            add(Some(certificate));
        }
        hasher.finalize().into()
    }

    /// Reads the files that `spec`, standing at `at`, names, relative ones below `folder`; without
    /// `caFile` also those of the system. `None` when a file cannot be read, with a finding each.
    pub fn load(
        spec: &TlsSpec,
        folder: &Path,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut read = |file: Option<&PathBuf>, key: &str| match file {
            None => Some(None),
            Some(file) => findings
                .keep(fs::read(folder.join(file)).map_err(|e| unreadable(&at.key(key), file, &e)))
                .map(Some),
        };
        let ca = read(spec.ca_file.as_ref(), "caFile");
        let certificate = read(spec.cert_file.as_ref(), "certFile");
        let key = read(spec.key_file.as_ref(), "keyFile");
        let (ca, certificate, key) = (ca?, certificate?, key?);
        let own = Self::from_pem(ca, certificate, key.map(Secret::new));
        Some(match own.ca {
            Some(_) => own,
            None => Self {
                trusted: Self::system().trusted,
                ..own
            },
        })
    }
}

fn unreadable(at: &ConfigPath, file: &Path, error: &io::Error) -> Diagnostic {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        kind => kind.to_string(),
    };
    let message = format!("cannot read `{}`: {reason}", file.display());
    Diagnostic::error(Code::Unreadable, at, message)
}

/// How to begin TLS with any backend.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    /// The name to verify, when it is not the host of the URL.
    pub(crate) name: Option<ServerName<'static>>,
    /// What is offered.
    pub(crate) protocol: Alpn,
}

impl Tls {
    /// Builds it from `spec`, standing at `at`. `None` when something is wrong, with findings.
    pub(crate) fn compile(
        spec: &TlsSpec,
        material: TlsMaterial,
        protocol: Alpn,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let name = match &spec.server_name {
            None => Some(None),
            Some(name) => findings
                .keep(server_name(name, &at.key("serverName")))
                .map(Some),
        };
        let roots = findings.keep(roots(material.trusted, material.ca, &at.key("caFile")));
        let identity = findings.keep(identity(material.certificate, material.key, at));
        let (name, roots, identity) = (name?, roots?, identity?);
        let mut config = findings.keep(config(spec.min_version, roots, identity, at))?;
        config.alpn_protocols = protocol.offer();
        Some(Self {
            config: Arc::new(config),
            name,
            protocol,
        })
    }
}

fn server_name(name: &str, at: &ConfigPath) -> Result<ServerName<'static>, Diagnostic> {
    ServerName::try_from(name.to_owned()).map_err(|_| {
        let message = format!("`{name}` is not a host name");
        Diagnostic::error(Code::InvalidTls, at, message)
    })
}

fn roots(
    trusted: Vec<CertificateDer<'static>>,
    ca: Option<Vec<u8>>,
    at: &ConfigPath,
) -> Result<RootCertStore, Diagnostic> {
    let mut store = RootCertStore::empty();
    // Some systems ship authorities that no verifier takes: those are left out.
    store.add_parsable_certificates(trusted);
    let bad = || Diagnostic::error(Code::InvalidTls, at, "no valid PEM certificate authorities");
    if let Some(pem) = ca {
        for certificate in certificates(&pem).ok_or_else(bad)? {
            store.add(certificate).map_err(|_| bad())?;
        }
    }
    Ok(store)
}

/// The certificates of a PEM file, if there is at least one and all are well-formed.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()?;
    (!found.is_empty()).then_some(found)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(
    certificate: Option<Vec<u8>>,
    key: Option<Secret<Vec<u8>>>,
    at: &ConfigPath,
) -> Result<Option<Identity>, Diagnostic> {
    let broken =
        |name: &str, message: &str| Diagnostic::error(Code::InvalidTls, &at.key(name), message);
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(broken("certFile", "`certFile` needs `keyFile`")),
        (None, Some(_)) => Err(broken("keyFile", "`keyFile` needs `certFile`")),
        (Some(certificate), Some(key)) => {
            let chain = certificates(&certificate)
                .ok_or_else(|| broken("certFile", "no valid PEM certificates"))?;
            let key = PrivateKeyDer::from_pem_slice(key.expose())
                .map_err(|_| broken("keyFile", "no valid PEM private key"))?;
            Ok(Some((chain, key)))
        }
    }
}

fn config(
    min_version: TlsVersion,
    roots: RootCertStore,
    identity: Option<Identity>,
    at: &ConfigPath,
) -> Result<ClientConfig, Diagnostic> {
    let broken = |error: &dyn std::fmt::Display| {
        Diagnostic::error(
            Code::InvalidTls,
            at,
            format!("tls cannot be set up: {error}"),
        )
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(min_version))
        .map_err(|error| broken(&error))?;
    let builder = builder.with_root_certificates(roots);
    Ok(match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| broken(&error))?,
    })
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
    match min {
        TlsVersion::Tls12 => &FROM_12,
        TlsVersion::Tls13 => &FROM_13,
    }
}
