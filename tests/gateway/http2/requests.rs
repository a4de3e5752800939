//! Requests over HTTP/2 are judged as over HTTP/1.1, and reach the upstream likewise.

use ztag_test_support::h2::{Ending, Frame, flag, get, literal};
use ztag_test_support::{Failure, MockServer};

use super::begin;
use crate::house::House;

const HOST: &str = "app.example.com";

#[test]
fn a_request_is_judged_and_forwarded() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    http2.send(&[get(1, HOST, "/orders/7", &[])])?;
    assert_eq!(http2.ending(), Ending::Status(1, 401));
    assert_eq!(upstream.take_recorded(), []);
    let crumbs = [
        ("authorization", "Bearer t-alice"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-user", "root"),
    ];
    http2.send(&[get(3, HOST, "/orders/7?x=%2F", &crumbs)])?;
    assert_eq!(http2.ending(), Ending::Status(3, 200));
    let [arrived] = &upstream.take_recorded()[..] else {
        return Err(Failure::new("not one request arrived"));
    };
    assert_eq!(arrived.target, "/orders/7?x=%2F");
    let value = |name| arrived.headers.value(name);
    assert_eq!(value("host").as_deref(), Some(HOST));
    assert_eq!(value("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(value("x-user").as_deref(), Some("alice"));
    assert_eq!(value("authorization"), None);
    Ok(())
}

#[test]
fn attack_07_authority_and_host_name_one_server() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    for (authority, more, expected) in [
        (HOST, &[("host", HOST)][..], 200),
        (HOST, &[("host", "APP.example.com")], 200),
        (HOST, &[("host", "evil.example")], 400),
        (HOST, &[("host", HOST), ("host", HOST)], 400),
        ("user@app.example.com", &[], 400),
        ("app.example.com,evil", &[], 400),
    ] {
        let mut http2 = begin(&house)?;
        http2.send(&[get(1, authority, "/open", more)])?;
        let ending = http2.ending();
        let refused = matches!(
            ending,
            Ending::Reset(..) | Ending::GoAway(_) | Ending::Status(_, 403)
        );
        let as_expected = ending == Ending::Status(1, expected) || (expected == 400 && refused);
        assert!(as_expected, "{authority} {more:?}: {ending:?}");
    }
    Ok(())
}

#[test]
fn attack_02_paths_of_streams_are_judged_alike() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    for path in [
        "/open/../orders",
        "/open/%2e%2e/orders",
        "/open%2forders",
        "//open",
        "/open//x",
        "/open;a=b",
        "/open/%00",
        "/open\\..\\orders",
        "*",
        "open",
        "http://app.example.com/open",
    ] {
        let mut http2 = begin(&house)?;
        http2.send(&[get(1, HOST, path, &[])])?;
        let ending = http2.ending();
        let refused = match ending {
            Ending::Status(_, status) => (400..500).contains(&status),
            Ending::Reset(..) | Ending::GoAway(_) | Ending::Closed => true,
            Ending::Answered | Ending::Silence => false,
        };
        assert!(refused, "{path}: {ending:?}");
    }
    assert_eq!(upstream.take_recorded(), []);
    Ok(())
}

#[test]
fn methods_that_tunnel_are_refused() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let plain = [(":method", "CONNECT"), (":authority", "evil.example:443")];
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "smuggle"),
        (":scheme", "http"),
        (":path", "/open"),
        (":authority", HOST),
    ];
    for fields in [&plain[..], &extended] {
        let mut http2 = begin(&house)?;
        http2.send(&[Frame::headers(1, flag::END_HEADERS, &literal(fields))])?;
        let ending = http2.ending();
        let refused = match ending {
            Ending::Status(_, status) => status >= 400,
            Ending::Reset(..) | Ending::GoAway(_) | Ending::Closed => true,
            Ending::Answered | Ending::Silence => false,
        };
        assert!(refused, "{fields:?}: {ending:?}");
    }
    assert_eq!(upstream.take_recorded(), []);
    Ok(())
}

#[test]
fn attack_15_trailers_bring_no_identity() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = House::before(&upstream, "")?;
    let mut http2 = begin(&house)?;
    let trailers = literal(&[("x-user", "root"), ("authorization", "Bearer t-root")]);
    let post = super::table::post(1, &[("x-real", "1")]);
    let end = flag::END_HEADERS | flag::END_STREAM;
    http2.send(&[
        post,
        Frame::data(1, 0, b"hello"),
        Frame::headers(1, end, &trailers),
    ])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    let [arrived] = &upstream.take_recorded()[..] else {
        return Err(Failure::new("not one request arrived"));
    };
    assert_eq!(arrived.body, b"hello");
    // The recording server reads trailers as the head of a next request, if there are any.
    assert_eq!(arrived.headers.value("authorization"), None);
    assert!(http2.is_alive());
    assert_eq!(upstream.take_recorded(), []);
    Ok(())
}
