//! Request bodies on their way.

use std::sync::mpsc;

use crate::gate::Gate;
use crate::origin::{Origin, driven};
use crate::{Message, Wire, ask, request};

#[test]
fn a_body_travels_as_it_comes() {
    let (address, connections) = driven();
    let gate = Gate::route(address, r#""endpoint": "open""#);
    let mut client = Wire::open(gate.address);
    client.write(request("POST", "/", &["Transfer-Encoding: chunked"]));
    let mut upstream = connections.recv().unwrap();
    assert!(
        upstream
            .head()
            .unwrap()
            .contains("transfer-encoding: chunked")
    );
    for piece in ["one", "two", "three"] {
        client.write(format!("{:x}\r\n{piece}\r\n", piece.len()));
        // The next piece is not written before this one arrived.
        assert_eq!(upstream.chunk().unwrap(), piece.as_bytes());
    }
    client.write("0\r\nX-User: root\r\n\r\n");
    assert_eq!(upstream.line().unwrap(), "0");
    assert_eq!(
        upstream.line().unwrap(),
        "",
        "trailers are not judged, and not forwarded"
    );
    upstream.write("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.message(false).unwrap().status(), 204);
}

#[test]
fn a_body_that_breaks_off_is_never_whole() {
    let (sender, ends) = mpsc::channel();
    let origin = Origin::raw(move |mut wire| {
        let _ = sender.send(wire.message(false));
    });
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    for (line, part) in [
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
        ("Content-Length: 9", "abc"),
    ] {
        let mut client = Wire::open(gate.address);
        client.write(request("POST", "/", &[line]) + part);
        drop(client);
        assert_eq!(ends.recv().unwrap(), None, "{line}");
    }
}

#[test]
fn a_body_too_large_is_refused_when_announced_and_cut_off_otherwise() {
    let (sender, ends) = mpsc::channel();
    let origin = Origin::raw(move |mut wire| {
        let whole = wire.message(false);
        let fine = whole.is_some();
        let _ = sender.send(whole);
        if fine {
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gate = Gate::route(origin.address, r#""endpoint": "open", "maxBodyBytes": 4"#);
    let announced = request("POST", "/", &["Content-Length: 5"]) + "hello";
    let answer = ask(gate.address, announced);
    assert_eq!(
        (answer.status(), answer.text()),
        (413, "request body too large")
    );
    let chunked = |body: &str| request("POST", "/", &["Transfer-Encoding: chunked"]) + body;
    let answer = ask(gate.address, chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    assert_eq!(answer.status(), 413, "{answer:?}");
    assert_eq!(ends.recv().unwrap(), None, "the upstream got no whole body");
    let answer = ask(gate.address, chunked("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"));
    assert_eq!(answer.status(), 200);
    assert_eq!(
        ends.recv().unwrap().as_ref().map(Message::text),
        Some("abcd")
    );
}

#[test]
fn a_body_is_called_for_only_when_it_is_wanted() {
    let origin = Origin::fine();
    let routes = r#"{
        "open": {"endpoint": "open"},
        "guarded": {"endpoint": "guarded", "paths": ["/guarded"]},
        "small": {"endpoint": "open", "paths": ["/small"], "maxBodyBytes": 1}
    }"#;
    let gate = Gate::routes(origin.address, routes);
    let lines = ["Expect: 100-continue", "Content-Length: 2"];
    for (target, expected) in [("/guarded", 401), ("/small", 413)] {
        let mut client = Wire::open(gate.address);
        client.write(request("POST", target, &lines));
        assert_eq!(
            client.message(false).unwrap().status(),
            expected,
            "{target}"
        );
    }
    assert!(origin.requests().is_empty());
    let mut client = Wire::open(gate.address);
    client.write(request("POST", "/", &lines));
    assert_eq!(client.message(false).unwrap().status(), 100);
    client.write("hi");
    assert_eq!(client.message(false).unwrap().status(), 200);
    let seen = origin.only();
    assert_eq!((seen.text(), seen.all("expect").len()), ("hi", 0));
}
