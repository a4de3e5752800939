//! Connections that become something else than HTTP, and what comes before the first request.
#![cfg(test)]

mod wire;

use std::io::{Read, Write};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::{Running, listen, read_all, read_reply};
use ztag_server::{Answer, Incoming, LimitsSpec, Peer, ProxyProtocol, ProxyProtocolSpec};
use ztag_types::{ConfigPath, Findings};

/// Upgrades `/shout` to a protocol that answers in upper case; tells others who they are.
struct Shout;

impl Answer for Shout {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Self::Body> {
        let mut response = Response::new(Full::default());
        if request.uri().path() == "/shout" {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let fields = response.headers_mut();
            fields.insert(CONNECTION, "upgrade".parse().unwrap());
            fields.insert(UPGRADE, "shout".parse().unwrap());
            tokio::spawn(shout(request));
        } else {
            let via = peer.via.map(|via| via.ip().to_string());
            let told = format!("{} {:?}", peer.address, via);
            *response.body_mut() = Full::from(told);
        }
        response
    }
}

async fn shout(request: Request<Incoming>) {
    let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
    let mut bytes = [0; 64];
    loop {
        let length = stream.read(&mut bytes).await.unwrap();
        if length == 0 {
            return;
        }
        let said = bytes[..length].to_ascii_uppercase();
        stream.write_all(&said).await.unwrap();
    }
}

const ASK: &str = "GET /shout HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";

#[test]
fn an_upgraded_connection_counts_and_a_drain_waits_for_it() {
    let running = Running::start(&listen(&LimitsSpec::default()), || Shout);
    let mut client = running.connect();
    write!(client, "{ASK}").unwrap();
    assert!(read_reply(&mut client).0.starts_with("http/1.1 101"));
    let mut said = [0; 5];
    for _ in 0..2 {
        write!(client, "hello").unwrap();
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HELLO");
        assert_eq!(running.connections.open(), 1);
        running.shutdown.begin();
    }
    let connections = running.connections.clone();
    drop(client);
    running.join();
    assert_eq!(connections.open(), 0);
}

/// What follows an upgrade request belongs to the new protocol, if it comes to that.
#[test]
fn attack_21_bytes_behind_an_upgrade_wait_for_it() {
    let running = Running::start(&listen(&LimitsSpec::default()), || Shout);
    let mut client = running.connect();
    write!(client, "{ASK}GET /smuggled HTTP/1.1\r\n\r\n").unwrap();
    assert!(read_reply(&mut client).0.starts_with("http/1.1 101"));
    let mut said = [0; 26];
    client.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"GET /SMUGGLED HTTP/1.1\r\n\r\n");
}

#[test]
fn a_refused_upgrade_leaves_a_connection_of_http() {
    let running = Running::start(&listen(&LimitsSpec::default()), || Shout);
    let mut client = running.connect();
    let ask = ASK.replace("/shout", "/other");
    for _ in 0..2 {
        write!(client, "{ask}").unwrap();
        assert!(read_reply(&mut client).0.starts_with("http/1.1 200"));
    }
}

fn proxied(from: &str) -> Running {
    let spec = ProxyProtocolSpec {
        from: vec![from.to_owned()],
    };
    let compiled = ProxyProtocol::compile(&spec, &ConfigPath::root(), &mut Findings::new());
    let mut listen = listen(&LimitsSpec::default());
    listen.proxy_protocol = compiled;
    Running::start(&listen, || Shout)
}

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn a_balancer_says_for_whom_it_connects() {
    let running = proxied("127.0.0.1");
    for (header, expected) in [
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n",
            "192.0.2.1:5 Some(\"127.0.0.1\")",
        ),
        (
            "PROXY TCP6 ::ffff:192.0.2.1 ::1 5 443\r\n",
            "192.0.2.1:5 Some(\"127.0.0.1\")",
        ),
    ] {
        let mut client = running.connect();
        write!(client, "{header}{PLAIN}").unwrap();
        assert_eq!(read_reply(&mut client).1, expected);
    }
    let mut client = running.connect();
    write!(client, "PROXY UNKNOWN\r\n{PLAIN}").unwrap();
    let (_, told) = read_reply(&mut client);
    assert!(
        told.starts_with("127.0.0.1:") && told.ends_with(" None"),
        "{told}"
    );
}

#[test]
fn attack_16_nobody_else_announces_and_balancers_always_do() {
    let running = proxied("192.0.2.0/24");
    let mut client = running.connect();
    let _ = write!(client, "PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n{PLAIN}");
    assert_eq!(read_all(&mut client), "");
    let running = proxied("127.0.0.0/8");
    for bytes in [PLAIN.to_owned(), format!("PROXY TCP4 a b 1 2\r\n{PLAIN}")] {
        let mut client = running.connect();
        let _ = write!(client, "{bytes}");
        assert_eq!(read_all(&mut client), "", "{bytes}");
    }
    // Without the protocol its header is no request.
    let running = Running::start(&listen(&LimitsSpec::default()), || Shout);
    let mut client = running.connect();
    let _ = write!(client, "PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n{PLAIN}");
    assert!(read_all(&mut client).starts_with("HTTP/1.1 400"));
}
