//! The server as its clients see it.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use ztag_server::{Answer, Incoming, LimitsSpec, Listen, Peer, Server, Shutdown};

struct Echo;

impl Answer for Echo {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: Peer) -> Response<Self::Body> {
        Response::new(Full::from(request.uri().path().to_owned()))
    }
}

fn start(limits: &LimitsSpec) -> (Server, SocketAddr, Shutdown) {
    let shutdown = Shutdown::new();
    let listen = Listen::plain("127.0.0.1:0".parse().unwrap(), limits.clone());
    let server = Server::start(&listen, &shutdown, || Echo).unwrap();
    let address = server.address();
    (server, address, shutdown)
}

fn read_reply(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) && stream.read(&mut byte).unwrap_or(0) == 1 {
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn a_connection_serves_many_requests() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    let mut client = TcpStream::connect(address).unwrap();
    for path in ["/one", "/two"] {
        write!(client, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(read_reply(&mut client, path).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    let connections = server.connections();
    assert_eq!(connections.open(), 1);
    drop(client);
    shutdown.begin();
    server.join();
    assert_eq!(connections.open(), 0);
}

#[test]
fn a_drain_ends_idle_connections_and_refuses_new_ones() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    let mut idle = TcpStream::connect(address).unwrap();
    write!(idle, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    read_reply(&mut idle, "/x");
    shutdown.begin();
    server.join();
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn attack_25_a_huge_head_is_refused() {
    let limits = LimitsSpec {
        max_header_bytes: 8192,
        ..LimitsSpec::default()
    };
    let (server, address, shutdown) = start(&limits);
    let mut client = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Big: {}\r\n\r\n",
        "a".repeat(40_000)
    );
    // The server may close before all of it is written.
    let _ = client.write_all(head.as_bytes());
    let reply = read_reply(&mut client, "\r\n\r\n");
    assert!(
        reply.is_empty() || reply.starts_with("HTTP/1.1 431"),
        "{reply}"
    );
    shutdown.begin();
    server.join();
}

#[test]
fn attack_22_conflicting_framing_is_refused() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    for framing in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n",
        "Content-Length: +4\r\n",
    ] {
        let mut client = TcpStream::connect(address).unwrap();
        write!(client, "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n").unwrap();
        let reply = read_reply(&mut client, "\r\n");
        assert!(reply.starts_with("HTTP/1.1 400"), "{framing:?}: {reply}");
    }
    shutdown.begin();
    server.join();
}

#[test]
fn attack_21_nothing_behind_an_upgrade_is_taken_for_granted() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    let mut client = TcpStream::connect(address).unwrap();
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    write!(client, "GET /one HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").unwrap();
    write!(client, "\x01\x02 no request\r\n\r\n").unwrap();
    let reply = read_reply(&mut client, "/one");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    // Whatever follows is a request of its own or nothing, never a stream that passed.
    let rest = read_reply(&mut client, "\r\n");
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 400"),
        "{rest}"
    );
    shutdown.begin();
    server.join();
}

#[test]
fn attack_24_http_2_is_not_spoken_where_it_is_disabled() {
    let shutdown = Shutdown::new();
    let mut listen = Listen::plain("127.0.0.1:0".parse().unwrap(), LimitsSpec::default());
    listen.http2.enabled = false;
    let server = Server::start(&listen, &shutdown, || Echo).unwrap();
    let address = server.address();
    let mut client = TcpStream::connect(address).unwrap();
    let _ = client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let mut reply = Vec::new();
    let _ = client.read_to_end(&mut reply);
    let reply = String::from_utf8_lossy(&reply);
    assert!(
        reply.is_empty() || reply.starts_with("HTTP/1.1 400"),
        "{reply}"
    );
    shutdown.begin();
    server.join();
}

/// Everything the server says to `bytes` and a last request behind them: the bodies of the replies
/// are the paths that it took for those of requests.
fn whole_conversation(address: SocketAddr, bytes: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    let last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    // A server that refuses may close before all of it is written.
    let _ = client.write_all(format!("{bytes}{last}").as_bytes());
    let mut said = Vec::new();
    // A connection cut with bytes unread is reset, which may come before the reply is read.
    let _ = client.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn attack_22_what_follows_ambiguous_framing_is_no_request() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    let plain = "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    let said = whole_conversation(address, &format!("{plain}{SMUGGLED}"));
    assert!(
        said.contains("/one") && said.contains("/smuggled"),
        "{said}"
    );
    let length = SMUGGLED.len();
    for (framing, body) in [
        // Whoever goes by the length takes the chunk for the end, and the rest for a request.
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            "1;\nx\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(20_000)),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            "fffffffffffffffff\r\nx\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            "0x1\r\nx\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            "1\r\nxy\r\n0\r\n\r\n".to_owned(),
        ),
        (&format!("Content-Length: {length}\r\n"), String::new()),
        (
            &format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
            String::new(),
        ),
    ] {
        let head = format!("POST /one HTTP/1.1\r\nHost: a\r\n{framing}\r\n");
        let said = whole_conversation(address, &format!("{head}{body}{SMUGGLED}"));
        assert!(!said.contains("/smuggled"), "{framing:?} {body:?}: {said}");
    }
    shutdown.begin();
    server.join();
}

#[test]
fn attack_22_heads_that_two_parsers_read_differently_are_refused() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    for lines in [
        "X-A: b\r\n Content-Length: 5\r\n",
        "X-A:\r\n\tb\r\n",
        "X-A : b\r\n",
        "X-A: b\rX-C: d\r\n",
        "X-A: b\0c\r\n",
        " X-A: b\r\n",
        ": b\r\n",
        "X-A\r\n",
        "X A: b\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 2\r\n",
    ] {
        let said = whole_conversation(
            address,
            &format!("POST /one HTTP/1.1\r\n{lines}Host: a\r\n\r\n{SMUGGLED}"),
        );
        assert!(said.starts_with("HTTP/1.1 400"), "{lines:?}: {said}");
        assert!(!said.contains("/smuggled"), "{lines:?}: {said}");
    }
    for line in [
        "POST /one HTTP/1.2",
        "POST /one",
        "POST  /one HTTP/1.1",
        "POST /one two HTTP/1.1",
    ] {
        let said = whole_conversation(address, &format!("{line}\r\nHost: a\r\n\r\n"));
        assert!(said.starts_with("HTTP/1.1 400"), "{line:?}: {said}");
    }
    let old = "POST /one HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let said = whole_conversation(address, &format!("{old}{SMUGGLED}"));
    assert!(!said.contains("/smuggled"), "{said}");
    shutdown.begin();
    server.join();
}

/// Only the last coding is taken off here: what is below it is not what the client sent.
#[test]
fn attack_22_a_body_has_one_coding_said_once() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    for coding in [
        "gzip, chunked",
        "identity, chunked",
        ", chunked",
        "chunked, chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ] {
        let head = format!("POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let said = whole_conversation(address, &format!("{head}0\r\n\r\n{SMUGGLED}"));
        assert!(said.starts_with("HTTP/1.1 400"), "{coding:?}: {said}");
        assert!(!said.contains("/smuggled"), "{coding:?}: {said}");
    }
    let head = "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n";
    let said = whole_conversation(address, &format!("{head}{SMUGGLED}"));
    assert!(
        said.contains("/one") && said.contains("/smuggled"),
        "{said}"
    );
    shutdown.begin();
    server.join();
}

/// The service does not read bodies: whatever is in one must not become the next request.
#[test]
fn attack_23_a_body_that_nobody_reads_is_no_request() {
    let (server, address, shutdown) = start(&LimitsSpec::default());
    let long = SMUGGLED.repeat(20_000);
    for body in [SMUGGLED, &long] {
        let length = body.len();
        let head = format!("POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let said = whole_conversation(address, &format!("{head}{body}"));
        assert!(!said.contains("/smuggled"), "{said}");
    }
    shutdown.begin();
    server.join();
}
