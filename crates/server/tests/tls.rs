//! TLS: which certificate, which client, and what changes while connections are open.
#![cfg(test)]

mod wire;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use wire::{Running, listen, read_all, read_reply};
use ztag_server::{
    Answer, CertificateStore, Certificates, ClientAuthMode, Http2Spec, Incoming, LimitsSpec,
    ListenTlsSpec, Peer, Tls, TlsMaterial,
};
use ztag_types::{ConfigPath, Findings, Secret};

/// Tells what it knows of the peer.
struct Tell;

impl Answer for Tell {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>, peer: Peer) -> Response<Self::Body> {
        let session = peer.tls.expect("a TLS session");
        let told = format!(
            "{} {} {}",
            session.server_name.as_deref().unwrap_or("-"),
            session.alpn.as_deref().unwrap_or("-"),
            session.certificate.as_ref().map_or(0, |der| der.len()),
        );
        Response::new(Full::from(told))
    }
}

/// An authority, its text and what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

struct Leaf {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn sign(&self, names: &[&str]) -> Leaf {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        }
    }

    /// A client that trusts this authority and shows `own`.
    fn client(&self, own: Option<&Leaf>, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivatePkcs8KeyDer::from(leaf.key.serialize_der());
                let key = PrivateKeyDer::from(key);
                builder
                    .with_client_auth_cert(vec![leaf.der.clone()], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn material(leaves: &[&Leaf], authority: Option<&Authority>) -> TlsMaterial {
    let pairs = leaves.iter().map(|leaf| {
        let key = leaf.key.serialize_pem().into_bytes();
        (leaf.pem.clone().into_bytes(), Secret::new(key))
    });
    let authorities = authority.map(|authority| authority.issuer.pem().into_bytes());
    TlsMaterial::from_pem(pairs.collect(), authorities)
}

fn compile(spec: &ListenTlsSpec, material: &TlsMaterial) -> Result<Certificates, Vec<String>> {
    let mut findings = Findings::new();
    let root = ConfigPath::root();
    let compiled =
        Certificates::compile(spec, &Http2Spec::default(), material, &root, &mut findings);
    let told = findings.as_slice().iter();
    compiled.ok_or_else(|| told.map(|found| found.message.clone()).collect())
}

fn start(spec: &ListenTlsSpec, material: &TlsMaterial) -> (Running, CertificateStore) {
    let certificates = CertificateStore::new(compile(spec, material).unwrap());
    let mut listen = listen(&LimitsSpec::default());
    listen.tls = Some(Tls {
        certificates: certificates.clone(),
        handshake_timeout: spec.handshake_timeout.get(),
    });
    (Running::start(&listen, || Tell), certificates)
}

type Client = StreamOwned<ClientConnection, TcpStream>;

fn connect(running: &Running, config: &Arc<ClientConfig>, name: &str) -> io::Result<Client> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(config.clone(), name).unwrap();
    let mut socket = running.connect();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(connection, socket))
}

fn ask(client: &mut Client, host: &str) -> (String, String) {
    let _ = write!(client, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    read_reply(client)
}

fn leaf_of(client: &Client) -> Vec<u8> {
    client.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn the_name_asked_for_chooses_the_certificate() {
    let authority = Authority::new();
    let first = authority.sign(&["first.example"]);
    let wild = authority.sign(&["*.example.com"]);
    let exact = authority.sign(&["exact.example.com"]);
    let (running, _) = start(
        &ListenTlsSpec::default(),
        &material(&[&first, &wild, &exact], None),
    );
    let config = authority.client(None, &["http/1.1"]);
    for (name, leaf) in [
        ("first.example", &first),
        ("exact.example.com", &exact),
        ("other.example.com", &wild),
    ] {
        let mut client = connect(&running, &config, name).unwrap();
        assert_eq!(leaf_of(&client), leaf.der.to_vec(), "{name}");
        assert_eq!(ask(&mut client, name).1, format!("{name} http/1.1 0"));
    }
    // The first one serves the rest, which clients then refuse by themselves.
    let refused = connect(&running, &config, "elsewhere.test").unwrap_err();
    assert!(
        refused.to_string().contains("not valid for name"),
        "{refused}"
    );
}

#[test]
fn strict_servers_have_no_default_certificate() {
    let authority = Authority::new();
    let first = authority.sign(&["first.example"]);
    let spec = ListenTlsSpec {
        strict_sni: true,
        ..ListenTlsSpec::default()
    };
    let (running, _) = start(&spec, &material(&[&first], None));
    let config = authority.client(None, &[]);
    assert!(connect(&running, &config, "first.example").is_ok());
    let refused = connect(&running, &config, "elsewhere.test").unwrap_err();
    assert!(refused.to_string().contains("fatal alert"), "{refused}");
}

#[test]
fn attack_07_a_host_of_another_certificate_is_misdirected() {
    let authority = Authority::new();
    let one = authority.sign(&["one.example", "shared.example"]);
    let two = authority.sign(&["two.example", "shared.example"]);
    let material = material(&[&one, &two], None);
    let (running, _) = start(&ListenTlsSpec::default(), &material);
    let config = authority.client(None, &[]);
    let mut client = connect(&running, &config, "one.example").unwrap();
    for (host, status) in [
        ("one.example", 200),
        ("ONE.example.:443", 200),
        ("shared.example", 200),
        ("nobody.test", 200),
        ("two.example", 421),
        ("Two.Example.:443", 421),
        ("one.example\r\nHost: two.example", 421),
        ("one.example", 200),
    ] {
        let (head, _) = ask(&mut client, host);
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{host}: {head}"
        );
    }
    let spec = ListenTlsSpec {
        check_host: false,
        ..ListenTlsSpec::default()
    };
    let (running, _) = start(&spec, &material);
    let mut client = connect(&running, &config, "one.example").unwrap();
    assert!(
        ask(&mut client, "two.example")
            .0
            .starts_with("http/1.1 200")
    );
}

fn mutual(mode: ClientAuthMode) -> ListenTlsSpec {
    let mut spec = ListenTlsSpec::default();
    spec.client_auth.mode = mode;
    spec
}

#[test]
fn clients_prove_who_they_are_where_they_must() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.sign(&["a.example"]);
    let known = clients.sign(&["client.example"]);
    let forged = Authority::new().sign(&["client.example"]);
    let material = material(&[&server], Some(&clients));
    let asked = |mode, own: Option<&Leaf>| {
        let (running, _) = start(&mutual(mode), &material);
        let config = authority.client(own, &[]);
        let told = connect(&running, &config, "a.example").map(|mut client| ask(&mut client, "a"));
        told.map_or(String::new(), |(_, body)| body)
    };
    let length = known.der.len();
    let proven = format!("a.example - {length}");
    for mode in [ClientAuthMode::Required, ClientAuthMode::Optional] {
        assert_eq!(asked(mode, Some(&known)), proven);
        assert_eq!(asked(mode, Some(&forged)), "", "{mode:?}");
    }
    assert_eq!(asked(ClientAuthMode::Required, None), "");
    assert_eq!(asked(ClientAuthMode::Optional, None), "a.example - 0");
}

#[test]
fn sessions_are_resumed_only_where_nobody_had_to_prove_anything() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.sign(&["a.example"]);
    let known = clients.sign(&["client.example"]);
    for (mode, expected) in [
        (ClientAuthMode::Off, HandshakeKind::Resumed),
        (ClientAuthMode::Required, HandshakeKind::Full),
    ] {
        let asks = (mode != ClientAuthMode::Off).then_some(&clients);
        let (running, _) = start(&mutual(mode), &material(&[&server], asks));
        let config = authority.client(Some(&known), &[]);
        for kind in [HandshakeKind::Full, expected] {
            let mut client = connect(&running, &config, "a.example").unwrap();
            // Tickets come with what is read.
            ask(&mut client, "a.example");
            let own = client.conn.handshake_kind().unwrap();
            let full = [
                HandshakeKind::Full,
                HandshakeKind::FullWithHelloRetryRequest,
            ];
            assert!(
                own == kind || full.contains(&own) && full.contains(&kind),
                "{mode:?}"
            );
        }
    }
}

#[test]
fn new_certificates_serve_new_connections_and_leave_the_others_alone() {
    let authority = Authority::new();
    let (old, new) = (
        authority.sign(&["a.example"]),
        authority.sign(&["a.example"]),
    );
    let spec = ListenTlsSpec::default();
    let (running, store) = start(&spec, &material(&[&old], None));
    let config = authority.client(None, &[]);
    let mut open = connect(&running, &config, "a.example").unwrap();
    assert_eq!(leaf_of(&open), old.der.to_vec());
    store.replace(compile(&spec, &material(&[&new], None)).unwrap());
    assert!(ask(&mut open, "a.example").0.starts_with("http/1.1 200"));
    // A client that knows nothing of the earlier session.
    let config = authority.client(None, &[]);
    let fresh = connect(&running, &config, "a.example").unwrap();
    assert_eq!(leaf_of(&fresh), new.der.to_vec());
    assert!(ask(&mut open, "a.example").0.starts_with("http/1.1 200"));
}

#[test]
fn attack_25_handshakes_that_do_not_go_on_hold_nobody_up() {
    let authority = Authority::new();
    let server = authority.sign(&["a.example"]);
    let (running, _) = start(&ListenTlsSpec::default(), &material(&[&server], None));
    let mut silent: Vec<_> = (0..50).map(|_| running.connect()).collect();
    for client in &mut silent {
        client.write_all(&[0x16, 3, 1]).unwrap();
    }
    let config = authority.client(None, &[]);
    let mut client = connect(&running, &config, "a.example").unwrap();
    assert!(ask(&mut client, "a.example").0.starts_with("http/1.1 200"));
}

#[test]
fn plain_text_and_old_versions_are_refused() {
    let authority = Authority::new();
    let server = authority.sign(&["a.example"]);
    let spec = ListenTlsSpec {
        min_version: serde_json::from_str("\"tls1.3\"").unwrap(),
        ..ListenTlsSpec::default()
    };
    let (running, _) = start(&spec, &material(&[&server], None));
    let mut plain = running.connect();
    write!(plain, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
    assert!(!read_all(&mut plain).contains("HTTP/1.1 200"));
    let mut config = (*authority.client(None, &[])).clone();
    assert!(connect(&running, &Arc::new(config.clone()), "a.example").is_ok());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert!(connect(&running, &Arc::new(config), "a.example").is_err());
}

#[test]
fn http_2_is_settled_in_the_handshake() {
    let authority = Authority::new();
    let server = authority.sign(&["a.example"]);
    let (running, _) = start(&ListenTlsSpec::default(), &material(&[&server], None));
    let config = authority.client(None, &["h2", "http/1.1"]);
    let mut client = connect(&running, &config, "a.example").unwrap();
    assert_eq!(client.conn.alpn_protocol(), Some(&b"h2"[..]));
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut head = [0; 9];
    client.read_exact(&mut head).unwrap();
    assert_eq!(head[3], wire::SETTINGS);
}

#[test]
fn what_is_wrong_is_told_before_anybody_connects() {
    let authority = Authority::new();
    let (one, two) = (
        authority.sign(&["a.example"]),
        authority.sign(&["b.example"]),
    );
    let sound = material(&[&one], None);
    let swapped = TlsMaterial::from_pem(
        vec![(
            one.pem.clone().into_bytes(),
            Secret::new(two.key.serialize_pem().into_bytes()),
        )],
        None,
    );
    let garbage = TlsMaterial::from_pem(
        vec![(b"garbage".to_vec(), Secret::new(b"garbage".to_vec()))],
        None,
    );
    let off = ListenTlsSpec::default();
    let required = mutual(ClientAuthMode::Required);
    for (spec, material, expected) in [
        (&off, TlsMaterial::default(), "tls needs a certificate"),
        (&off, swapped, "certificate and key cannot be used"),
        (&off, garbage, "no valid PEM certificates"),
        (
            &required,
            sound.clone(),
            "client certificates need `caFile`",
        ),
        (
            &off,
            material(&[&one], Some(&authority)),
            "`caFile` needs `mode`",
        ),
    ] {
        let told = compile(spec, &material).unwrap_err();
        assert!(told[0].starts_with(expected), "{told:?}");
    }
    assert!(compile(&off, &sound).is_ok());
}
