//! Windows: nobody sends more than he may, and nobody is starved for it.

use ztag_test_support::h2::{Ending, Frame, Http2, flag, get, kind};
use ztag_test_support::{Connection, Failure, MockServer, Reply};

use super::begin;
use crate::house::House;

const HOST: &str = "app.example.com";

/// The bytes of DATA that came for `stream`.
fn received(http2: &Http2, stream: u32) -> usize {
    let own = |frame: &&Frame| frame.kind == kind::DATA && frame.stream == stream;
    let frames = http2.received.iter().filter(own);
    frames.map(|frame| frame.payload.len()).sum()
}

fn ended(http2: &Http2, stream: u32) -> bool {
    http2.received.iter().any(|frame| {
        frame.stream == stream && frame.kind == kind::DATA && frame.flags & flag::END_STREAM != 0
    })
}

#[test]
fn a_reply_fits_the_window_of_its_stream() -> Result<(), Failure> {
    const BODY: usize = 1_000;
    let upstream = MockServer::start(|_| Reply::text(200, &"x".repeat(BODY)))?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[Frame::settings(&[(4, 1)]), get(1, HOST, "/open", &[])])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    assert!(http2.is_alive());
    assert!(received(&http2, 1) <= 1, "more than the window came");
    http2.send(&[Frame::window_update(1, 9)])?;
    while received(&http2, 1) < 10 {
        http2.receive()?.ok_or_else(|| Failure::new("gone"))?;
    }
    assert!(http2.is_alive());
    assert_eq!(received(&http2, 1), 10);
    http2.send(&[Frame::window_update(1, 100_000)])?;
    while !ended(&http2, 1) {
        http2.receive()?.ok_or_else(|| Failure::new("gone"))?;
    }
    assert_eq!(received(&http2, 1), BODY);
    Ok(())
}

#[test]
fn the_window_of_the_connection_bounds_all_streams() -> Result<(), Failure> {
    const BODY: usize = 50_000;
    const WINDOW: usize = 65_535;
    let upstream = MockServer::start(|_| Reply::text(200, &"x".repeat(BODY)))?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[get(1, HOST, "/open/1", &[]), get(3, HOST, "/open/2", &[])])?;
    let all = |http2: &Http2| received(http2, 1) + received(http2, 3);
    while all(&http2) < WINDOW {
        http2.receive()?.ok_or_else(|| Failure::new("gone"))?;
    }
    assert!(http2.is_alive());
    assert_eq!(all(&http2), WINDOW, "more than the window came");
    http2.send(&[Frame::window_update(0, 100_000)])?;
    while !(ended(&http2, 1) && ended(&http2, 3)) {
        http2.receive()?.ok_or_else(|| Failure::new("gone"))?;
    }
    assert_eq!(all(&http2), 2 * BODY);
    Ok(())
}

/// A client that takes no body at all does not keep others from theirs, and its bodies stay where
/// they are: at the upstream.
#[test]
fn attack_25_a_closed_window_holds_up_nobody_else() -> Result<(), Failure> {
    const STREAMS: u32 = 50;
    let upstream = MockServer::start(|_| Reply::text(200, &"x".repeat(1_000_000)))?;
    let house = House::before(&upstream, "")?;
    let mut stuck = begin(&house)?;
    stuck.send(&[Frame::settings(&[(4, 0)])])?;
    let streams: Vec<Frame> = (0..STREAMS)
        .map(|number| get(2 * number + 1, HOST, "/open", &[]))
        .collect();
    stuck.send(&streams)?;
    for _ in 0..STREAMS {
        assert!(matches!(stuck.ending(), Ending::Status(_, 200)));
    }
    assert_eq!(house.status("/orders/7"), Some(200));
    assert!(stuck.is_alive());
    Ok(())
}

#[test]
fn streams_under_way_outlive_the_goodbye_of_their_client() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[get(1, HOST, "/open", &[]), Frame::go_away(0, 0)])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    Ok(())
}

#[test]
fn a_body_is_taken_as_far_as_the_upstream_takes_it() -> Result<(), Failure> {
    const PIECES: usize = 40;
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let connection = Connection::open(house.address())?;
    let mut http2 = Http2::begin(connection)?;
    http2.send(&[super::table::post(1, &[])])?;
    // Within the window that every client starts with (section 6.9.2).
    for _ in 0..PIECES {
        http2.send(&[Frame::data(1, 0, &[b'x'; 1_000])])?;
    }
    http2.send(&[Frame::data(1, flag::END_STREAM, b"")])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    let lengths: Vec<usize> = upstream
        .take_recorded()
        .iter()
        .map(|request| request.body.len())
        .collect();
    assert_eq!(lengths, [PIECES * 1_000]);
    Ok(())
}
