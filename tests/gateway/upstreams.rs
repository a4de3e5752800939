//! Upstreams that die, stall and lie.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use ztag_test_support::{Connection, Failure, RawServer};

use crate::house::{House, POLICY};

fn before(upstream: &RawServer) -> Result<House, Failure> {
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    House::open(
        tempfile::tempdir()?,
        "  limits: {drainTimeout: 20s}\n",
        &policy,
    )
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn ask(house: &House, method: &str, body: &str) -> Result<Connection, Failure> {
    let mut connection = Connection::open(house.address())?;
    let length = body.len();
    let head = format!(
        "{method} /open HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.write((head + body).as_bytes())?;
    Ok(connection)
}

/// What each connection says, in order; the last one goes on for all that follow.
fn saying(replies: &'static [&'static str]) -> Result<RawServer, Failure> {
    RawServer::start(move |number, mut stream| {
        read_head(&mut stream);
        let reply = replies.get(number).or(replies.last());
        stream
            .write_all(reply.map_or("", |reply| reply).as_bytes())
            .ok();
    })
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

#[test]
fn an_upstream_killed_before_its_reply_is_asked_again_where_that_is_harmless() -> Result<(), Failure>
{
    let upstream = saying(&["", GOOD])?;
    let house = before(&upstream)?;
    let reply = ask(&house, "GET", "")?.reply("GET")?;
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    assert_eq!(upstream.connections(), 2);
    Ok(())
}

#[test]
fn a_request_that_may_have_had_an_effect_is_not_sent_again() -> Result<(), Failure> {
    let upstream = saying(&["", GOOD])?;
    let house = before(&upstream)?;
    let reply = ask(&house, "POST", "pay")?.reply("POST")?;
    assert_eq!(reply.status, 502);
    assert_eq!(upstream.connections(), 1);
    assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
    Ok(())
}

#[test]
fn an_upstream_killed_in_its_reply_is_no_whole_reply() -> Result<(), Failure> {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let upstream = RawServer::start(move |_, mut stream| {
            read_head(&mut stream);
            stream.write_all(cut.as_bytes()).ok();
        })?;
        let house = before(&upstream)?;
        let mut connection = ask(&house, "GET", "")?;
        let reply = connection.reply("GET");
        assert!(
            reply.is_err(),
            "{cut:?} looks like a whole reply: {reply:?}"
        );
        assert!(connection.ends());
        assert_eq!(upstream.connections(), 1);
    }
    Ok(())
}

/// Heads that two readers would end at different places, or that nobody may pass on.
#[test]
fn attack_22_replies_that_two_readers_read_differently_end_here() -> Result<(), Failure> {
    for lie in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n: nameless\r\nContent-Length: 2\r\n\r\nok",
        "no HTTP at all\r\n\r\n",
        "HTTP/1.1 99 Odd\r\n\r\n",
    ] {
        let upstream = RawServer::start(move |_, mut stream| {
            read_head(&mut stream);
            stream.write_all(lie.as_bytes()).ok();
        })?;
        let house = before(&upstream)?;
        let mut connection = ask(&house, "GET", "")?;
        let reply = connection.reply("GET")?;
        // Folded lines may be unfolded (RFC 9112, section 5.2); nothing else is mended.
        let mended = lie.contains("X-Folded") && reply.status == 200;
        assert!(reply.status == 502 || mended, "{lie:?}: {reply:?}");
    }
    Ok(())
}

/// Bytes behind a reply are nobody's: the next request is answered by its own reply.
#[test]
fn attack_22_a_second_reply_answers_nobody() -> Result<(), Failure> {
    const TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
                       HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let upstream = RawServer::start(|_, mut stream| {
        while !read_head(&mut stream).is_empty() && stream.write_all(TWO.as_bytes()).is_ok() {}
    })?;
    let house = before(&upstream)?;
    for _ in 0..20 {
        let reply = ask(&house, "GET", "")?.reply("GET")?;
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    }
    Ok(())
}

/// A server that says one piece after another, each when it is told to.
fn told(
    heads: &'static str,
) -> Result<(RawServer, std::sync::mpsc::Sender<&'static str>), Failure> {
    let (say, said) = channel::<&'static str>();
    let said: Arc<Mutex<Receiver<&'static str>>> = Arc::new(Mutex::new(said));
    let server = RawServer::start(move |_, mut stream| {
        read_head(&mut stream);
        stream.write_all(heads.as_bytes()).ok();
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in said.iter() {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            if stream.write_all(chunk.as_bytes()).is_err() || piece.is_empty() {
                return;
            }
        }
    })?;
    Ok((server, say))
}

const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";

#[test]
fn events_pass_as_they_come() -> Result<(), Failure> {
    let (upstream, say) = told(EVENTS)?;
    let house = before(&upstream)?;
    let mut connection = ask(&house, "GET", "")?;
    while connection.line()?.trim_end() != "" {}
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        say.send(event)
            .map_err(|error| Failure::new(error.to_string()))?;
        // Nothing more comes before this one is read.
        let length = connection.line()?.to_ascii_lowercase();
        assert_eq!(length, format!("{:x}\r\n", event.len()));
        let mut seen = String::new();
        while !seen.ends_with("\n\n\r\n") {
            seen += &connection.line()?;
        }
        assert_eq!(seen, format!("{event}\r\n"));
    }
    Ok(())
}

#[test]
fn a_client_that_leaves_takes_its_request_along() -> Result<(), Failure> {
    let (gone, left) = channel();
    let upstream = RawServer::start(move |_, mut stream| {
        read_head(&mut stream);
        stream.write_all(EVENTS.as_bytes()).ok();
        // Ends when the gateway hangs up.
        stream.read_to_end(&mut Vec::new()).ok();
        gone.send(()).ok();
    })?;
    let house = before(&upstream)?;
    let mut connection = ask(&house, "GET", "")?;
    assert_eq!(connection.line()?.trim_end(), "HTTP/1.1 200 OK");
    drop(connection);
    left.recv().map_err(|error| Failure::new(error.to_string()))
}

#[test]
fn a_request_under_way_outlives_the_goodbye() -> Result<(), Failure> {
    let (upstream, say) = told(EVENTS)?;
    let house = before(&upstream)?;
    let mut connection = ask(&house, "GET", "")?;
    assert_eq!(connection.line()?.trim_end(), "HTTP/1.1 200 OK");
    house.gateway.process.signal("TERM")?;
    let process = &house.gateway.process;
    process.wait_for_line(|line| line.contains("stopping") || line.contains("draining"))?;
    for piece in ["data: last\n\n", ""] {
        say.send(piece)
            .map_err(|error| Failure::new(error.to_string()))?;
    }
    let rest = connection.rest()?;
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("data: last"), "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    assert!(!house.gateway.process.log().contains("panicked"));
    Ok(())
}

#[test]
fn an_upstream_that_is_not_there_is_unavailable() -> Result<(), Failure> {
    let upstream = saying(&[GOOD])?;
    let house = before(&upstream)?;
    drop(upstream);
    let reply = ask(&house, "GET", "")?.reply("GET")?;
    assert_eq!(reply.status, 503);
    let line = house
        .gateway
        .process
        .wait_for_line(|line| line.contains("\"upstream_error\":\"connect\""))?;
    assert!(line.contains("\"route\":\"open\""), "{line}");
    Ok(())
}
