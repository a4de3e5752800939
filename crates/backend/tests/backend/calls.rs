//! One call, one reply.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, LOCATION};
use http::{HeaderValue, Method};
use ztag_backend::{FailureKind, Pagination};

use crate::stub::{Reply, Stub, head_and_body, last, ok, raw};
use crate::{body, client, get, kind};

#[tokio::test]
async fn exactly_what_is_given_is_sent() {
    let stub = Stub::start(|_| ok("hello")).await;
    let mut call = get(&stub.url("/a%2Fb?c=d#e"));
    call.headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    call.headers.insert("x-a", HeaderValue::from_static("1"));
    call.headers.append("x-a", HeaderValue::from_static("2"));
    let pages = client().send(call).await.unwrap();
    assert_eq!(
        (body(&pages), pages.pages.len(), pages.attempts),
        ("hello", 1, 1)
    );
    let expected = format!(
        "GET /a%2Fb?c=d HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer t\r\nx-a: 1\r\nx-a: 2\r\n\r\n",
        stub.address
    );
    assert_eq!(stub.received()[0].head, expected);
}

#[tokio::test]
async fn bodies_are_sent_with_their_length() {
    let stub = Stub::start(|request| ok(&request.body)).await;
    for (method, text) in [
        (Method::POST, "a=b"),
        (Method::PUT, ""),
        (Method::GET, "{}"),
    ] {
        let mut call = get(&stub.url("/"));
        call.method = method;
        call.body = Bytes::from_static(text.as_bytes());
        assert_eq!(body(&client().send(call).await.unwrap()), text);
    }
    let received = stub.received();
    let lengths = received
        .iter()
        .map(|request| request.header("content-length"));
    assert_eq!(
        lengths.collect::<Vec<_>>(),
        [Some("3"), Some("0"), Some("2")]
    );
}

#[tokio::test]
async fn defect_12_redirects_are_not_followed() {
    let stub = Stub::start(|request| match request.target() {
        "/" => head_and_body("302 Found\r\nLocation: /elsewhere", "moved"),
        _ => ok("followed"),
    })
    .await;
    for pagination in [Pagination::None, Pagination::Link { max_pages: 5 }] {
        let mut call = get(&stub.url("/"));
        call.pagination = pagination;
        let pages = client().send(call).await.unwrap();
        let page = pages.last().unwrap();
        assert_eq!((page.status.as_u16(), body(&pages)), (302, "moved"));
        assert_eq!(page.headers[LOCATION], "/elsewhere");
    }
    assert_eq!(stub.targets(), ["/", "/"]);
}

#[tokio::test]
async fn attack_25_compressed_bodies_are_left_alone() {
    let stub = Stub::start(|_| head_and_body("200 OK\r\nContent-Encoding: gzip", "zipped")).await;
    let pages = client().send(get(&stub.url("/"))).await.unwrap();
    assert_eq!(body(&pages), "zipped");
    assert_eq!(pages.last().unwrap().headers[CONTENT_ENCODING], "gzip");
    assert_eq!(stub.received()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn every_framing_of_a_reply_is_read_to_its_end() {
    for (sent, expected) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n",
            "abc",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab"),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", ""),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            "a",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            "a",
        ),
    ] {
        let stub = Stub::start(move |_| last(sent)).await;
        let pages = client().send(get(&stub.url("/"))).await.unwrap();
        assert_eq!(body(&pages), expected, "{sent}");
    }
}

#[tokio::test]
async fn a_head_has_no_body() {
    let stub = Stub::start(|_| raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")).await;
    let client = client();
    for _ in 0..2 {
        let mut call = get(&stub.url("/"));
        call.method = Method::HEAD;
        assert_eq!(body(&client.send(call).await.unwrap()), "");
    }
    assert_eq!(stub.connections(), [0, 0]);
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    for sent in [
        "hello\r\n\r\n",
        "HTTP/1.1 999999 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nkilled",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "",
    ] {
        let stub = Stub::start(move |_| last(sent)).await;
        let mut call = get(&stub.url("/"));
        call.retries = 3;
        call.method = Method::POST;
        let failure = client().send(call).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Protocol, 1),
            "{sent}"
        );
        assert_eq!(failure.to_string(), "backend call failed: protocol");
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_not() {
    for url in [
        "ftp://127.0.0.1/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:0/",
    ] {
        assert_eq!(
            kind(client().send(get(url)).await),
            FailureKind::BadUrl,
            "{url}"
        );
    }
    let mut call = get("http://127.0.0.1:1/");
    call.method = Method::CONNECT;
    assert_eq!(kind(client().send(call).await), FailureKind::BadUrl);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let stub = Stub::start(|_| Reply::Last(b"secret".to_vec())).await;
    let mut call = get(&stub.url("/?token=secret"));
    call.headers
        .insert(AUTHORIZATION, HeaderValue::from_static("secret"));
    call.body = Bytes::from_static(b"secret");
    assert!(!format!("{call:?}").contains("secret"));
    let failure = client().send(call).await.unwrap_err();
    assert!(!format!("{failure} {failure:?}").contains("secret"));
    let stub = Stub::start(|_| head_and_body("200 OK\r\nX: secret", "secret")).await;
    let pages = client()
        .send(get(&stub.url("/?token=secret")))
        .await
        .unwrap();
    assert!(!format!("{pages:?}").contains("secret"));
}
