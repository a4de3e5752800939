//! Clients that cost more than they pay: each is cut off, and others do not notice.

use std::io;

use ztag_test_support::h2::{Ending, Frame, Http2, flag, get, kind};
use ztag_test_support::{Failure, MockServer};

use super::begin;
use super::table::{CALM, PROTOCOL, REFUSED, open, post};
use crate::house::House;

const HOST: &str = "app.example.com";
/// Far more than any client needs.
const MANY: u32 = 20_000;

/// Sends frames until the peer has had enough or there are no more; how the connection ended.
fn pour(http2: &mut Http2, frames: impl Iterator<Item = Vec<Frame>>) -> Ending {
    for some in frames {
        if http2.send(&some).is_err() {
            break;
        }
    }
    loop {
        match http2.settle() {
            Ending::Reset(..) | Ending::Status(..) => {}
            other => return other,
        }
    }
}

/// The number of each of many streams, one lot at a time.
fn lots() -> impl Iterator<Item = Vec<u32>> {
    const LOT: u32 = 50;
    (0..MANY / LOT).map(|lot| (0..LOT).map(|one| 2 * (lot * LOT + one) + 1).collect())
}

fn expect_cut_off(house: &House, ending: &Ending) {
    let cut = match ending {
        Ending::GoAway(code) => [PROTOCOL, CALM].contains(code),
        Ending::Closed => true,
        _ => false,
    };
    assert!(cut, "{ending:?}");
    assert_eq!(
        house.status("/orders/7"),
        Some(200),
        "others are not served"
    );
}

#[test]
fn attack_24_rapid_reset_is_cut_off() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    let attack = lots().map(|lot| {
        let both = |stream| [open(stream), Frame::reset(stream, 8)];
        lot.into_iter().flat_map(both).collect()
    });
    let ending = pour(&mut http2, attack);
    expect_cut_off(&house, &ending);
    let arrived = upstream.take_recorded().len();
    assert!(arrived < 4_000, "{arrived} requests reached the upstream");
    Ok(())
}

/// CVE-2025-8671: the client breaks a rule on each stream, so that the server resets it itself.
#[test]
fn attack_24_streams_that_provoke_their_reset_are_cut_off() -> Result<(), Failure> {
    let provocations: [fn(u32) -> Frame; 3] = [
        |stream| Frame::window_update(stream, 0x7fff_ffff),
        |stream| Frame::window_update(stream, 0),
        |stream| Frame::data(stream, flag::END_STREAM, b"behind the end"),
    ];
    for provoke in provocations {
        let upstream = MockServer::application()?;
        let house = House::before(&upstream, "")?;
        let mut http2 = begin(&house)?;
        let attack = lots().map(|lot| {
            let both = |stream| [open(stream), provoke(stream)];
            lot.into_iter().flat_map(both).collect()
        });
        let ending = pour(&mut http2, attack);
        expect_cut_off(&house, &ending);
    }
    Ok(())
}

#[test]
fn attack_24_an_endless_block_of_fields_is_cut_off() -> Result<(), Failure> {
    for piece in [&b""[..], &[0; 16_000]] {
        let upstream = MockServer::application()?;
        let house = House::before(&upstream, "")?;
        let before = house.memory()?;
        let mut http2 = begin(&house)?;
        http2.send(&[Frame::headers(1, flag::END_STREAM, b"")])?;
        let attack = (0..MANY / 4).map(|_| vec![Frame::continuation(1, 0, piece)]);
        for some in attack {
            if http2.send(&some).is_err() {
                break;
            }
        }
        let ending = http2.ending();
        expect_cut_off(&house, &ending);
        let grown = house.memory()?.saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes were kept");
    }
    Ok(())
}

/// A short block that stands for a long one: fields are counted as they are, not as they came.
#[test]
fn attack_24_fields_that_unfold_are_bounded() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let before = house.memory()?;
    let mut http2 = begin(&house)?;
    // One field of 4,000 bytes for the table, and then an index of it as often as fits.
    let mut block = get(1, HOST, "/open", &[]).payload;
    block.extend(b"\x40\x01a\x7f\xa1\x1e");
    block.extend([b'b'; 4_000]);
    block.extend([0xbe; 12_000]);
    let end = flag::END_HEADERS | flag::END_STREAM;
    for number in 0..20 {
        if http2
            .send(&[Frame::headers(2 * number + 1, end, &block)])
            .is_err()
        {
            break;
        }
    }
    let ending = http2.ending();
    assert!(!matches!(ending, Ending::Status(_, 200)), "{ending:?}");
    assert_eq!(upstream.take_recorded(), []);
    assert_eq!(house.status("/orders/7"), Some(200));
    let grown = house.memory()?.saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes were kept");
    Ok(())
}

/// Frames that ask for an answer: they are answered as fast as they are read, and none is kept.
#[test]
fn attack_24_questions_do_not_pile_up() -> Result<(), Failure> {
    let questions = [Frame::settings(&[]), Frame::ping(*b"flooding")];
    for question in questions {
        let upstream = MockServer::application()?;
        let house = House::before(&upstream, "")?;
        let before = house.memory()?;
        let mut http2 = begin(&house)?;
        // Nobody reads the answers meanwhile; whoever waits for them to be read stops reading.
        let lot = vec![question; 100];
        let ending = pour_unread(&mut http2, &lot);
        assert_eq!(house.status("/orders/7"), Some(200), "{ending:?}");
        let grown = house.memory()?.saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes were kept");
    }
    Ok(())
}

fn pour_unread(http2: &mut Http2, lot: &[Frame]) -> io::Result<()> {
    for _ in 0..MANY / 100 {
        http2.send(lot)?;
    }
    Ok(())
}

#[test]
fn attack_24_empty_frames_are_not_free() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[post(1, &[])])?;
    let attack = (0..MANY / 100).map(|_| vec![Frame::data(1, 0, b""); 100]);
    let ending = pour(&mut http2, attack);
    // Cut off, or borne: they take no memory and end with their stream.
    assert!(matches!(
        ending,
        Ending::GoAway(_) | Ending::Closed | Ending::Silence
    ));
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}

#[test]
fn attack_24_more_streams_than_agreed_on_are_refused() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    // Each waits for a body that does not come.
    let streams: Vec<Frame> = (0..1_000).map(|number| post(2 * number + 1, &[])).collect();
    // The peer may end the connection before all of it is written.
    let _ = http2.send(&streams);
    let mut refused = 0;
    loop {
        match http2.settle() {
            Ending::Reset(_, REFUSED) => refused += 1,
            Ending::Reset(..) | Ending::Status(..) => {}
            Ending::Answered | Ending::Silence | Ending::GoAway(_) | Ending::Closed => break,
        }
    }
    let gone = http2
        .received
        .iter()
        .any(|frame| frame.kind == kind::GOAWAY);
    assert!(refused > 0 || gone, "a thousand streams are open");
    let connections = upstream.connections();
    assert!(
        connections <= 256,
        "{connections} requests reached the upstream"
    );
    assert_eq!(house.status("/orders/7"), Some(200));
    Ok(())
}
