//! Responses that come bit by bit.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gate::Gate;
use crate::origin::{Origin, driven};
use crate::{Wire, get};

#[test]
fn attack_25_events_arrive_one_by_one_as_they_are_sent() {
    let (address, connections) = driven();
    let gate = Gate::route(address, r#""endpoint": "open""#);
    let mut client = Wire::open(gate.address);
    client.write(get("/events", &["Accept: text/event-stream"]));
    let mut upstream = connections.recv().unwrap();
    upstream.head();
    upstream.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let head = client.head().unwrap();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    for number in 0..100 {
        let event = format!("data: {number}\n\n");
        upstream.write(format!("{:x}\r\n{event}\r\n", event.len()));
        // The next event is not written before this one arrived.
        assert_eq!(client.chunk().unwrap(), event.as_bytes());
    }
    upstream.write("0\r\n\r\n");
    assert!(client.chunk().unwrap().is_empty());
}

#[test]
fn trailers_follow_where_the_client_takes_them() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status, Set-Cookie\r\n\r\n\
         2\r\nok\r\n0\r\nGrpc-Status: 0\r\nSet-Cookie: a=b\r\n\r\n"
            .into()
    });
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    let mut client = Wire::open(gate.address);
    client.write(get("/", &["TE: trailers", "Connection: TE"]));
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"ok");
    assert_eq!(client.line().unwrap(), "0");
    assert_eq!(
        client.line().unwrap().to_ascii_lowercase(),
        "grpc-status: 0"
    );
    assert_eq!(client.line().unwrap(), "");
}

/// Far above what the sockets of both connections hold.
const HELD: usize = 32 << 20;
const WHOLE: usize = 128 << 20;

#[test]
fn attack_25_a_slow_reader_stops_the_upstream() {
    let given = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&given);
    let origin = Origin::raw(move |mut wire| {
        wire.head();
        wire.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {WHOLE}\r\n\r\n"
        ));
        let piece = vec![b'x'; 64 << 10];
        while counter.load(Ordering::SeqCst) < WHOLE {
            if wire.0.write_all(&piece).is_err() {
                return;
            }
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    let mut client = Wire::open(gate.address);
    client.write(get("/", &[]));
    client.head().unwrap();
    let mut taken = 0;
    let mut piece = vec![0; 1 << 20];
    while taken < WHOLE {
        let ahead = given.load(Ordering::SeqCst).saturating_sub(taken);
        assert!(ahead <= HELD, "{ahead} bytes ahead of the reader");
        let read = client.0.read(&mut piece).unwrap();
        assert!(read > 0, "the response ended after {taken} bytes");
        taken += read;
    }
    assert_eq!(taken, WHOLE);
}

#[test]
fn a_client_that_leaves_takes_the_upstream_with_it() {
    let (address, connections) = driven();
    let gate = Gate::route(address, r#""endpoint": "open""#);
    let mut client = Wire::open(gate.address);
    client.write(get("/", &[]));
    let mut upstream = connections.recv().unwrap();
    upstream.head();
    upstream.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    client.head().unwrap();
    client.chunk().unwrap();
    drop(client);
    // Nobody would read the rest: the connection is cut rather than drained.
    let piece = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    while upstream.0.write_all(piece.as_bytes()).is_ok() {}
}
