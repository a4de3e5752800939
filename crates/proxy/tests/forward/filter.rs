//! Lists that are reduced to what their clients may see.

use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Message, ask, get, request};

/// A route that reduces `docs` of a body for whoever the endpoint says.
const ROUTE: &str = r#""endpoint": "open", "filterItems": {
    "store": "docs", "items": "/docs", "maxBodyBytes": 200, "maxItems": 5,
    "user": "user:{{ identity['x-user'] }}", "relation": "viewer", "object": "doc:{{ item.id }}"}"#;

/// A response of this status, header lines and body, with its length.
fn response(status: &str, lines: &[&str], body: &str) -> String {
    let lines: Vec<&str> = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
    let lines = lines.concat();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{lines}\r\n{body}")
}

fn json(body: &str) -> String {
    response("200 OK", &["Content-Type: application/json"], body)
}

/// What a client gets of what an upstream answers.
fn reduced(answer: String) -> Message {
    let origin = Origin::answering(move |_| answer.clone());
    ask(Gate::route(origin.address, ROUTE).address, get("/", &[]))
}

#[test]
fn items_that_the_client_may_not_see_are_left_out() {
    let body =
        r#"{ "total": 3, "docs": [{"id":1,"n":1.50}, {"id": 2}, {"id":"3"} ], "next": null }"#;
    let answer = reduced(json(body));
    let expected = r#"{ "total": 3, "docs": [{"id":1,"n":1.50},{"id":"3"}], "next": null }"#;
    assert_eq!((answer.status(), answer.text()), (200, expected));
    assert_eq!(answer.all("content-length"), [expected.len().to_string()]);
    assert_eq!(answer.all("cache-control"), ["private, no-cache"]);
    let answer = reduced(json(r#"{"docs": []}"#));
    assert_eq!(answer.text(), r#"{"docs": []}"#);
}

#[test]
fn nothing_speaks_of_the_list_that_was() {
    let lines = [
        "Content-Type: application/json",
        "ETag: \"all\"",
        "Content-MD5: x",
        "Digest: x",
        "Content-Digest: x",
        "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
        "Cache-Control: public, max-age=600",
        "X-Own: stays",
    ];
    let answer = reduced(response("200 OK", &lines, r#"{"docs": [{"id": 2}]}"#));
    assert_eq!(answer.text(), r#"{"docs": []}"#);
    for name in [
        "etag",
        "content-md5",
        "digest",
        "content-digest",
        "last-modified",
    ] {
        assert!(answer.all(name).is_empty(), "{name}");
    }
    assert_eq!(answer.all("x-own"), ["stays"]);
    assert_eq!(answer.all("cache-control"), ["private, no-cache"]);
}

#[test]
fn attack_17_upstreams_are_asked_for_bodies_that_can_be_read() {
    let origin = Origin::answering(|_| json(r#"{"docs": []}"#));
    let gate = Gate::route(origin.address, ROUTE);
    let lines = [
        "Accept-Encoding: gzip, br",
        "Range: bytes=0-9",
        "If-None-Match: \"all\"",
        "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT",
    ];
    assert_eq!(ask(gate.address, get("/", &lines)).status(), 200);
    let sent = origin.only();
    assert_eq!(sent.all("accept-encoding"), ["identity"]);
    for name in ["range", "if-none-match", "if-modified-since"] {
        assert!(sent.all(name).is_empty(), "{name}");
    }
}

#[test]
fn attack_20_what_cannot_be_reduced_is_not_passed_on() {
    let secret = r#"{"docs": [{"id": 2, "x": "secret"}]}"#;
    let kind = "Content-Type: application/json";
    let long = format!(r#"{{"docs": [], "x": "{}"}}"#, "secret".repeat(40));
    let many = format!(r#"{{"docs": [{}]}}"#, ["\"secret\""; 6].join(","));
    for answer in [
        response("200 OK", &[], secret),
        response("200 OK", &["Content-Type: text/html"], secret),
        response("200 OK", &["Content-Type: text/event-stream"], secret),
        response("200 OK", &[kind, "Content-Encoding: gzip"], secret),
        response(
            "206 Partial Content",
            &[kind, "Content-Range: bytes 0-9/99"],
            secret,
        ),
        json(&long),
        json(&many),
        json(r#"{"list": ["secret"]}"#),
        json(r#"{"docs": {"a": "secret"}}"#),
        json(r#"{"docs": [], "docs": ["secret"]}"#),
        json(r#"["secret"]"#),
        json("secret"),
        json(r#"{"docs": ["secret"]"#),
        // Whether the client may see this one cannot be told.
        json(r#"{"docs": [{"id": 1}, {"id": 7, "x": "secret"}]}"#),
        // A body that breaks off.
        format!(
            "HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{{\"docs\": [secret"
        ),
    ] {
        let got = reduced(answer.clone());
        assert_eq!(got.status(), 502, "{answer}");
        assert!(!got.text().contains("secret"), "{answer}");
    }
}

#[test]
fn attack_59_an_item_that_names_no_object_is_left_out() {
    let body =
        r#"{"docs": [{"id": "*"}, {"id": "1#viewer"}, {"id": ""}, {}, null, 1, {"id": "1 "}]}"#;
    let origin = Origin::answering(move |_| json(body));
    let route = ROUTE.replace("\"maxItems\": 5", "\"maxItems\": 9");
    let answer = ask(Gate::route(origin.address, &route).address, get("/", &[]));
    assert_eq!((answer.status(), answer.text()), (200, r#"{"docs": []}"#));
}

#[test]
fn a_client_without_a_name_is_turned_away_before_the_upstream_is_asked() {
    let origin = Origin::fine();
    let route = ROUTE.replace("x-user", "x-groups");
    let answer = ask(Gate::route(origin.address, &route).address, get("/", &[]));
    assert_eq!(answer.status(), 403);
    assert!(origin.requests().is_empty());
}

#[test]
fn failures_and_empty_answers_pass() {
    let page = response("404 Not Found", &["Content-Type: text/html"], "<p>no</p>");
    let answer = reduced(page);
    assert_eq!((answer.status(), answer.text()), (404, "<p>no</p>"));
    let problem = response(
        "400 Bad Request",
        &["Content-Type: application/problem+json"],
        r#"{"a":1}"#,
    );
    assert_eq!(reduced(problem).text(), r#"{"a":1}"#);
    // A failure that lists is reduced as well.
    let lists = response(
        "409 Conflict",
        &["Content-Type: application/json"],
        r#"{"docs":[{"id":2}]}"#,
    );
    assert_eq!(reduced(lists).text(), r#"{"docs":[]}"#);
    assert_eq!(
        reduced("HTTP/1.1 204 No Content\r\n\r\n".into()).status(),
        204
    );
    let origin = Origin::answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Length: 99\r\n\r\n".into()
    });
    let gate = Gate::route(origin.address, ROUTE);
    let answer = ask(gate.address, request("HEAD", "/", &[]));
    assert_eq!(answer.status(), 200);
    assert!(answer.all("etag").is_empty() && answer.all("content-length").is_empty());
}

#[test]
fn other_routes_pass_everything_on() {
    let origin = Origin::answering(|_| json(r#"{"docs": [{"id": 2}]}"#));
    let gate = Gate::route(origin.address, r#""endpoint": "open""#);
    assert_eq!(
        ask(gate.address, get("/", &[])).text(),
        r#"{"docs": [{"id": 2}]}"#
    );
}
