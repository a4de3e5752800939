//! Where a message begins and ends, on both sides.

use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Wire, ask, get, request};

const ROUTES: &str = r#"{
    "open": {"endpoint": "open"},
    "guarded": {"endpoint": "guarded", "paths": ["/guarded/*"]}
}"#;

#[test]
fn attack_22_a_request_is_framed_in_one_way_on_the_way_on() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    for (lines, body) in [
        (
            vec!["Content-Length: 5", "Transfer-Encoding: chunked"],
            chunked,
        ),
        (
            vec!["Transfer-Encoding: chunked", "Content-Length: 5"],
            chunked,
        ),
        (vec!["Content-Length: 5", "Content-Length: 6"], "hello"),
        (vec!["Content-Length: 5, 6"], "hello"),
        (vec!["Content-Length: +5"], "hello"),
        (vec!["Content-Length: -1"], ""),
        (vec!["Content-Length: 0x5"], "hello"),
        (vec!["Transfer-Encoding: chunked, identity"], chunked),
        (vec!["Transfer-Encoding: identity"], ""),
        (vec!["Transfer-Encoding: \tchunked\u{b}"], chunked),
        (vec!["Transfer-Encoding: gzip, chunked"], chunked),
        (vec!["Transfer-Encoding : chunked"], chunked),
        (vec!["Content-Length: 5", "Content-Length: 5"], "hello"),
        (vec!["Transfer-Encoding: chunked"], chunked),
    ] {
        let text = request("POST", "/", &lines) + body;
        let answer = ask(gate.address, &text);
        assert!(
            matches!(answer.status(), 0 | 200 | 400 | 403 | 501),
            "{text}: {answer:?}"
        );
    }
    for seen in origin.requests() {
        let framed = seen.all("content-length").len() + seen.all("transfer-encoding").len();
        assert_eq!(framed, 1, "{seen:?}");
        assert_eq!(seen.text(), "hello", "{seen:?}");
    }
    assert!(origin.requests().len() >= 2, "{:?}", origin.requests());
}

#[test]
fn attack_22_old_clients_cannot_smuggle() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    for text in [
        "POST / HTTP/1.0\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: app.example\r\n\r\nGET /x HTTP/1.1\r\nHost: app.example\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: app.example\r\n\r\n",
    ] {
        ask(gate.address, text);
    }
    assert!(
        !origin
            .requests()
            .iter()
            .any(|seen| seen.start().contains("/x"))
    );
}

#[test]
fn attack_23_the_body_of_a_denied_request_is_no_request() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    let smuggled = get("/smuggled", &[]);
    let length = format!("Content-Length: {}", smuggled.len());
    let mut wire = Wire::open(gate.address);
    wire.write(request("POST", "/guarded/x", &[&length]) + &smuggled);
    assert_eq!(wire.message(false).unwrap().status(), 401);
    wire.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(wire.closes(), "nothing else is answered");
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

#[test]
fn attack_23_what_follows_a_denied_request_is_judged_for_itself() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    let mut wire = Wire::open(gate.address);
    wire.write(
        request("POST", "/guarded/x", &["Content-Length: 2"]) + "hi" + &get("/guarded/y", &[]),
    );
    assert_eq!(wire.message(false).unwrap().status(), 401);
    if let Some(answer) = wire.message(false) {
        assert_eq!(answer.status(), 401);
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn responses_without_content_stay_framed() {
    let origin = Origin::answering(|request| {
        let status = request.start().split(['/', ' ']).nth(2).unwrap_or("200");
        match status {
            "head" => "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n".into(),
            "304" => {
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 12\r\n\r\n".into()
            }
            "204" => "HTTP/1.1 204 No Content\r\n\r\n".into(),
            "empty" => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into(),
            _ => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into()
            }
        }
    });
    let gate = Gate::routes(origin.address, ROUTES);
    let mut wire = Wire::open(gate.address);
    for (method, target, status, length, body) in [
        ("HEAD", "/head", 200, vec!["12"], ""),
        ("GET", "/304", 304, vec!["12"], ""),
        ("GET", "/204", 204, vec![], ""),
        ("GET", "/empty", 200, vec!["0"], ""),
        ("GET", "/chunked", 200, vec![], "abc"),
        ("HEAD", "/head", 200, vec!["12"], ""),
    ] {
        wire.write(request(method, target, &[]));
        let answer = wire.message(method == "HEAD").unwrap();
        let found = (answer.status(), answer.all("content-length"), answer.text());
        let lengths_agree = found.1 == length || status == 304 && found.1.is_empty();
        assert!(
            lengths_agree && found.0 == status && found.2 == body,
            "{target}: {answer:?}"
        );
    }
}

#[test]
fn attack_22_a_response_that_may_be_two_is_none() {
    let evil = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
    ];
    let origin = Origin::answering(move |request| {
        let number = request.start().split(['/', ' ']).nth(2).unwrap();
        evil[number.parse::<usize>().unwrap()].to_owned()
    });
    let gate = Gate::routes(origin.address, ROUTES);
    for (number, text) in evil.into_iter().enumerate() {
        let answer = ask(gate.address, get(&format!("/{number}"), &[]));
        assert_eq!(
            (answer.status(), answer.text()),
            (502, "upstream failed"),
            "{text}"
        );
    }
}
