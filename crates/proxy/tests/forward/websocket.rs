//! Connections that become websockets, and those that do not.

use std::net::SocketAddr;

use crate::gate::Gate;
use crate::origin::{Origin, driven};
use crate::{Wire, ask, get};

const ROUTE: &str = r#""endpoint": "open", "upgrade": ["websocket"]"#;

const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A masked frame of a client with a short text.
fn masked(text: &str) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap()];
    frame.extend(mask);
    frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

/// A frame of a server with a short text.
fn plain(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, u8::try_from(text.len()).unwrap()];
    frame.extend(text.bytes());
    frame
}

/// Client and upstream after the handshake.
fn open(gate: SocketAddr, connections: &std::sync::mpsc::Receiver<Wire>) -> (Wire, Wire) {
    let mut client = Wire::open(gate);
    client.write(get("/chat", &HANDSHAKE));
    let mut upstream = connections.recv().unwrap();
    let head = upstream.head().unwrap();
    for line in [
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "x-user: mia",
    ] {
        assert!(head.contains(line), "{head}");
    }
    upstream.write(SWITCHING);
    let answer = client.message(false).unwrap();
    assert_eq!(answer.status(), 101, "{answer:?}");
    assert_eq!(
        answer.all("sec-websocket-accept"),
        ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
    assert_eq!(answer.all("upgrade"), ["websocket"]);
    assert_eq!(answer.all("connection"), ["upgrade"]);
    (client, upstream)
}

#[test]
fn frames_travel_both_ways_as_they_are() {
    let (address, connections) = driven();
    let gate = Gate::route(address, ROUTE);
    let (mut client, mut upstream) = open(gate.address, &connections);
    for text in ["hello", "", "x"] {
        client.write(masked(text));
        assert_eq!(upstream.exact(masked(text).len()).unwrap(), masked(text));
        upstream.write(plain(text));
        assert_eq!(client.exact(plain(text).len()).unwrap(), plain(text));
    }
}

#[test]
fn a_side_that_is_done_may_still_listen() {
    let (address, connections) = driven();
    let gate = Gate::route(address, ROUTE);
    let (mut client, mut upstream) = open(gate.address, &connections);
    client.write(masked("last"));
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    upstream.exact(masked("last").len()).unwrap();
    assert!(upstream.closes(), "the end travels");
    upstream.write(plain("more"));
    assert_eq!(client.exact(plain("more").len()).unwrap(), plain("more"));
    drop(upstream);
    assert!(client.closes());
}

#[test]
fn a_tunnel_ends_with_its_sides() {
    let (address, connections) = driven();
    let gate = Gate::route(address, ROUTE);
    let (mut client, upstream) = open(gate.address, &connections);
    drop(upstream);
    assert!(client.closes());
    let (client, mut upstream) = open(gate.address, &connections);
    drop(client);
    assert!(upstream.closes());
}

#[test]
fn a_tunnel_ends_when_the_gateway_drains() {
    let (address, connections) = driven();
    let mut gate = Gate::route(address, ROUTE);
    let (mut client, mut upstream) = open(gate.address, &connections);
    gate.drain();
    assert!(client.closes());
    assert!(upstream.closes());
}

#[test]
fn a_silent_tunnel_ends() {
    let (address, connections) = driven();
    let gate = Gate::route(address, &format!(r#"{ROUTE}, "upgradeIdleTimeout": "5ms""#));
    let (mut client, mut upstream) = open(gate.address, &connections);
    assert!(client.closes());
    assert!(upstream.closes());
}

#[test]
fn attack_21_nothing_behind_a_handshake_is_forwarded_before_the_upstream_agrees() {
    let (address, connections) = driven();
    let routes = format!(
        r#"{{"chat": {{{ROUTE}}}, "guarded": {{"endpoint": "guarded", "paths": ["/admin"]}}}}"#
    );
    let gate = Gate::routes(address, &routes);
    let mut client = Wire::open(gate.address);
    // To a gateway that forwards blindly this is a frame; to the upstream, a request of its own.
    client.write(get("/chat", &HANDSHAKE) + &get("/admin", &[]));
    let mut upstream = connections.recv().unwrap();
    upstream.head().unwrap();
    upstream.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let answer = client.message(false).unwrap();
    assert_eq!((answer.status(), answer.text()), (200, "no"));
    // What followed is a request like any other, and is judged.
    if let Some(answer) = client.message(false) {
        assert_eq!(answer.status(), 401);
    }
    drop(client);
    drop(gate);
    assert_eq!(upstream.head(), None, "the upstream sees no second request");
}

#[test]
fn attack_21_an_upstream_that_switches_to_something_else_is_refused() {
    for switching in [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let origin = Origin::answering(move |_| switching.to_owned());
        let gate = Gate::route(origin.address, ROUTE);
        assert_eq!(
            ask(gate.address, get("/", &HANDSHAKE)).status(),
            502,
            "{switching}"
        );
    }
}

#[test]
fn attack_21_only_a_whole_handshake_on_a_route_that_offers_it_is_forwarded() {
    let origin = Origin::fine();
    let routes = format!(
        r#"{{"chat": {{{ROUTE}}}, "none": {{"endpoint": "open", "paths": ["/none"]}}, "guarded": {{"endpoint": "guarded", "upgrade": ["websocket"], "paths": ["/guarded"]}}}}"#
    );
    let gate = Gate::routes(origin.address, &routes);
    let status = |target: &str, lines: &[&str]| ask(gate.address, get(target, lines)).status();
    assert_eq!(status("/none", &HANDSHAKE), 400);
    assert_eq!(status("/guarded", &HANDSHAKE), 401);
    let [connection, upgrade, version, key] = HANDSHAKE;
    assert_eq!(status("/", &[upgrade, version, key]), 400);
    assert_eq!(status("/", &[connection, upgrade, version]), 400);
    assert_eq!(
        status("/", &[connection, "Upgrade: websocket, h2c", version, key]),
        400
    );
    let answer = ask(
        gate.address,
        get("/", &[connection, upgrade, "Sec-WebSocket-Version: 8", key]),
    );
    assert_eq!(
        (answer.status(), answer.all("sec-websocket-version")),
        (426, vec!["13"])
    );
    let body = get("/", &[&HANDSHAKE[..], &["Content-Length: 2"]].concat()) + "hi";
    assert_eq!(ask(gate.address, body).status(), 400);
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
    // An offer that nobody here knows is ignored (RFC 9110 section 7.8).
    let offer = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
    ];
    assert_eq!(status("/", &offer), 200);
    let seen = origin.only();
    for name in ["connection", "upgrade", "http2-settings"] {
        assert!(seen.all(name).is_empty(), "{seen:?}");
    }
}
