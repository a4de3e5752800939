//! Request bodies: streamed as they come, and never sent twice.

use std::time::{Duration, Instant};

use http::Method;
use tokio::sync::mpsc;
use ztag_proxy::{Balance, TargetState, UpstreamProtocol};

use crate::incoming::streamed;
use crate::target::{Connection, Target, nobody, ok};
use crate::{at_rest, connections, group, patient, send, until};

/// A target that tells each byte of a body of ten, and answers.
async fn telling() -> (Target, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let target = Target::start(move |_, mut connection: Connection| {
        let tell = tell.clone();
        async move {
            connection.head().await?;
            for _ in 0..10 {
                let Some(byte) = connection.read(1).await else {
                    tell.send("broken off".to_owned()).ok();
                    return None;
                };
                tell.send(byte).ok()?;
            }
            connection.send(&ok("x")).await;
            connection.closed().await;
            Some(())
        }
    })
    .await;
    (target, told)
}

#[tokio::test]
async fn a_body_goes_on_as_it_comes() {
    let (target, mut told) = telling().await;
    let upstream = group(&[target.url()], |_| {});
    let (request, mut client) = streamed(Method::POST, 10).await;
    let sending = tokio::spawn({
        let upstream = upstream.clone();
        async move { send(&upstream, request).await.text().await }
    });
    for byte in "0123456789".chars() {
        client.send(&byte.to_string()).await;
        assert_eq!(patient(told.recv()).await, Some(byte.to_string()));
    }
    assert_eq!(sending.await.unwrap(), "200 x");
    at_rest(&upstream).await;
    assert_eq!(connections(&upstream), 1);
}

#[tokio::test]
async fn attack_23_a_body_that_breaks_off_is_never_ended_for_the_client() {
    let (target, mut told) = telling().await;
    let upstream = group(&[target.url()], |spec| spec.retries.attempts = 3);
    let (request, mut client) = streamed(Method::PUT, 10).await;
    let sending = tokio::spawn({
        let upstream = upstream.clone();
        async move { send(&upstream, request).await.text().await }
    });
    client.send("01").await;
    for expected in ["0", "1"] {
        assert_eq!(patient(told.recv()).await.as_deref(), Some(expected));
    }
    drop(client);
    assert_eq!(patient(told.recv()).await.as_deref(), Some("broken off"));
    assert_eq!(sending.await.unwrap(), "request_broken");
    assert_eq!(target.accepted(), 1);
    at_rest(&upstream).await;
    until("closed", || connections(&upstream) == 0).await;
}

#[tokio::test]
async fn a_target_killed_in_the_middle_of_a_request_gets_no_second_one() {
    for method in [Method::PUT, Method::POST] {
        let target = Target::start(|_, mut connection: Connection| async move {
            connection.head().await?;
            connection.read(2).await?;
            connection.reset();
            Some(())
        })
        .await;
        let upstream = group(&[target.url()], |spec| spec.retries.attempts = 3);
        let (request, mut client) = streamed(method, 10).await;
        client.send("01").await;
        let sent = send(&upstream, request).await;
        assert_eq!(
            (sent.report.attempts, sent.report.error),
            (1, Some("broken"))
        );
        assert_eq!(target.accepted(), 1);
        at_rest(&upstream).await;
        until("closed", || connections(&upstream) == 0).await;
    }
}

#[tokio::test]
async fn a_streamed_body_may_go_elsewhere_while_nothing_of_it_was_sent() {
    let (target, _told) = telling().await;
    let upstream = group(&[nobody().await, target.url()], |spec| {
        spec.balance = Balance::RoundRobin;
    });
    let (request, mut client) = streamed(Method::POST, 10).await;
    client.send("0123456789").await;
    let sent = send(&upstream, request).await;
    assert_eq!(sent.text().await, "200 x");
    at_rest(&upstream).await;
}

#[tokio::test]
async fn clients_that_break_off_or_dawdle_put_no_target_out() {
    for protocol in [UpstreamProtocol::Http1, UpstreamProtocol::Http2] {
        let target = crate::http2::either(protocol).await;
        let upstream = group(&[target.url()], |spec| {
            spec.protocol = protocol;
            spec.timeout = "50ms".parse().unwrap();
            spec.ejection.consecutive_failures = 1;
            spec.ejection.max_percent = 100;
            spec.breaker.failure_percent = 1;
            spec.breaker.min_requests = 1;
        });
        for dawdles in [true, false, true, false] {
            let (request, mut client) = streamed(Method::POST, 10).await;
            client.send("01").await;
            let held = dawdles.then_some(client);
            let sent = send(&upstream, request).await;
            let expected = if dawdles { "timeout" } else { "request_broken" };
            assert_eq!(sent.report.error, Some(expected), "{protocol:?}");
            drop(held);
        }
        at_rest(&upstream).await;
        assert_eq!(upstream.status()[0].state, TargetState::Ready);
        assert!(!upstream.is_open());
    }
}

#[tokio::test]
async fn a_long_upload_is_no_timeout() {
    let (target, mut told) = telling().await;
    let upstream = group(&[target.url()], |spec| {
        spec.timeout = "300ms".parse().unwrap();
    });
    let (request, mut client) = streamed(Method::POST, 10).await;
    let begun = Instant::now();
    let sending = tokio::spawn({
        let upstream = upstream.clone();
        async move { send(&upstream, request).await.text().await }
    });
    for byte in "0123456789".chars() {
        client.send(&byte.to_string()).await;
        assert_eq!(patient(told.recv()).await, Some(byte.to_string()));
        // A client that takes its time.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(begun.elapsed() > Duration::from_millis(300));
    assert_eq!(sending.await.unwrap(), "200 x");
}
