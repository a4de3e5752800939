//! Who is asked.

use std::collections::BTreeMap;

use http::StatusCode;
use ztag_proxy::{Balance, TargetSpec, TargetState, UpstreamSpec};
use ztag_types::ReasonCode;

use crate::target::{Target, nobody, ok, status};
use crate::{ask, at_rest, get, group, send, until};

async fn named(names: &[&str]) -> Vec<Target> {
    let mut targets = Vec::new();
    for name in names {
        targets.push(Target::replying(ok(name)).await);
    }
    targets
}

fn weigh(spec: &mut UpstreamSpec, targets: &[Target], weights: &[u32]) {
    let pairs = targets.iter().zip(weights);
    spec.targets = pairs
        .map(|(target, weight)| TargetSpec {
            url: target.url(),
            weight: *weight,
        })
        .collect();
}

#[tokio::test]
async fn each_in_turn_by_weight() {
    let targets = named(&["a", "b", "c"]).await;
    let upstream = group(&[], |spec| {
        weigh(spec, &targets, &[2, 1, 0]);
        spec.balance = Balance::RoundRobin;
    });
    let mut answers = String::new();
    for _ in 0..6 {
        let answer = ask(&upstream, get()).await;
        answers.push_str(answer.strip_prefix("200 ").unwrap());
    }
    assert_eq!(answers, "abaaba");
}

#[tokio::test]
async fn idle_targets_share_by_weight() {
    let targets = named(&["a", "b", "c"]).await;
    let upstream = group(&[], |spec| weigh(spec, &targets, &[3, 1, 0]));
    let mut counts = BTreeMap::new();
    for _ in 0..400 {
        *counts.entry(ask(&upstream, get()).await).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2);
    // 300 are expected; fewer than 230 or more than 360 will never be seen.
    assert!((230..360).contains(&counts["200 a"]), "{counts:?}");
}

#[tokio::test]
async fn the_less_loaded_of_two_is_asked() {
    let targets = named(&["a", "b"]).await;
    let upstream = group(&[], |spec| weigh(spec, &targets, &[1, 1]));
    let mut held = Vec::new();
    for _ in 0..10 {
        // Held unread: an answer whose body is not at its end is under way.
        held.push(send(&upstream, get()).await);
        let loads: Vec<_> = upstream.status().iter().map(|t| t.requests).collect();
        assert!(loads[0].abs_diff(loads[1]) <= 1, "{loads:?}");
    }
    drop(held);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn a_target_that_fails_is_left_out_and_comes_back() {
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let good = Target::replying(ok("good")).await;
    let upstream = group(&[format!("http://{address}"), good.url()], |spec| {
        spec.balance = Balance::RoundRobin;
        spec.ejection.consecutive_failures = 2;
        spec.ejection.base_time = "100ms".parse().unwrap();
    });
    while upstream.status()[0].state == TargetState::Ready {
        assert_eq!(ask(&upstream, get()).await, "200 good");
    }
    assert_eq!(upstream.status()[0].state, TargetState::Ejected);
    let sent = send(&upstream, get()).await;
    assert_eq!(sent.report.attempts, 1);

    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _back = Target::on(
        listener,
        |_, mut connection: crate::target::Connection| async move {
            loop {
                connection.request().await?;
                connection.send(&ok("back")).await;
            }
        },
    );
    until("back", || upstream.status()[0].state == TargetState::Ready).await;
    let answers = [ask(&upstream, get()).await, ask(&upstream, get()).await];
    assert!(answers.contains(&"200 back".to_owned()), "{answers:?}");
}

#[tokio::test]
async fn no_more_are_left_out_than_may_be() {
    let urls = [nobody().await, nobody().await, nobody().await];
    let upstream = group(&urls, |spec| {
        spec.ejection.consecutive_failures = 1;
        spec.ejection.max_percent = 67;
        spec.retries.attempts = 0;
    });
    for _ in 0..50 {
        assert_eq!(ask(&upstream, get()).await, "connect");
    }
    let ready = upstream
        .status()
        .iter()
        .filter(|t| t.state == TargetState::Ready)
        .count();
    assert_eq!(ready, 1);
}

#[tokio::test]
async fn when_all_are_out_nobody_is_asked() {
    let target = Target::replying(status(503)).await;
    let upstream = group(&[target.url()], |spec| {
        spec.ejection.consecutive_failures = 1;
        spec.ejection.max_percent = 100;
    });
    assert_eq!(ask(&upstream, get()).await, "503 ");
    let sent = send(&upstream, get()).await;
    assert_eq!(
        (sent.report.attempts, sent.report.error),
        (0, Some("left_out"))
    );
    let failure = sent.outcome.unwrap_err();
    assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(failure.reason(), ReasonCode::UpstreamUnavailable);
    at_rest(&upstream).await;
}
