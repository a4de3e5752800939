//! A connection that is parked whenever it can be, while its client goes on.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::BodyEnd;
use crate::connection::stream::Wire;
use crate::peer::Peer;
use crate::progress::Progress;
use crate::serve::Seat;

struct Echo;

impl Answer for Echo {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        let path = Bytes::from(request.uri().path().to_owned());
        let end = request.extensions().get::<BodyEnd>().cloned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(end.is_some(), !body.is_empty());
        end.iter().for_each(BodyEnd::reach);
        tokio::task::yield_now().await;
        Response::new(Full::from([path, body].concat()))
    }
}

/// A client's end, with TLS or without.
trait Client: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Client for T {}

/// TLS over both ends of a connection.
async fn secured(client: TcpStream, server: TcpStream) -> (Box<dyn Client>, Wire) {
    let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let accept = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let connect = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("a.example").unwrap();
    let connector = TlsConnector::from(Arc::new(connect));
    let acceptor = TlsAcceptor::from(Arc::new(accept));
    let (client, server) = tokio::join!(connector.connect(name, client), acceptor.accept(server));
    let server = Wire::Tls(Box::new(server.unwrap()));
    (Box::new(client.unwrap()), server)
}

/// A connection to a server, and its progress.
async fn connect(tls: bool) -> (Box<dyn Client>, Arc<Progress>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    for end in [&client, &socket] {
        end.set_nodelay(true).unwrap();
    }
    let progress = Progress::new(Arc::default());
    progress.enter(Phase::Head);
    let front = Front {
        answer: Arc::new(Echo),
        progress: Arc::clone(&progress),
        peer: Peer::new(peer, address),
        certificates: None,
        max_headers: 100,
    };
    let (client, wire) = if tls {
        secured(client, socket).await
    } else {
        let client: Box<dyn Client> = Box::new(client);
        (client, Wire::Plain(socket))
    };
    let stream = Stream::new(wire, Bytes::new(), Arc::clone(&progress), Seat::default());
    tokio::spawn(async move {
        poll_fn(|cx| {
            front.progress.woken_by(cx.waker());
            Poll::Ready(())
        })
        .await;
        serve(&front, &Builder::new(), stream).await;
    });
    (client, progress)
}

/// A sequence of numbers that looks random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Some requests, as the client writes them, and what it must read.
fn requests(dice: &mut Dice, count: usize) -> (Vec<u8>, Vec<String>) {
    let mut wire = Vec::new();
    let mut expected = Vec::new();
    for index in 0..count {
        let body = "x".repeat([0, 0, 0, 5, 9000][dice.below(5)]);
        let framing = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        wire.extend(format!("POST /{index} HTTP/1.1\r\nHost: a\r\n{framing}\r\n{body}").bytes());
        expected.push(format!("/{index}{body}"));
    }
    (wire, expected)
}

async fn read_reply(client: &mut dyn Client, expected: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("no byte of a reply is lost"));
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(!head.contains("connection: close"), "{head}");
    let mut body = vec![0; expected.len()];
    client.read_exact(&mut body).await.unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

/// However the bytes of requests fall between moments at which the connection is asked to be
/// parked, every request is answered, in order, and nobody is told to go.
fn check(tls: bool) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let parked = runtime.unwrap().block_on(async {
        let mut parked = 0;
        for seed in 0..40 {
            let mut dice = Dice(seed);
            let (mut client, progress) = connect(tls).await;
            for _ in 0..20 {
                let count = 1 + dice.below(3);
                let (wire, expected) = requests(&mut dice, count);
                let mut rest = wire.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(1 + dice.below(rest.len().min(200)));
                    client.write_all(now).await.unwrap();
                    client.flush().await.unwrap();
                    rest = later;
                    for _ in 0..dice.below(4) {
                        progress.ask_to_park();
                        tokio::task::yield_now().await;
                    }
                }
                for expected in &expected {
                    read_reply(&mut *client, expected).await;
                    progress.ask_to_park();
                    for _ in 0..dice.below(4) {
                        tokio::task::yield_now().await;
                    }
                    parked += usize::from(progress.phase() == Phase::Parked);
                }
            }
        }
        parked
    });
    assert!(parked > 1_000, "parked {parked} times");
}

#[test]
fn parking_loses_no_byte_and_closes_nothing() {
    check(false);
}

#[test]
fn parking_loses_no_byte_of_tls_and_closes_nothing() {
    check(true);
}

#[tokio::test]
async fn a_parked_connection_notices_that_its_client_left() {
    let (mut client, progress) = connect(false).await;
    client
        .write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_reply(&mut *client, "/a").await;
    while progress.phase() != Phase::Parked {
        progress.ask_to_park();
        tokio::task::yield_now().await;
    }
    drop(client);
    while Arc::strong_count(&progress) > 1 {
        tokio::task::yield_now().await;
    }
}
