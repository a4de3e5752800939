//! Limits and the circuit breaker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::target::{Connection, Target, ok, status};
use crate::{ask, at_rest, get, group, send, send_within, until};

/// A target that answers when `gate` lets it.
async fn gated(gate: &Arc<Semaphore>) -> Target {
    let gate = Arc::clone(gate);
    Target::start(move |_, mut connection: Connection| {
        let gate = Arc::clone(&gate);
        async move {
            loop {
                connection.request().await?;
                gate.acquire().await.ok()?.forget();
                connection.send(&ok("x")).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_may_be() {
    let gate = Arc::new(Semaphore::new(0));
    let target = gated(&gate).await;
    let upstream = group(&[target.url()], |spec| spec.breaker.max_requests = 3);
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let upstream = Arc::clone(&upstream);
        asking.spawn(async move { ask(&upstream, get()).await });
    }
    let mut overloaded = 0;
    while overloaded < 7 {
        assert_eq!(asking.join_next().await.unwrap().unwrap(), "overloaded");
        overloaded += 1;
    }
    until("three ask", || upstream.requests() == 3).await;
    gate.add_permits(3);
    assert_eq!(asking.join_all().await, ["200 x", "200 x", "200 x"]);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn connections_are_bounded_and_so_are_those_who_wait_for_one() {
    let gate = Arc::new(Semaphore::new(0));
    let target = gated(&gate).await;
    let upstream = group(&[target.url()], |spec| {
        spec.breaker.max_connections = 2;
        spec.breaker.max_pending = 3;
    });
    let mut asking = JoinSet::new();
    for _ in 0..9 {
        let upstream = Arc::clone(&upstream);
        asking.spawn(async move { ask(&upstream, get()).await });
    }
    for _ in 0..4 {
        assert_eq!(asking.join_next().await.unwrap().unwrap(), "overloaded");
    }
    gate.add_permits(5);
    assert_eq!(asking.join_all().await, ["200 x"; 5]);
    assert_eq!(target.accepted(), 2);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn whoever_gives_up_waiting_leaves_no_trace() {
    let gate = Arc::new(Semaphore::new(0));
    let target = gated(&gate).await;
    let upstream = group(&[target.url()], |spec| {
        spec.breaker.max_connections = 1;
        spec.breaker.max_pending = 1;
    });
    let first = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { ask(&upstream, get()).await }
    });
    until("it asks", || upstream.status()[0].requests == 1).await;
    for _ in 0..5 {
        let second = tokio::spawn({
            let upstream = Arc::clone(&upstream);
            async move { ask(&upstream, get()).await }
        });
        until("it waits", || upstream.requests() == 2).await;
        second.abort();
        until("it waits no more", || upstream.requests() == 1).await;
    }
    gate.add_permits(1);
    assert_eq!(first.await.unwrap(), "200 x");
    at_rest(&upstream).await;
}

#[tokio::test]
async fn a_group_that_fails_is_left_alone_until_one_request_finds_it_well() {
    let well = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let target = Target::start({
        let well = Arc::clone(&well);
        move |_, mut connection: Connection| {
            let well = Arc::clone(&well);
            async move {
                loop {
                    connection.request().await?;
                    let reply = if well.load(std::sync::atomic::Ordering::SeqCst) {
                        ok("well")
                    } else {
                        status(503)
                    };
                    connection.send(&reply).await;
                }
            }
        }
    })
    .await;
    let upstream = group(&[target.url()], |spec| {
        spec.breaker.failure_percent = 50;
        spec.breaker.min_requests = 4;
        spec.breaker.open_for = "100ms".parse().unwrap();
    });
    // A window may end in between.
    while !upstream.is_open() {
        assert_eq!(ask(&upstream, get()).await, "503 ");
    }
    let sent = send(&upstream, get()).await;
    assert_eq!(
        (sent.report.attempts, sent.report.error),
        (0, Some("breaker_open"))
    );
    well.store(true, std::sync::atomic::Ordering::SeqCst);
    until("half open", || !upstream.is_open()).await;
    assert_eq!(ask(&upstream, get()).await, "200 well");
    assert_eq!(ask(&upstream, get()).await, "200 well");
    at_rest(&upstream).await;
}

#[tokio::test]
async fn what_takes_longer_than_its_route_allows_opens_the_breaker() {
    let gate = Arc::new(Semaphore::new(0));
    let target = gated(&gate).await;
    let upstream = group(&[target.url()], |spec| {
        spec.timeout = "1h".parse().unwrap();
        spec.breaker.failure_percent = 50;
        spec.breaker.min_requests = 4;
        spec.breaker.open_for = "1h".parse().unwrap();
        spec.ejection.consecutive_failures = 0;
    });
    let route = Some(Duration::from_millis(1));
    // A window may end in between.
    while !upstream.is_open() {
        let sent = send_within(&upstream, get(), route).await;
        assert_eq!(sent.report.error, Some("timeout"));
    }
    let sent = send_within(&upstream, get(), route).await;
    assert_eq!(
        (sent.report.attempts, sent.report.error),
        (0, Some("breaker_open"))
    );
    // Requests of routes with more patience are kept away from it as well.
    assert_eq!(ask(&upstream, get()).await, "breaker_open");
    at_rest(&upstream).await;
}
