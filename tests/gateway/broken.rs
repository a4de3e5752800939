//! Bodies that break off or are none while they are on their way to an upstream, and heads whose
//! lines end oddly.

use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value as Json;
use ztag_test_support::{Connection, Failure, RawServer};

use crate::house::{House, POLICY};
use crate::upgrade::read_head;

/// A gateway before an upstream that tells all it reads of each connection, once that is over.
fn telling() -> Result<(House, RawServer, Receiver<Vec<u8>>), Failure> {
    let (told, read) = channel();
    let upstream = RawServer::start(move |_, mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).ok();
        told.send(all).ok();
    })?;
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    Ok((house, upstream, read))
}

fn reason(house: &House, path: &str) -> Result<Json, Failure> {
    let of = format!("\"path\":\"{path}\"");
    let line = house
        .gateway
        .process
        .wait_for_line(|line| line.contains(&of))?;
    serde_json::from_str(&line).map_err(|error| Failure::new(error.to_string()))
}

#[test]
fn attack_22_malformed_chunks_are_the_clients_fault_and_end_nowhere() -> Result<(), Failure> {
    let (house, upstream, read) = telling()?;
    let broken = [
        "zz\r\n",
        "-1\r\nx\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX\r\n",
        "fffffffffffffffff\r\n",
        "5;a\nb\r\nhello\r\n",
    ];
    for (number, chunk) in broken.into_iter().enumerate() {
        let path = format!("/open/{number}");
        let mut client = Connection::open(house.address())?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        client.write((head + "5\r\nfirst\r\n").as_bytes())?;
        client.write(chunk.as_bytes())?;
        let reply = client.reply("POST")?;
        assert_eq!(
            (reply.status, &*reply.text()),
            (400, "malformed request body"),
            "{chunk:?}"
        );
        assert!(client.ends(), "{chunk:?}: nothing follows it");
        let seen = read
            .recv()
            .map_err(|error| Failure::new(error.to_string()))?;
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(!seen.contains("\r\n0\r\n"), "{chunk:?}: {seen}");
        let line = reason(&house, &path)?;
        let said = |key: &str| {
            line.get(key)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(said("reason"), "request_malformed", "{line}");
        assert_eq!(said("upstream_error"), "request_malformed", "{line}");
    }
    assert_eq!(upstream.connections(), broken.len(), "none is used again");
    Ok(())
}

/// Where a rule reads the body, it is whole or nobody judges it.
#[test]
fn attack_22_a_malformed_body_is_not_judged() -> Result<(), Failure> {
    let upstream = RawServer::start(|_, _| {})?;
    let policy = r#"
endpoints:
  api: {authentication: {allow: {none: true}}, rules: [{name: read}]}
rules:
  read: {conditions: {pass: ['request.bodyText != ""']}}
routes: {all: {endpoint: api, upstream: app}}
upstreams: {app: {targets: [{url: 'http://{upstream}'}]}}
"#;
    let policy = policy.replace("{upstream}", &upstream.address().to_string());
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    for chunks in ["5\r\nfirst\r\nzz\r\n", "5\r\nfirst\r\n0\nx"] {
        let mut client = Connection::open(house.address())?;
        let head = "POST / HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write((head.to_owned() + chunks).as_bytes())?;
        assert_eq!(client.reply("POST")?.status, 400, "{chunks:?}");
        assert!(client.ends(), "{chunks:?}");
    }
    let process = &house.gateway.process;
    let line = process.wait_for_line(|line| line.contains("request_malformed"))?;
    assert!(
        line.contains("the body breaks off or is malformed"),
        "{line}"
    );
    assert_eq!(upstream.connections(), 0);
    Ok(())
}

#[test]
fn attack_23_a_client_that_hangs_up_is_not_a_failure_of_the_upstream() -> Result<(), Failure> {
    let (house, _upstream, read) = telling()?;
    let mut client = Connection::open(house.address())?;
    let head = "POST /open/gone HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 10\r\n\r\n01";
    client.write(head.as_bytes())?;
    client.finish()?;
    let seen = read
        .recv()
        .map_err(|error| Failure::new(error.to_string()))?;
    assert!(!seen.ends_with(b"0123456789"));
    let line = reason(&house, "/open/gone")?;
    assert_eq!(
        line.get("upstream_error").and_then(Json::as_str),
        Some("request_broken")
    );
    assert_eq!(
        line.get("status").and_then(Json::as_u64),
        Some(400),
        "{line}"
    );
    Ok(())
}

/// As RFC 9112 section 2.2 lets us read it: who comes behind has no choice how to.
#[test]
fn attack_22_a_single_lf_ends_a_line_and_travels_no_further() -> Result<(), Failure> {
    let (told, read) = channel();
    let upstream = RawServer::start(move |_, mut stream| {
        told.send(read_head(&mut stream)).ok();
        let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        std::io::Write::write_all(&mut stream, fine.as_bytes()).ok();
    })?;
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    let mut client = Connection::open(house.address())?;
    let head = "GET /orders HTTP/1.1\nHost: app.example.com\nAuthorization: Bearer t-alice\n\
                X-Note: a\nX-User: root\n\n";
    client.write(head.as_bytes())?;
    assert_eq!(client.reply("GET")?.status, 200);
    let seen = read
        .recv()
        .map_err(|error| Failure::new(error.to_string()))?;
    let seen = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    let users: Vec<_> = seen
        .lines()
        .filter(|line| line.starts_with("x-user"))
        .collect();
    assert_eq!(users, ["x-user: alice"], "{seen}");
    assert!(seen.contains("\r\nx-note: a\r\n"), "{seen}");
    assert_eq!(
        seen.matches('\n').count(),
        seen.matches("\r\n").count(),
        "{seen}"
    );
    Ok(())
}
