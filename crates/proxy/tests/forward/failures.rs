//! What clients are told when there is no answer of an upstream.

use std::net::TcpListener;

use crate::gate::Gate;
use crate::origin::{Origin, driven};
use crate::{Message, Wire, ask, get};

fn check(answer: &Message, status: u16, text: &str) {
    assert_eq!(
        (answer.status(), answer.text()),
        (status, text),
        "{answer:?}"
    );
    assert_eq!(answer.all("content-type"), ["text/plain; charset=utf-8"]);
    assert_eq!(answer.all("x-request-id"), ["abc"]);
}

const ID: &[&str] = &["X-Request-Id: abc"];

#[test]
fn attack_56_nothing_of_what_lies_behind_is_told() {
    // Bound once, then left: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gate = Gate::route(nobody, r#""endpoint": "open""#);
    let answer = ask(gate.address, get("/", ID));
    check(&answer, 503, "upstream unavailable");
    assert!(
        !answer.head.contains(&nobody.port().to_string()),
        "{answer:?}"
    );

    let origin = Origin::raw(|mut wire| drop(wire.head()));
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    check(&ask(gate.address, get("/", ID)), 502, "upstream failed");
}

#[test]
fn a_route_waits_no_longer_than_it_says() {
    let (address, connections) = driven();
    let gate = Gate::route(address, r#""endpoint": "open", "timeout": "1ms""#);
    let mut client = Wire::open(gate.address);
    client.write(get("/", ID));
    check(&client.message(false).unwrap(), 504, "upstream timeout");
    // What nobody waits for is closed rather than kept.
    if let Ok(mut upstream) = connections.try_recv() {
        upstream.head();
        assert!(upstream.closes());
    }
}

#[test]
fn a_response_that_breaks_off_is_never_whole() {
    for head in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
        let origin = Origin::raw(move |mut wire| {
            wire.head();
            wire.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n"));
        });
        let gate = Gate::route(origin.address, r#""endpoint": "open""#);
        let mut client = Wire::open(gate.address);
        client.write(get("/", &[]));
        assert_eq!(client.message(false), None, "{head}");
    }
}

#[test]
fn a_request_that_comes_back_goes_no_further() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    ask(gate.address, get("/", &["Via: 1.1 ztag, 1.0 fred"]));
    let seen = origin.only();
    let via = seen.all("via");
    assert_eq!(via.first(), Some(&"1.1 ztag, 1.0 fred"));
    let back: Vec<String> = via.iter().map(|entry| format!("Via: {entry}")).collect();
    let mut back: Vec<&str> = back.iter().map(String::as_str).collect();
    back.extend(ID);
    check(&ask(gate.address, get("/", &back)), 508, "loop detected");
    assert_eq!(origin.requests().len(), 1);
}
