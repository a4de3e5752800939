//! Active health checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ztag_proxy::{HealthSpec, TargetState, UpstreamPlaces, UpstreamProtocol, UpstreamSpec};

use crate::target::{Connection, Target, nobody, ok, status};
use crate::{ask, compile, get, spec, until};

fn quickly(spec: &mut UpstreamSpec) {
    spec.health = Some(HealthSpec {
        path: "/up?all".to_owned(),
        interval: "5ms".parse().unwrap(),
        timeout: "5s".parse().unwrap(),
        healthy: 2,
        unhealthy: 2,
        statuses: Vec::new(),
    });
}

/// A target that answers health checks as `well` says, and counts them.
async fn patient(well: &Arc<AtomicBool>, asked: &Arc<AtomicUsize>) -> Target {
    let (well, asked) = (Arc::clone(well), Arc::clone(asked));
    Target::start(move |_, mut connection: Connection| {
        let (well, asked) = (Arc::clone(&well), Arc::clone(&asked));
        async move {
            loop {
                let head = connection.request().await?;
                if !head.starts_with("GET /up?all HTTP/1.1\r\n") {
                    connection.send(&ok("x")).await;
                    continue;
                }
                asked.fetch_add(1, Ordering::SeqCst);
                let good = well.load(Ordering::SeqCst);
                connection.send(&status(if good { 204 } else { 500 })).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_target_goes_out_and_comes_in_as_it_answers() {
    let (well, asked) = (Arc::new(AtomicBool::new(true)), Arc::default());
    let target = patient(&well, &asked).await;
    let places = UpstreamPlaces::new();
    let upstream = compile(&spec(&[target.url()], quickly), &places);
    upstream.watch_health();
    until("asked", || asked.load(Ordering::SeqCst) > 2).await;
    assert_eq!(ask(&upstream, get()).await, "200 x");
    for state in [
        TargetState::Unhealthy,
        TargetState::Ready,
        TargetState::Unhealthy,
    ] {
        well.store(state == TargetState::Ready, Ordering::SeqCst);
        until("changed", || upstream.status()[0].state == state).await;
    }
    assert_eq!(ask(&upstream, get()).await, "left_out");

    // A reload without health checks ends them, and nobody is out for their sake.
    let without = compile(&spec(&[target.url()], |_| {}), &places);
    without.watch_health();
    drop(upstream);
    until("in", || without.status()[0].state == TargetState::Ready).await;
    assert_eq!(ask(&without, get()).await, "200 x");
}

#[tokio::test]
async fn nobody_asks_for_a_group_that_is_gone() {
    let (well, asked) = (
        Arc::new(AtomicBool::new(true)),
        Arc::<AtomicUsize>::default(),
    );
    let target = patient(&well, &asked).await;
    let upstream = compile(&spec(&[target.url()], quickly), &UpstreamPlaces::new());
    for _ in 0..3 {
        // Once per reload.
        upstream.watch_health();
    }
    until("asked", || asked.load(Ordering::SeqCst) > 0).await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    drop(upstream);
    drop(target);
    until("no task is left", || tasks() == 0).await;
}

#[tokio::test]
async fn where_nobody_listens_a_target_is_out() {
    for protocol in [UpstreamProtocol::Http1, UpstreamProtocol::Http2] {
        let url = nobody().await;
        let spec = spec(&[url], |spec| {
            quickly(spec);
            spec.protocol = protocol;
        });
        let upstream = compile(&spec, &UpstreamPlaces::new());
        upstream.watch_health();
        until("out", || {
            upstream.status()[0].state == TargetState::Unhealthy
        })
        .await;
    }
}
