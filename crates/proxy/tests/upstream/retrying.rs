//! What is asked again, how often, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use ztag_proxy::{Balance, RetryOn, TargetState};

use crate::target::{Connection, Target, nobody, ok, status};
use crate::{ask, at_rest, get, group, post, request, send, send_within};

/// A target that reads a request, counts it, and does `last` with the connection.
async fn counting(last: &'static str) -> (Target, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let target = Target::start(move |_, mut connection: Connection| {
        let counted = Arc::clone(&counted);
        async move {
            loop {
                connection.request().await?;
                counted.fetch_add(1, Ordering::SeqCst);
                match last {
                    "hang up" => return Some(()),
                    "reset" => {
                        connection.reset();
                        return Some(());
                    }
                    "wait" => connection.closed().await,
                    reply => connection.send(reply).await,
                }
            }
        }
    })
    .await;
    (target, count)
}

#[tokio::test]
async fn where_nobody_listens_the_next_target_is_asked_whatever_the_method() {
    let target = Target::replying(ok("x")).await;
    for asked in [get, post] {
        let upstream = group(&[nobody().await, target.url()], |spec| {
            spec.balance = Balance::RoundRobin;
        });
        for _ in 0..3 {
            assert_eq!(ask(&upstream, asked()).await, "200 x");
        }
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_sent_again_only_when_that_changes_nothing() {
    for (method, expected) in [
        (Method::GET, 3),
        (Method::HEAD, 3),
        (Method::PUT, 3),
        (Method::DELETE, 3),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        for how in ["hang up", "reset"] {
            let (target, count) = counting(how).await;
            let upstream = group(&[target.url()], |spec| spec.retries.attempts = 2);
            let sent = send(&upstream, request(method.clone(), "/", "")).await;
            assert_eq!(sent.report.attempts, expected, "{method} {how}");
            assert_eq!(sent.report.error, Some("broken"));
            let seen = count.load(Ordering::SeqCst);
            assert_eq!(seen, expected as usize, "{method} {how}");
            at_rest(&upstream).await;
        }
    }
}

#[tokio::test]
async fn after_a_byte_of_response_nothing_is_sent_again() {
    let (target, count) = counting("HTTP/1.").await;
    let upstream = group(&[target.url()], |spec| {
        spec.retries.attempts = 3;
        spec.retries.per_try_timeout = Some("50ms".parse().unwrap());
    });
    assert_eq!(ask(&upstream, get()).await, "timeout");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_may_be_followed_by_another() {
    let (slow, _) = counting("wait").await;
    let quick = Target::replying(ok("x")).await;
    let upstream = group(&[slow.url(), quick.url()], |spec| {
        spec.balance = Balance::RoundRobin;
        spec.retries.per_try_timeout = Some("50ms".parse().unwrap());
    });
    let sent = send(&upstream, get()).await;
    assert_eq!(sent.report.attempts, 2);
    assert_eq!(sent.report.target, quick.address.to_string());
    assert_eq!(sent.text().await, "200 x");
    at_rest(&upstream).await;
}

#[tokio::test]
async fn the_whole_takes_no_longer_than_its_timeout() {
    let (target, count) = counting("wait").await;
    let upstream = group(&[target.url()], |spec| {
        spec.timeout = "50ms".parse().unwrap();
    });
    let sent = send(&upstream, post()).await;
    assert_eq!(sent.report.error, Some("timeout"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn gateway_errors_are_retried_where_the_configuration_says_so() {
    for (code, on, asked, expected) in [
        (502, vec![RetryOn::Gateway], get as fn() -> _, "200 x"),
        (503, vec![RetryOn::Gateway], get, "200 x"),
        (504, vec![RetryOn::Gateway], get, "200 x"),
        (500, vec![RetryOn::Gateway], get, "500 "),
        (503, vec![RetryOn::Gateway], post, "503 "),
        (503, vec![RetryOn::Connect, RetryOn::Reset], get, "503 "),
    ] {
        let failing = Target::replying(status(code)).await;
        let good = Target::replying(ok("x")).await;
        let upstream = group(&[failing.url(), good.url()], |spec| {
            spec.balance = Balance::RoundRobin;
            spec.retries.on = on;
        });
        assert_eq!(ask(&upstream, asked()).await, expected, "{code}");
        at_rest(&upstream).await;
    }
}

#[tokio::test]
async fn retries_end_with_their_budget() {
    let (target, count) = counting("hang up").await;
    let upstream = group(&[target.url()], |spec| {
        spec.retries.attempts = 5;
        spec.retries.budget_percent = 0;
        spec.ejection.consecutive_failures = 0;
    });
    for _ in 0..30 {
        assert_eq!(ask(&upstream, get()).await, "broken");
    }
    // Thirty requests, three free retries, and three more for each second the test may last.
    let retries = count.load(Ordering::SeqCst) - 30;
    assert!((3..150).contains(&retries) && retries < 5 * 30, "{retries}");
    at_rest(&upstream).await;
}

#[tokio::test]
async fn without_retries_none_happens() {
    let upstream = group(&[nobody().await], |spec| {
        spec.retries.attempts = 0;
        spec.ejection.consecutive_failures = 0;
    });
    let sent = send(&upstream, get()).await;
    assert_eq!(
        (sent.report.attempts, sent.report.error),
        (0, Some("connect"))
    );
    at_rest(&upstream).await;
}

#[tokio::test]
async fn a_wait_that_a_route_shortens_puts_targets_out_as_well() {
    let (silent, _) = counting("wait").await;
    let good = Target::replying(ok("good")).await;
    let upstream = group(&[silent.url(), good.url()], |spec| {
        spec.balance = Balance::RoundRobin;
        spec.ejection.consecutive_failures = 1;
    });
    let longest = Some(Duration::from_millis(50));
    let sent = send_within(&upstream, post(), longest).await;
    assert_eq!(sent.report.error, Some("timeout"));
    assert_eq!(upstream.status()[0].state, TargetState::Ejected);
    assert_eq!(ask(&upstream, post()).await, "200 good");
}
