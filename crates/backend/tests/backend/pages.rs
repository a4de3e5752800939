//! Replies of several pages.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use ztag_backend::{Call, Cursor, FailureKind, Pages, Pagination};

use crate::stub::{Stub, head_and_body, ok};
use crate::{client, get, kind};

fn linked(url: &str) -> Call {
    let mut call = get(url);
    call.pagination = Pagination::Link { max_pages: 10 };
    call
}

fn cursor(url: &str, pointer: &str, parameter: Option<&str>) -> Call {
    let mut call = get(url);
    call.pagination = Pagination::Cursor {
        max_pages: 10,
        cursor: Arc::new(Cursor::new(pointer, parameter).unwrap()),
    };
    call
}

fn bodies(pages: &Pages) -> Vec<&str> {
    let bodies = pages.pages.iter().map(|page| &*page.body);
    bodies
        .map(|body| std::str::from_utf8(body).unwrap())
        .collect()
}

#[tokio::test]
async fn links_are_followed_over_one_connection() {
    let stub = Stub::start(|request| match request.target() {
        "/list?key=1" => head_and_body(
            "200 OK\r\nLink: </0>; rel=\"prev\"; title=\"a, b\"\r\nLink: </list?page=2>; rel=\"next\"",
            "one",
        ),
        "/list?page=2" => head_and_body("200 OK\r\nLink: <?page=3>; rel=next", "two"),
        _ => ok("three"),
    })
    .await;
    let pages = client()
        .send(linked(&stub.url("/list?key=1")))
        .await
        .unwrap();
    assert_eq!(bodies(&pages), ["one", "two", "three"]);
    assert_eq!(pages.attempts, 3);
    assert_eq!(
        stub.targets(),
        ["/list?key=1", "/list?page=2", "/list?page=3"]
    );
    assert_eq!(stub.connections(), [0; 3]);
    assert_eq!(pages.last().unwrap().url.query(), Some("page=3"));
}

#[tokio::test]
async fn defect_03_09_headers_and_body_are_sent_again_with_every_page() {
    let stub = Stub::start(|request| match request.target() {
        "/" => head_and_body("200 OK\r\nLink: </2>; rel=next", ""),
        _ => ok(""),
    })
    .await;
    let mut call = linked(&stub.url("/"));
    call.method = Method::POST;
    call.headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    call.body = Bytes::from_static(b"{}");
    client().send(call).await.unwrap();
    let received = stub.received();
    assert_eq!(received.len(), 2);
    for request in received {
        assert_eq!(request.header("authorization"), Some("Bearer t"));
        assert_eq!(request.body, "{}");
        assert!(request.head.starts_with("POST "));
    }
}

#[tokio::test]
async fn defect_03_09_no_page_is_fetched_from_another_origin() {
    let other = Stub::start(|_| ok("mine now")).await;
    let target = other.url("/");
    let stub =
        Stub::start(move |_| head_and_body(&format!("200 OK\r\nLink: <{target}>; rel=next"), ""))
            .await;
    let mut call = linked(&stub.url("/?key=secret"));
    call.headers
        .insert(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    let failure = client().send(call).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.pages()),
        (FailureKind::CrossOriginPage, 1)
    );
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_list_that_loops_ends() {
    let stub = Stub::start(|request| match request.target() {
        "/1" => head_and_body("200 OK\r\nLink: </2>; rel=next", "one"),
        _ => head_and_body("200 OK\r\nLink: </1>; rel=next", "two"),
    })
    .await;
    let pages = client().send(linked(&stub.url("/1"))).await.unwrap();
    assert_eq!(bodies(&pages), ["one", "two"]);
}

#[tokio::test]
async fn an_endless_list_ends_at_the_bound() {
    let stub = Stub::start(|request| {
        head_and_body(
            &format!("200 OK\r\nLink: <{}x>; rel=next", request.target()),
            "",
        )
    })
    .await;
    let pages = client().send(linked(&stub.url("/"))).await.unwrap();
    assert_eq!(pages.pages.len(), 10);
    assert_eq!(stub.received().len(), 10);
}

#[tokio::test]
async fn tokens_are_put_into_the_first_url() {
    let stub = Stub::start(|request| match request.target() {
        "/?q=a%20b" => ok(r#"{"meta":{"next":"t/2"}}"#),
        "/?q=a%20b&after=t%2F2" => ok(r#"{"meta":{"next":3}}"#),
        "/?q=a%20b&after=3" => ok(r#"{"meta":{"next":null}}"#),
        other => ok(other),
    })
    .await;
    let call = cursor(&stub.url("/?q=a%20b"), "/meta/next", Some("after"));
    let pages = client().send(call).await.unwrap();
    assert_eq!(pages.pages.len(), 3, "{:?}", stub.targets());
}

#[tokio::test]
async fn a_page_that_cannot_be_understood_is_not_the_last() {
    let stub = Stub::start(|request| match request.target() {
        "/" => ok(r#"{"next":"/2"}"#),
        _ => ok("<html>"),
    })
    .await;
    let call = cursor(&stub.url("/"), "next", None);
    let failure = client().send(call).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.pages()),
        (FailureKind::Protocol, 2)
    );
}

#[tokio::test]
async fn defect_03_09_a_cursor_does_not_leave_the_origin_either() {
    let stub = Stub::start(|_| ok(r#"{"next":"http://169.254.169.254/"}"#)).await;
    let call = cursor(&stub.url("/"), "next", None);
    assert_eq!(
        kind(client().send(call).await),
        FailureKind::CrossOriginPage
    );
}
