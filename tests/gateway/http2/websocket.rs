//! WebSocket on a stream of HTTP/2 (RFC 8441): judged like the GET that it is over HTTP/1.1.

use ztag_test_support::h2::{Ending, Frame, Http2, flag, kind, literal};
use ztag_test_support::{Failure, MockServer, masked_frame};

use super::begin;
use crate::house::House;

const HOST: &str = "app.example.com";

/// The setting by which a server offers it (RFC 8441 section 3), as it stands in SETTINGS.
const OFFERED: [u8; 6] = [0, 8, 0, 0, 0, 1];

/// HEADERS that ask to switch `stream` to `protocol`.
fn connect(stream: u32, protocol: &str, path: &str, more: &[(&str, &str)]) -> Frame {
    let pseudo = [
        (":method", "CONNECT"),
        (":protocol", protocol),
        (":scheme", "http"),
        (":authority", HOST),
        (":path", path),
    ];
    let fields: Vec<_> = pseudo.iter().chain(more).copied().collect();
    Frame::headers(stream, flag::END_HEADERS, &literal(&fields))
}

const VERSION: (&str, &str) = ("sec-websocket-version", "13");
const ALICE: (&str, &str) = ("authorization", "Bearer t-alice");

/// Bytes of DATA on `stream`, as many as `count`.
fn data(http2: &mut Http2, stream: u32, count: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let frame = http2
            .receive()?
            .ok_or(Failure::new("the gateway is gone"))?;
        if (frame.kind, frame.stream) == (kind::DATA, stream) {
            bytes.extend(frame.payload);
        } else if frame.kind == kind::RST_STREAM {
            return Err(Failure::new(format!("reset: {frame:?}")));
        }
    }
    Ok(bytes)
}

#[test]
fn frames_pass_both_ways_on_a_stream() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[connect(1, "websocket", "/feed", &[VERSION, ALICE])])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    let settings = http2
        .received
        .iter()
        .find(|frame| frame.kind == kind::SETTINGS);
    let offered = settings.is_some_and(|frame| frame.payload.chunks(6).any(|one| one == OFFERED));
    assert!(offered, "{settings:?}");
    for length in [1, 100, 60_000] {
        let frame = masked_frame(2, &vec![8; length]);
        for piece in frame.chunks(16_000) {
            http2.send(&[Frame::data(1, 0, piece)])?;
        }
        assert!(data(&mut http2, 1, frame.len())? == frame, "{length}");
    }
    let [arrived] = &upstream.take_recorded()[..] else {
        return Err(Failure::new("not one request arrived"));
    };
    assert_eq!(arrived.method, "GET");
    let value = |name| arrived.headers.value(name);
    assert_eq!(value("x-user").as_deref(), Some("alice"));
    assert_eq!(value("upgrade").as_deref(), Some("websocket"));
    assert_eq!(value("sec-websocket-key").map(|key| key.len()), Some(24));
    // Other streams go on beside it.
    http2.send(&[ztag_test_support::h2::get(3, HOST, "/open", &[])])?;
    assert_eq!(http2.ending(), Ending::Status(3, 200));
    // Who ends the stream ends the tunnel, and nothing else.
    http2.send(&[Frame::data(1, flag::END_STREAM, &[])])?;
    assert!(http2.is_alive());
    Ok(())
}

#[test]
fn attack_21_a_stream_needs_the_same_permit() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mallory = ("authorization", "Bearer t-mallory");
    let old = ("sec-websocket-version", "8");
    for (protocol, path, more, expected) in [
        ("websocket", "/feed", &[VERSION][..], 401),
        ("websocket", "/feed", &[VERSION, mallory], 403),
        ("websocket", "/feed", &[old, ALICE], 426),
        ("websocket", "/feed", &[ALICE], 426),
        ("websocket", "/a/../open", &[VERSION], 400),
        ("smuggle", "/open", &[VERSION], 400),
        ("connect-udp", "/open", &[VERSION], 400),
    ] {
        let mut http2 = begin(&house)?;
        http2.send(&[connect(1, protocol, path, more)])?;
        let ending = http2.ending();
        assert_eq!(
            ending,
            Ending::Status(1, expected),
            "{protocol} {path} {more:?}"
        );
        assert!(http2.is_alive());
    }
    let arrived = upstream.take_recorded();
    assert!(arrived.is_empty(), "{arrived:?}");
    Ok(())
}

/// To such a stream, success means that it is switched.
#[test]
fn attack_21_no_other_answer_switches_a_stream() -> Result<(), Failure> {
    let upstream = ztag_test_support::RawServer::start(|_, mut stream| {
        crate::upgrade::read_head(&mut stream);
        let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        std::io::Write::write_all(&mut stream, fine.as_bytes()).ok();
    })?;
    let policy = crate::house::POLICY.replace("{upstream}", &upstream.address().to_string());
    let policy = policy.replace("everything: {", "everything: {paths: [/feed], ");
    let house = House::open(tempfile::tempdir()?, "", &policy)?;
    for (path, expected) in [("/open", 502), ("/healthz", 404), ("/readyz", 404)] {
        let mut http2 = begin(&house)?;
        http2.send(&[connect(1, "websocket", path, &[VERSION])])?;
        assert_eq!(http2.ending(), Ending::Status(1, expected), "{path}");
    }
    Ok(())
}
