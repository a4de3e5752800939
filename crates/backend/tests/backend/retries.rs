//! When a request is sent again.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use ztag_backend::{Call, FailureKind};

use crate::stub::{Reply, Stub, last, ok};
use crate::{body, client, get};

/// Hangs up on the first `failures` requests, having sent `before`.
async fn flaky(failures: usize, before: &'static str) -> Stub {
    let seen = AtomicUsize::new(0);
    let fails = move || seen.fetch_add(1, Ordering::Relaxed) < failures;
    Stub::start(move |_| if fails() { last(before) } else { ok("here") }).await
}

fn call(stub: &Stub, method: Method, retries: u32) -> Call {
    Call {
        method,
        retries,
        ..get(&stub.url("/"))
    }
}

#[tokio::test]
async fn idempotent_methods_are_retried_as_often_as_allowed() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
    ] {
        let stub = flaky(2, "").await;
        let pages = client().send(call(&stub, method.clone(), 2)).await.unwrap();
        assert_eq!(pages.attempts, 3, "{method}");
        let stub = flaky(2, "").await;
        let failure = client().send(call(&stub, method, 1)).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Protocol, 2)
        );
    }
}

#[tokio::test]
async fn other_methods_are_sent_once() {
    for method in [Method::POST, Method::PATCH] {
        let stub = flaky(1, "").await;
        let failure = client().send(call(&stub, method, 5)).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Protocol, 1)
        );
        assert_eq!(stub.received().len(), 1);
    }
}

#[tokio::test]
async fn a_reply_that_has_begun_is_not_asked_for_again() {
    for begun in ["H", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] {
        let stub = flaky(1, begun).await;
        let failure = client()
            .send(call(&stub, Method::GET, 5))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Protocol, 1)
        );
    }
}

#[tokio::test]
async fn a_status_is_not_a_reason_to_ask_again() {
    let stub = Stub::start(|_| last("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")).await;
    let pages = client().send(call(&stub, Method::GET, 5)).await.unwrap();
    assert_eq!(
        (pages.last().unwrap().status.as_u16(), pages.attempts),
        (503, 1)
    );
}

#[tokio::test]
async fn a_refused_connection_is_retried_for_every_method() {
    let address = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap()
    };
    for method in [Method::GET, Method::POST] {
        let call = Call {
            method,
            retries: 2,
            ..get(&format!("http://{address}/"))
        };
        let failure = client().send(call).await.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.attempts()),
            (FailureKind::Connect, 3)
        );
    }
}

/// Answers the first request of the first connection and hangs up on its second.
async fn stale() -> Stub {
    Stub::start(|request| match (request.connection, request.number) {
        (0, 1) => Reply::Last(Vec::new()),
        _ => ok("here"),
    })
    .await
}

#[tokio::test]
async fn a_stale_connection_costs_an_idempotent_call_nothing() {
    let (stub, client) = (stale().await, client());
    client.send(call(&stub, Method::GET, 0)).await.unwrap();
    let pages = client.send(call(&stub, Method::GET, 0)).await.unwrap();
    assert_eq!((body(&pages), pages.attempts), ("here", 2));
    assert_eq!(stub.connections(), [0, 0, 1]);
}

#[tokio::test]
async fn a_stale_connection_does_not_repeat_what_may_have_had_an_effect() {
    let (stub, client) = (stale().await, client());
    client.send(call(&stub, Method::POST, 0)).await.unwrap();
    let failure = client.send(call(&stub, Method::POST, 9)).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.attempts()),
        (FailureKind::Protocol, 1)
    );
    assert_eq!(stub.connections(), [0, 0]);
}

#[tokio::test]
async fn a_backend_that_always_hangs_up_is_left_after_one_fresh_connection() {
    let stub = Stub::start(|request| match (request.connection, request.number) {
        (0, 0) => ok("here"),
        _ => Reply::Last(Vec::new()),
    })
    .await;
    let client = client();
    client.send(call(&stub, Method::GET, 0)).await.unwrap();
    let failure = client.send(call(&stub, Method::GET, 0)).await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.attempts()),
        (FailureKind::Protocol, 2)
    );
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_for_every_method() {
    let stub = Stub::start(|_| last("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")).await;
    let client = client();
    client.send(call(&stub, Method::POST, 0)).await.unwrap();
    stub.has_ended(1).await;
    // The end of the connection is known to the system now; give the client a chance to see it.
    let probe = Stub::start(|_| ok("b")).await;
    client.send(call(&probe, Method::GET, 0)).await.unwrap();
    let pages = client.send(call(&stub, Method::POST, 0)).await.unwrap();
    assert_eq!(body(&pages), "a");
    assert_eq!(stub.connections(), [0, 1]);
}
