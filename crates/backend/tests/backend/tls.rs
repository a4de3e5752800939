//! `https` backends.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use ztag_backend::{Client, ClientSpec, FailureKind, TlsMaterial, TlsSpec, TlsVersion};
use ztag_types::{ConfigPath, Findings, Secret};

use crate::stub::{Stub, ok};
use crate::{body, get, kind};

/// An authority of our own.
struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn pem(&self) -> Vec<u8> {
        self.certificate.pem().into_bytes()
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        Arc::new(roots)
    }

    fn server(&self, name: &str, clients: Option<&Self>) -> ServerConfig {
        self.server_of(name, clients, rustls::DEFAULT_VERSIONS)
    }

    fn server_of(
        &self,
        name: &str,
        clients: Option<&Self>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(clients.roots(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let (certificate, key) = self.issue(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

fn client(tls: TlsSpec, material: TlsMaterial) -> Client {
    let spec = ClientSpec {
        tls,
        ..ClientSpec::default()
    };
    Client::new(&spec, material).unwrap()
}

fn trusting(authority: &Authority) -> Client {
    let material = TlsMaterial::from_pem(Some(authority.pem()), None, None);
    client(TlsSpec::default(), material)
}

async fn start(tls: ServerConfig) -> (Stub, String) {
    let stub = Stub::start_tls(tls, |_| ok("private")).await;
    let url = format!("https://localhost:{}/", stub.address.port());
    (stub, url)
}

#[tokio::test]
async fn a_trusted_backend_is_called_and_kept() {
    let authority = Authority::new();
    let (stub, url) = start(authority.server("localhost", None)).await;
    let client = trusting(&authority);
    for _ in 0..2 {
        assert_eq!(body(&client.send(get(&url)).await.unwrap()), "private");
    }
    assert_eq!(stub.connections(), [0, 0]);
}

#[tokio::test]
async fn addresses_are_verified_like_names() {
    let authority = Authority::new();
    let stub = Stub::start_tls(authority.server("127.0.0.1", None), |_| ok("private")).await;
    let url = format!("https://{}/", stub.address);
    assert_eq!(
        body(&trusting(&authority).send(get(&url)).await.unwrap()),
        "private"
    );
}

#[tokio::test]
async fn nobody_else_is_called() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (stub, url) = start(authority.server("localhost", None)).await;
    for client in [
        trusting(&stranger),
        client(TlsSpec::default(), TlsMaterial::none()),
        client(TlsSpec::default(), TlsMaterial::system()),
    ] {
        let mut call = get(&url);
        call.retries = 3;
        let failure = client.send(call).await.unwrap_err();
        assert_eq!((failure.kind(), failure.attempts()), (FailureKind::Tls, 1));
    }
    assert!(stub.received().is_empty());
}

#[tokio::test]
async fn the_name_must_be_the_right_one() {
    let authority = Authority::new();
    let (stub, url) = start(authority.server("other.example", None)).await;
    assert_eq!(
        kind(trusting(&authority).send(get(&url)).await),
        FailureKind::Tls
    );
    assert!(stub.received().is_empty());
    let tls = TlsSpec {
        server_name: Some("other.example".to_owned()),
        ..TlsSpec::default()
    };
    let material = TlsMaterial::from_pem(Some(authority.pem()), None, None);
    assert_eq!(
        body(&client(tls, material).send(get(&url)).await.unwrap()),
        "private"
    );
}

#[tokio::test]
async fn client_certificates_are_shown() {
    let (authority, clients) = (Authority::new(), Authority::new());
    for versions in [&[&rustls::version::TLS13], &[&rustls::version::TLS12]] {
        let server = authority.server_of("localhost", Some(&clients), versions);
        let (stub, url) = start(server).await;
        assert_eq!(
            kind(trusting(&authority).send(get(&url)).await),
            FailureKind::Tls
        );
        assert!(stub.received().is_empty());
        let (certificate, key) = clients.issue("gateway");
        let material = TlsMaterial::from_pem(
            Some(authority.pem()),
            Some(certificate.pem().into_bytes()),
            Some(Secret::new(key.serialize_pem().into_bytes())),
        );
        let known = client(TlsSpec::default(), material);
        assert_eq!(body(&known.send(get(&url)).await.unwrap()), "private");
    }
}

#[tokio::test]
async fn versions_below_the_lowest_are_refused() {
    let authority = Authority::new();
    let old = authority.server_of("localhost", None, &[&rustls::version::TLS12]);
    let (_stub, url) = start(old).await;
    assert_eq!(
        body(&trusting(&authority).send(get(&url)).await.unwrap()),
        "private"
    );
    let tls = TlsSpec {
        min_version: TlsVersion::Tls13,
        ..TlsSpec::default()
    };
    let material = TlsMaterial::from_pem(Some(authority.pem()), None, None);
    assert_eq!(
        kind(client(tls, material).send(get(&url)).await),
        FailureKind::Tls
    );
}

#[tokio::test]
async fn a_plain_backend_is_not_called_over_tls() {
    let stub = Stub::start(|_| ok("plain")).await;
    let url = format!("https://localhost:{}/", stub.address.port());
    let client = trusting(&Authority::new());
    let mut call = get(&url);
    call.timeout = std::time::Duration::from_millis(200);
    assert!(client.send(call).await.is_err());
    assert!(stub.received().is_empty());
}

#[tokio::test]
async fn one_client_may_speak_tls_in_several_ways() {
    let (one, other) = (Authority::new(), Authority::new());
    let (_stub, url) = start(other.server("localhost", None)).await;
    let client = trusting(&one);
    let material = TlsMaterial::from_pem(Some(other.pem()), None, None);
    let mut findings = Findings::new();
    let at = ConfigPath::root();
    let second = client.with_tls(&TlsSpec::default(), material, &at, &mut findings);
    assert_eq!(
        body(&second.unwrap().send(get(&url)).await.unwrap()),
        "private"
    );
    assert_eq!(kind(client.send(get(&url)).await), FailureKind::Tls);
}

#[tokio::test]
async fn material_is_read_from_files() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = clients.issue("gateway");
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.path().join("me.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("me.key"), key.serialize_pem()).unwrap();
    let tls = TlsSpec {
        ca_file: Some("ca.pem".into()),
        cert_file: Some("me.pem".into()),
        key_file: Some(folder.path().join("me.key")),
        ..TlsSpec::default()
    };
    let mut findings = Findings::new();
    let material = TlsMaterial::load(&tls, folder.path(), &ConfigPath::root(), &mut findings);
    let (_stub, url) = start(authority.server("localhost", Some(&clients))).await;
    let pages = client(tls, material.unwrap()).send(get(&url)).await;
    assert_eq!(body(&pages.unwrap()), "private");
}

#[test]
fn every_fault_of_the_material_is_found() {
    let at = ConfigPath::root().key("tls");
    let mut findings = Findings::new();
    let tls = TlsSpec {
        ca_file: Some("absent.pem".into()),
        key_file: Some("absent.key".into()),
        ..TlsSpec::default()
    };
    let nowhere = std::path::Path::new("/nonexistent");
    assert!(TlsMaterial::load(&tls, nowhere, &at, &mut findings).is_none());
    assert_eq!(paths(&findings), ["tls.caFile", "tls.keyFile"]);

    let junk = || Some(b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----".to_vec());
    let spec = ClientSpec {
        tls: TlsSpec {
            server_name: Some("not a name".to_owned()),
            ..TlsSpec::default()
        },
        ..ClientSpec::default()
    };
    let material = TlsMaterial::from_pem(junk(), junk(), None);
    let error = Client::new(&spec, material).unwrap_err();
    let found = error
        .diagnostics()
        .iter()
        .map(|found| found.path.to_string());
    assert_eq!(
        found.collect::<Vec<_>>(),
        ["tls.serverName", "tls.caFile", "tls.certFile"]
    );

    let (certificate, _) = Authority::new().issue("gateway");
    let (_, foreign) = Authority::new().issue("gateway");
    let pem = Some(certificate.pem().into_bytes());
    for key in [junk().unwrap(), foreign.serialize_pem().into_bytes()] {
        let material = TlsMaterial::from_pem(None, pem.clone(), Some(Secret::new(key)));
        let error = Client::new(&ClientSpec::default(), material).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

fn paths(findings: &Findings) -> Vec<String> {
    let found = findings.as_slice().iter();
    found.map(|found| found.path.to_string()).collect()
}
