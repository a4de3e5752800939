//! Clients that take their time: each is given up, and nobody waits for them.

use std::thread;
use std::time::Duration;

use ztag_test_support::h2::{Frame, Http2, flag};
use ztag_test_support::{Connection, Failure, MockServer, Reply};

use crate::house::{House, POLICY};

/// As little patience as can be configured.
const LIMITS: &str = "  limits: {headerTimeout: 1s, bodyTimeout: 1s, writeTimeout: 1s, \
                      idleTimeout: 1s}\n";
/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const ATTEMPTS: u32 = 3_000;

const HEAD: &str = "POST /open HTTP/1.1\r\nHost: app.example.com\r\n";

/// Writes a byte every now and then until the peer has had enough.
fn drip(connection: &mut Connection) -> bool {
    for _ in 0..ATTEMPTS {
        if connection.write(b"x").is_err() {
            return true;
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    false
}

#[test]
fn attack_25_heads_that_do_not_end_are_cut_off() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, LIMITS)?;
    let mut silent = Connection::open(house.address())?;
    let mut begun = Connection::open(house.address())?;
    begun.write(HEAD.as_bytes())?;
    let mut dripping = Connection::open(house.address())?;
    dripping.write(format!("{HEAD}X-Endless: ").as_bytes())?;
    assert!(drip(&mut dripping), "a dripping head is borne");
    begun.rest()?;
    assert!(begun.ends());
    assert!(silent.ends());
    assert_eq!(upstream.take_recorded(), []);
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

#[test]
fn attack_25_bodies_that_do_not_end_are_cut_off() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let policy = policy.replace("app: {targets", "app: {timeout: 2s, targets");
    let house = House::open(tempfile::tempdir()?, LIMITS, &policy)?;
    for framing in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffff\r\nhello",
    ] {
        let mut connection = Connection::open(house.address())?;
        connection.write(format!("{HEAD}{framing}").as_bytes())?;
        let replies = connection.replies()?;
        let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        let refused = statuses.iter().all(|status| *status >= 400);
        assert!(refused, "{framing:?}: {statuses:?}");
    }
    // The upstream has never seen the end of any of them.
    assert_eq!(upstream.take_recorded(), []);
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

/// Neither silence nor a byte now and then holds the upstream for longer than bodies may take, however
/// patient the gateway is with upstreams; and the upstream is not to blame.
#[test]
fn attack_25_trickling_bodies_hold_no_upstream() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let policy = policy.replace(
        "app: {targets",
        "app: {timeout: 10m, ejection: {consecutiveFailures: 1, maxPercent: 100}, targets",
    );
    let house = House::open(tempfile::tempdir()?, LIMITS, &policy)?;
    let mut silent = Connection::open(house.address())?;
    silent.write(format!("{HEAD}Content-Length: 100000\r\n\r\nhello").as_bytes())?;
    let mut trickling = Connection::open(house.address())?;
    trickling.write(format!("{HEAD}Content-Length: 100000\r\n\r\n").as_bytes())?;
    assert!(drip(&mut trickling), "a trickling body is borne");
    assert_eq!(silent.reply("POST")?.status, 408);
    assert!(silent.ends());
    assert_eq!(upstream.take_recorded(), []);
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

#[test]
fn attack_25_replies_that_nobody_reads_are_cut_off() -> Result<(), Failure> {
    const BODY: usize = 48 << 20;
    let body = vec![b'x'; BODY];
    let upstream = MockServer::start(move |request| match request.path() {
        "/open" => Reply {
            body: body.clone(),
            ..Reply::text(200, "")
        },
        _ => Reply::text(200, "small"),
    })?;
    let house = House::before(&upstream, LIMITS)?;
    let before = house.memory()?;
    let mut connection = Connection::open(house.address())?;
    connection.write(b"GET /open HTTP/1.1\r\nHost: app.example.com\r\n\r\n")?;
    wait(|| !upstream.recorded().is_empty())?;
    // Nothing is read until the gateway has given up.
    let open = r#"ztag_connections{listener="public"}"#;
    wait(|| house.metric(open).is_ok_and(|open| open < 1.0))?;
    let read = connection.rest()?.len();
    assert!(read < BODY, "all {read} bytes came");
    let grown = house.memory()?.saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes were kept for one client");
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

#[test]
fn attack_25_idle_connections_end() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, LIMITS)?;
    let mut idle = Connection::open(house.address())?;
    idle.write(b"GET /open HTTP/1.1\r\nHost: app.example.com\r\n\r\n")?;
    assert_eq!(idle.reply("GET")?.status, 200);
    assert!(idle.ends());
    Ok(())
}

#[test]
fn attack_25_http_2_is_given_no_more_time() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, LIMITS)?;
    let begin = || Http2::begin(Connection::open(house.address())?);
    let mut prefaced = begin()?;
    let mut half = begin()?;
    half.send(&[Frame::headers(1, flag::END_STREAM, b"\x82")])?;
    let mut unfinished = Connection::open(house.address())?;
    unfinished.write(b"PRI * HTTP/2.0\r\n")?;
    for connection in [&mut prefaced, &mut half] {
        while connection.receive()?.is_some() {}
    }
    unfinished.rest()?;
    assert!(unfinished.ends());
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

fn wait(holds: impl Fn() -> bool) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        if holds() {
            return Ok(());
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    Err(Failure::new("what was waited for never came"))
}
