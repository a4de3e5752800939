//! TLS as compiled from its files.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use webpki::EndEntityCert;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::material::TlsMaterial;
use super::names::{Names, host_of};
use crate::spec::{ClientAuthMode, Http2Spec, ListenTlsSpec, ListenTlsVersion};

/// Everything a handshake needs.
#[derive(Debug)]
pub struct Certificates {
    pub(super) config: ServerConfig,
    pub(super) chooser: Arc<Chooser>,
    pub(super) resumes: bool,
}

impl Certificates {
    /// Compiles `spec`, standing at `at`, with the files that it names. `None` when something is
    /// wrong, with findings.
    pub fn compile(
        spec: &ListenTlsSpec,
        http2: &Http2Spec,
        material: &TlsMaterial,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chooser = chooser(spec, material, &provider, at, findings);
        let verifier = findings.keep(verifier(spec, material, &provider, &at.key("clientAuth")));
        let (chooser, verifier) = (Arc::new(chooser?), verifier?);
        let built = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(spec.min_version))
            .map_err(|error| broken(at, &format!("tls cannot be set up: {error}")));
        let builder = findings.keep(built)?;
        let resumes = verifier.is_none();
        let builder = match verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder.with_cert_resolver(chooser.clone());
        config.alpn_protocols = protocols(http2);
        if !resumes {
            // A resumed session would skip the proof, and outlive authorities taken away.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Some(Self {
            config,
            chooser,
            resumes,
        })
    }
}

fn protocols(http2: &Http2Spec) -> Vec<Vec<u8>> {
    let mut protocols = vec![b"http/1.1".to_vec()];
    if http2.enabled {
        protocols.insert(0, b"h2".to_vec());
    }
    protocols
}

fn versions(min: ListenTlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    static FROM_13: [&SupportedProtocolVersion; 1] = [&TLS13];
    match min {
        ListenTlsVersion::Tls12 => &FROM_12,
        ListenTlsVersion::Tls13 => &FROM_13,
    }
}

fn broken(at: &ConfigPath, message: &str) -> Diagnostic {
    Diagnostic::error(Code::InvalidTls, at, message)
}

/// Chooses the certificate of a handshake.
#[derive(Debug)]
pub(super) struct Chooser {
    keys: Vec<Arc<CertifiedKey>>,
    names: Names,
    strict: bool,
    check_host: bool,
}

impl Chooser {
    /// Whether a connection on which the client asked for `asked` may carry requests for
    /// `authority`: not when only other certificates serve that.
    pub(super) fn serves(&self, asked: &str, authority: &str) -> bool {
        if !self.check_host || self.keys.len() < 2 || asked.eq_ignore_ascii_case(authority) {
            return true;
        }
        let Some(host) = host_of(authority) else {
            return true;
        };
        let serving = self.names.find(&host);
        let own = self.candidates(asked);
        serving.is_empty() || own.iter().any(|key| serving.contains(key))
    }

    /// The certificates for `name`, or else the first one of all.
    fn candidates(&self, name: &str) -> &[usize] {
        match self.names.find(name) {
            [] if self.strict => &[],
            [] => &[0],
            found => found,
        }
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = match hello.server_name() {
            Some(name) => {
                let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                self.candidates(&name)
            }
            None if self.strict => &[],
            None => &[0],
        };
        let keys = || candidates.iter().filter_map(|index| self.keys.get(*index));
        let fits = |key: &&Arc<CertifiedKey>| {
            let schemes = hello.signature_schemes();
            key.key.choose_scheme(schemes).is_some()
        };
        keys().find(fits).or_else(|| keys().next()).cloned()
    }
}

fn chooser(
    spec: &ListenTlsSpec,
    material: &TlsMaterial,
    provider: &CryptoProvider,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Chooser> {
    let at = at.key("certificates");
    if material.pairs.is_empty() {
        findings.push(broken(&at, "tls needs a certificate"));
        return None;
    }
    let mut names = Names::default();
    let mut keys = Vec::new();
    for (index, (chain, key)) in material.pairs.iter().enumerate() {
        let at = at.index(index);
        let own = findings.keep(certified(chain, key.expose(), provider, &at));
        if let Some(certified) = &own {
            findings.extend(enter(&mut names, certified, index, &at));
        }
        keys.push(own.map(Arc::new));
    }
    Some(Chooser {
        keys: keys.into_iter().collect::<Option<_>>()?,
        names,
        strict: spec.strict_sni,
        check_host: spec.check_host,
    })
}

fn certified(
    chain: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
    at: &ConfigPath,
) -> Result<CertifiedKey, Diagnostic> {
    let chain = certificates(chain)
        .ok_or_else(|| broken(&at.key("certFile"), "no valid PEM certificates"))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| broken(&at.key("keyFile"), "no valid PEM private key"))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| broken(at, &format!("certificate and key cannot be used: {error}")))
}

/// The certificates of a PEM file, if there is at least one and all are well-formed.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .ok()?;
    (!found.is_empty()).then_some(found)
}

/// Enters the names of a certificate; warns of one that no client can ask for.
fn enter(
    names: &mut Names,
    key: &CertifiedKey,
    index: usize,
    at: &ConfigPath,
) -> Option<Diagnostic> {
    let leaf = key.cert.first().map(EndEntityCert::try_from);
    let Some(Ok(leaf)) = leaf else {
        return Some(broken(&at.key("certFile"), "no valid X.509 certificate"));
    };
    let mut found = false;
    for name in leaf.valid_dns_names() {
        found = true;
        names.insert(name, index);
    }
    (!found && index > 0).then(|| {
        let message = "the certificate names no host and is not the first: it never serves";
        Diagnostic::warning(Code::InvalidTls, &at.key("certFile"), message)
    })
}

type Verifier = Arc<dyn rustls::server::danger::ClientCertVerifier>;

fn verifier(
    spec: &ListenTlsSpec,
    material: &TlsMaterial,
    provider: &Arc<CryptoProvider>,
    at: &ConfigPath,
) -> Result<Option<Verifier>, Diagnostic> {
    let file = at.key("caFile");
    let pem = match (spec.client_auth.mode, &material.authorities) {
        (ClientAuthMode::Off, None) => return Ok(None),
        (ClientAuthMode::Off, Some(_)) => {
            return Err(broken(&file, "`caFile` needs `mode`").hint("add `mode: required`"));
        }
        (_, None) => return Err(broken(at, "client certificates need `caFile`")),
        (_, Some(pem)) => pem,
    };
    let bad = || broken(&file, "no valid PEM certificate authorities");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).ok_or_else(bad)? {
        roots.add(certificate).map_err(|_| bad())?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match spec.client_auth.mode {
        ClientAuthMode::Optional => builder.allow_unauthenticated(),
        ClientAuthMode::Off | ClientAuthMode::Required => builder,
    };
    builder.build().map(Some).map_err(|_| bad())
}
