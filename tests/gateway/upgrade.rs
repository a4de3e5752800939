//! `WebSocket`: frames both ways, and nothing before both sides agree.

use std::io::{Read, Write};
use std::sync::mpsc::channel;

use ztag_test_support::{Connection, Failure, MockServer, RawServer, masked_frame, read_frame};

use crate::house::{House, POLICY};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// The answer to that key (RFC 6455, section 1.3).
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                        Upgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn head(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\n{lines}\r\n")
}

fn before(upstream: &RawServer) -> Result<House, Failure> {
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    House::open(tempfile::tempdir()?, "", &policy)
}

/// Reads up to the empty line that ends a head.
pub(crate) fn read_head(stream: &mut impl Read) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend(byte);
    }
    head
}

#[test]
fn frames_pass_both_ways() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut socket = Connection::open(house.address())?;
    let lines = format!("{UPGRADE}Authorization: Bearer t-alice\r\n");
    socket.write(head("/feed", &lines).as_bytes())?;
    let reply = socket.reply("GET")?;
    assert_eq!(reply.status, 101);
    let accept = reply.headers.value("sec-websocket-accept");
    assert_eq!(accept.as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for length in [5, 0, 300, 60_000] {
        let payload = vec![8; length];
        socket.write(&masked_frame(2, &payload))?;
        assert_eq!(read_frame(&mut socket)?, (2, payload));
    }
    let [arrived] = &upstream.take_recorded()[..] else {
        return Err(Failure::new("not one request arrived"));
    };
    assert_eq!(arrived.headers.value("x-user").as_deref(), Some("alice"));
    // Whoever closes, closes for both.
    socket.finish()?;
    assert!(socket.ends());
    Ok(())
}

#[test]
fn attack_21_a_socket_needs_the_same_permit() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let smuggled = head("/open", "");
    for (lines, expected) in [
        (UPGRADE.to_owned(), 401),
        (format!("{UPGRADE}Authorization: Bearer t-mallory\r\n"), 403),
    ] {
        let mut socket = Connection::open(house.address())?;
        socket.write((head("/feed", &lines) + &smuggled).as_bytes())?;
        assert_eq!(socket.reply("GET")?.status, expected);
    }
    let seen = upstream.take_recorded();
    let sockets = seen.iter().filter(|request| request.path() == "/feed");
    assert_eq!(sockets.count(), 0);
    Ok(())
}

#[test]
fn attack_21_nothing_of_the_client_reaches_an_upstream_that_has_not_agreed() -> Result<(), Failure>
{
    let (told, early) = channel();
    let upstream = RawServer::start(move |_, mut stream| {
        read_head(&mut stream);
        // The bytes behind the request have been with the gateway for as long as the request.
        stream.set_nonblocking(true).ok();
        let more = stream.read(&mut [0; 64]).unwrap_or(0);
        stream.set_nonblocking(false).ok();
        told.send(more).ok();
        stream.write_all(ACCEPTED.as_bytes()).ok();
        std::io::copy(&mut stream.try_clone().expect("a socket"), &mut stream).ok();
    })?;
    let house = before(&upstream)?;
    let mut socket = Connection::open(house.address())?;
    let early_frame = masked_frame(1, b"early");
    let talk = [head("/open", UPGRADE).as_bytes(), &early_frame].concat();
    socket.write(&talk)?;
    assert_eq!(socket.reply("GET")?.status, 101);
    let seen = early
        .recv()
        .map_err(|error| Failure::new(error.to_string()))?;
    assert_eq!(seen, 0, "the upstream had bytes before it agreed");
    Ok(())
}

#[test]
fn attack_21_an_upstream_that_refuses_gets_no_tunnel() -> Result<(), Failure> {
    let (told, rest) = channel();
    let upstream = RawServer::start(move |number, mut stream| {
        read_head(&mut stream);
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(refusal.as_bytes()).ok();
        if number == 0 {
            told.send(read_head(&mut stream)).ok();
        }
    })?;
    let house = before(&upstream)?;
    let mut socket = Connection::open(house.address())?;
    // As bytes of a tunnel they would be a request of somebody with another's name.
    let hidden = head("/hidden", "X-User: root\r\n");
    socket.write((head("/open", UPGRADE) + &hidden).as_bytes())?;
    assert_eq!(socket.reply("GET")?.status, 403);
    socket.finish()?;
    socket.rest()?;
    drop(house);
    let rest = rest
        .recv()
        .map_err(|error| Failure::new(error.to_string()))?;
    let rest = String::from_utf8_lossy(&rest).to_ascii_lowercase();
    assert!(!rest.contains("x-user: root"), "{rest}");
    Ok(())
}

#[test]
fn attack_21_an_upstream_cannot_open_what_nobody_asked_for() -> Result<(), Failure> {
    let upstream = RawServer::start(|_, mut stream| {
        read_head(&mut stream);
        stream.write_all(ACCEPTED.as_bytes()).ok();
        read_head(&mut stream);
    })?;
    let house = before(&upstream)?;
    let mut connection = Connection::open(house.address())?;
    connection.write(head("/open", "").as_bytes())?;
    let reply = connection.reply("GET")?;
    assert_eq!(reply.status, 502);
    Ok(())
}

#[test]
fn attack_21_an_upstream_answers_the_handshake_that_it_was_asked() -> Result<(), Failure> {
    for (answer, what) in [
        (
            ACCEPTED.replace("s3pPLMBi", "AAAAAAAA"),
            "an answer to another key",
        ),
        (
            ACCEPTED.replace("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ""),
            "no answer to the key",
        ),
        (
            ACCEPTED.replace("websocket", "smuggle/1"),
            "another protocol",
        ),
        (
            ACCEPTED.replace("Connection: Upgrade\r\n", ""),
            "no switch of the connection",
        ),
    ] {
        let (told, ended) = channel();
        let upstream = RawServer::start(move |_, mut stream| {
            read_head(&mut stream);
            stream.write_all(answer.as_bytes()).ok();
            // Nothing that the client sends arrives: the connection ends.
            told.send(read_head(&mut stream)).ok();
        })?;
        let house = before(&upstream)?;
        let mut socket = Connection::open(house.address())?;
        let hidden = head("/hidden", "X-User: root\r\n");
        socket.write((head("/open", UPGRADE) + &hidden).as_bytes())?;
        let reply = socket.reply("GET")?;
        assert_eq!(
            (reply.status, &*reply.text()),
            (502, "upstream failed"),
            "{what}"
        );
        let behind = ended
            .recv()
            .map_err(|error| Failure::new(error.to_string()))?;
        assert!(behind.is_empty(), "{what}");
    }
    Ok(())
}

#[test]
fn handshakes_that_are_none_are_not_forwarded_as_such() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    for lines in [
        UPGRADE.replace("websocket", "smuggle/1"),
        UPGRADE.replace("websocket", "h2c"),
        UPGRADE.replace("Version: 13", "Version: 7"),
        UPGRADE.replace("Connection: Upgrade\r\n", ""),
        UPGRADE.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ] {
        let mut socket = Connection::open(house.address())?;
        socket.write(head("/open", &lines).as_bytes())?;
        assert_ne!(socket.reply("GET")?.status, 101, "{lines}");
        let arrived = upstream.take_recorded();
        let upgrades = arrived
            .iter()
            .filter(|request| request.headers.value("upgrade").is_some());
        assert_eq!(upgrades.count(), 0, "{lines}");
    }
    Ok(())
}
