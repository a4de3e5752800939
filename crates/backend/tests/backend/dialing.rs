//! Connections for others than the client.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;
use ztag_backend::{Alpn, DialSpec, Dialer, FailureKind, GuardSpec, TlsMaterial, TlsSpec};
use ztag_types::{ConfigPath, DurationSpec, Findings};

fn dialer(guard: &GuardSpec) -> Dialer {
    let spec = DialSpec {
        connect_timeout: DurationSpec::new(Duration::from_secs(10)),
        tls: &TlsSpec::default(),
        address_guard: guard,
        protocol: Alpn::Http1,
    };
    let (at, mut findings) = (ConfigPath::root(), Findings::new());
    Dialer::compile(spec, TlsMaterial::none(), &at, &mut findings).unwrap()
}

#[tokio::test]
async fn what_a_connection_holds_is_dropped_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = Url::parse(&format!("http://localhost:{}", address.port())).unwrap();
    let held = Arc::new(());
    let mut wire = dialer(&GuardSpec::default())
        .dial(&url, Arc::clone(&held))
        .await
        .unwrap();
    assert_eq!(wire.peer().unwrap(), address);
    let (mut peer, _) = listener.accept().await.unwrap();

    let life = Arc::clone(wire.life());
    assert_eq!((life.users(), life.answered()), (1, false));
    wire.write_all(b"ping").await.unwrap();
    peer.read_exact(&mut [0; 4]).await.unwrap();
    peer.write_all(b"pong").await.unwrap();
    wire.read_exact(&mut [0; 4]).await.unwrap();
    assert!(life.answered());
    assert!(life.idle_since().is_none());
    life.rest();
    assert!(life.idle_since().is_some());
    life.begin();
    assert_eq!((life.users(), life.answered()), (1, false));

    assert_eq!(Arc::strong_count(&held), 2);
    drop(wire);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test]
async fn what_cannot_be_dialed_holds_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let guard = GuardSpec {
        deny: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
        ..GuardSpec::default()
    };
    for (guard, url, expected) in [
        (
            &GuardSpec::default(),
            format!("http://127.0.0.1:{port}"),
            FailureKind::Connect,
        ),
        (
            &guard,
            format!("http://127.0.0.1:{open}"),
            FailureKind::BlockedAddress,
        ),
        (
            &guard,
            format!("http://localhost:{open}"),
            FailureKind::BlockedAddress,
        ),
        (&guard, "ftp://127.0.0.1/".to_owned(), FailureKind::BadUrl),
    ] {
        let held = Arc::new(());
        let url = Url::parse(&url).unwrap();
        let failure = dialer(guard)
            .dial(&url, Arc::clone(&held))
            .await
            .unwrap_err();
        assert_eq!(failure.kind(), expected, "{url}");
        assert_eq!(Arc::strong_count(&held), 1, "{url}");
    }
}

#[test]
fn fingerprints_tell_material_apart() {
    let pem = |ca: Option<&str>, certificate: Option<&str>| {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        TlsMaterial::from_pem(bytes(ca), bytes(certificate), None).fingerprint()
    };
    let all = [
        pem(None, None),
        pem(Some(""), None),
        pem(Some("a"), None),
        pem(None, Some("a")),
        pem(Some("a"), Some("b")),
        pem(Some("ab"), Some("")),
    ];
    for (index, one) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other == one), Some(index));
    }
    assert_eq!(pem(Some("a"), None), pem(Some("a"), None));
}
