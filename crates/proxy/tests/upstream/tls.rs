//! Encrypted upstreams.

use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use ztag_backend::TlsMaterial;
use ztag_proxy::{Upstream, UpstreamDeps, UpstreamPlaces, UpstreamProtocol, UpstreamSpec};
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, Findings, Secret};

use crate::http2::echo;
use crate::target::{Connection, Target};
use crate::{ask, at_rest, get, spec};

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

    /// What trusts this authority.
    fn material(&self) -> TlsMaterial {
        TlsMaterial::from_pem(Some(self.certificate.pem().into_bytes()), None, None)
    }

    /// What trusts this authority, and is named `name` by it.
    fn material_of(&self, name: &str) -> TlsMaterial {
        let (certificate, key) = self.issue(name);
        TlsMaterial::from_pem(
            Some(self.certificate.pem().into_bytes()),
            Some(certificate.pem().into_bytes()),
            Some(Secret::new(key.serialize_pem().into_bytes())),
        )
    }

    fn server(&self, name: &str, mutual: bool, alpn: &[&str]) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = if mutual {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.issue(name);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let chain = vec![certificate.der().clone()];
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

async fn target(config: Arc<ServerConfig>) -> Target {
    Target::start(move |_, connection: Connection| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let stream = acceptor.accept(connection.into_stream()).await.ok()?;
            let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = TokioIo::new(stream);
            if agreed {
                let serving = http2::Builder::new(TokioExecutor::new());
                serving.serve_connection(io, service_fn(echo)).await.ok()
            } else {
                let serving = http1::Builder::new();
                serving.serve_connection(io, service_fn(echo)).await.ok()
            }
        }
    })
    .await
}

fn compile(spec: &UpstreamSpec, places: &UpstreamPlaces, material: &TlsMaterial) -> Arc<Upstream> {
    let mut findings = Findings::new();
    let deps = UpstreamDeps {
        places,
        material,
        credential: &OutboundCredential::NONE,
    };
    let at = ConfigPath::root();
    let compiled = Upstream::compile(spec, "app", &at, deps, &mut findings);
    compiled.unwrap_or_else(|| panic!("{:?}", findings.as_slice()))
}

fn secure(target: &Target, change: impl FnOnce(&mut UpstreamSpec)) -> UpstreamSpec {
    spec(&[format!("https://{}", target.address)], change)
}

#[tokio::test]
async fn what_is_spoken_is_agreed_on_in_the_handshake() {
    let authority = Authority::new();
    for (offered, protocol, expected) in [
        (
            &["h2", "http/1.1"][..],
            UpstreamProtocol::Http1,
            "200 GET / ",
        ),
        (
            &["h2", "http/1.1"],
            UpstreamProtocol::Http2,
            "200 GET https://app.example/ ",
        ),
        (&[], UpstreamProtocol::Http1, "200 GET / "),
        (&["http/1.1"], UpstreamProtocol::Http2, "connect"),
        (&[], UpstreamProtocol::Http2, "connect"),
    ] {
        let target = target(authority.server("127.0.0.1", false, offered)).await;
        let spec = secure(&target, |spec| spec.protocol = protocol);
        let upstream = compile(&spec, &UpstreamPlaces::new(), &authority.material());
        for _ in 0..3 {
            let answer = ask(&upstream, get()).await;
            assert!(
                answer.starts_with(expected),
                "{offered:?} {protocol:?}: {answer}"
            );
        }
        at_rest(&upstream).await;
        if expected != "connect" {
            assert_eq!(target.accepted(), 1);
        }
    }
}

#[tokio::test]
async fn only_who_is_trusted_and_named_is_asked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (name, asked_for, material, expected) in [
        (
            "app.internal",
            Some("app.internal"),
            authority.material(),
            "200 ",
        ),
        ("app.internal", None, authority.material(), "connect"),
        (
            "app.internal",
            Some("other.internal"),
            authority.material(),
            "connect",
        ),
        (
            "app.internal",
            Some("app.internal"),
            stranger.material(),
            "connect",
        ),
    ] {
        let target = target(authority.server(name, false, &[])).await;
        let spec = secure(&target, |spec| {
            spec.tls.server_name = asked_for.map(Into::into);
        });
        let upstream = compile(&spec, &UpstreamPlaces::new(), &material);
        let answer = ask(&upstream, get()).await;
        assert!(answer.starts_with(expected), "{asked_for:?}: {answer}");
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_a_new_one_needs_new_connections() {
    let authority = Authority::new();
    let target = target(authority.server("127.0.0.1", true, &[])).await;
    let places = UpstreamPlaces::new();
    let spec = secure(&target, |_| {});
    let stranger = compile(&spec, &places, &authority.material());
    let answer = ask(&stranger, get()).await;
    assert!(["broken", "connect"].contains(&&*answer), "{answer}");
    let before = target.accepted();

    let (first, second) = (
        authority.material_of("gateway"),
        authority.material_of("gateway"),
    );
    let mut old = stranger;
    for (material, connections) in [(&first, 1), (&first, 1), (&second, 2)] {
        let upstream = compile(&spec, &places, material);
        assert!(ask(&upstream, get()).await.starts_with("200 "));
        assert_eq!(target.accepted() - before, connections);
        old = upstream;
    }
    at_rest(&old).await;
}
