//! Bounds on time, size and number.

use std::time::Duration;

use ztag_backend::{ClientSpec, FailureKind, Pagination};

use crate::stub::{Reply, Stub, head_and_body, last, ok, raw};
use crate::{body, client, client_of, get, kind, millis};

#[tokio::test]
async fn a_reply_too_long_is_a_failure_and_never_cut() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let endless = "HTTP/1.1 200 OK\r\n\r\nabcde";
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
    for sent in [chunked, endless, length] {
        let stub = Stub::start(move |_| last(sent)).await;
        let mut call = get(&stub.url("/"));
        call.max_body = 5;
        assert_eq!(body(&client().send(call.clone()).await.unwrap()), "abcde");
        call.max_body = 4;
        call.retries = 2;
        let failure = client().send(call.clone()).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::BodyTooLarge, 1)
        );
        call.max_body = 0;
        assert_eq!(kind(client().send(call).await), FailureKind::BodyTooLarge);
    }
}

#[tokio::test]
async fn an_announced_length_is_believed_before_the_body_is_read() {
    let stub = Stub::start(|_| {
        Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n".to_vec())
    })
    .await;
    assert_eq!(
        kind(client().send(get(&stub.url("/"))).await),
        FailureKind::BodyTooLarge
    );
    stub.has_ended(1).await;
}

#[tokio::test]
async fn all_pages_share_one_bound() {
    let stub = Stub::start(|request| match request.target() {
        "/" => head_and_body("200 OK\r\nLink: </2>; rel=next", "abc"),
        _ => ok("def"),
    })
    .await;
    let mut call = get(&stub.url("/"));
    call.pagination = Pagination::Link { max_pages: 9 };
    call.max_body = 6;
    assert_eq!(client().send(call.clone()).await.unwrap().pages.len(), 2);
    call.max_body = 5;
    let failure = client().send(call).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.pages()),
        (FailureKind::BodyTooLarge, 1)
    );
}

#[tokio::test]
async fn attack_25_the_head_of_a_reply_is_bounded() {
    let line = format!("X-A: {}\r\n", "a".repeat(1000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(90));
    let names = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(500));
    for head in [many, names] {
        let stub = Stub::start(move |_| raw(&head)).await;
        assert_eq!(
            kind(client().send(get(&stub.url("/"))).await),
            FailureKind::Protocol
        );
    }
}

#[tokio::test]
async fn a_silent_backend_times_out() {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab".to_vec();
    for sent in [Vec::new(), begun] {
        let stub = Stub::start(move |_| Reply::Hang(sent.clone())).await;
        let mut call = get(&stub.url("/"));
        call.timeout = Duration::from_millis(30);
        call.retries = 5;
        let failure = client().send(call).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Timeout, 1)
        );
        stub.has_ended(1).await;
    }
}

#[tokio::test]
async fn the_deadline_is_that_of_all_pages() {
    let stub = Stub::start(|request| match request.target() {
        "/" => head_and_body("200 OK\r\nLink: </2>; rel=next", "abc"),
        _ => Reply::Hang(Vec::new()),
    })
    .await;
    let mut call = get(&stub.url("/"));
    call.pagination = Pagination::Link { max_pages: 9 };
    call.timeout = Duration::from_millis(400);
    let failure = client().send(call).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert_eq!((failure.pages(), failure.attempts()), (1, 2));
}

#[tokio::test]
async fn a_call_waits_for_a_place_but_not_for_ever() {
    let stub = Stub::start(|request| match request.target() {
        "/hang" => Reply::Hang(Vec::new()),
        _ => ok("here"),
    })
    .await;
    let spec = ClientSpec {
        connect_timeout: millis(200),
        max_connections_per_origin: 1,
        ..ClientSpec::default()
    };
    let client = client_of(&spec);
    let hanging = client.send(get(&stub.url("/hang")));
    let late = async {
        stub.has_received(1).await;
        kind(client.send(get(&stub.url("/late"))).await)
    };
    tokio::select! {
        _ = hanging => panic!("nobody answers"),
        late = late => assert_eq!(late, FailureKind::PoolExhausted),
    }
    let (first, second) = tokio::join!(
        client.send(get(&stub.url("/1"))),
        client.send(get(&stub.url("/2")))
    );
    assert_eq!(
        (body(&first.unwrap()), body(&second.unwrap())),
        ("here", "here")
    );
    assert_eq!(stub.connections(), [0, 1, 1]);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_all_found() {
    let spec = ClientSpec {
        connect_timeout: millis(0),
        max_connections_per_origin: 0,
        pool: ztag_backend::PoolSpec {
            idle_timeout: millis(0),
            ..Default::default()
        },
        ..ClientSpec::default()
    };
    let error = ztag_backend::Client::new(&spec, ztag_backend::TlsMaterial::none()).unwrap_err();
    let paths = error
        .diagnostics()
        .iter()
        .map(|found| found.path.to_string());
    let expected = [
        "connectTimeout",
        "pool.idleTimeout",
        "maxConnectionsPerOrigin",
    ];
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}
