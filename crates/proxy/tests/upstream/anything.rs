//! Whatever happens, in whatever order: every counter returns to zero, and the group goes on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::Method;
use http_body_util::BodyExt;
use proptest::prelude::*;
use ztag_proxy::{Outgoing, Upstream};
use ztag_types::ForwardReport;

use crate::target::{Connection, Target, ok, status};
use crate::{ask, at_rest, group, patient, request};

/// What the target does, by the path it is asked for.
const DEEDS: [&str; 9] = [
    "/ok",
    "/chunked",
    "/hang-up",
    "/reset",
    "/half",
    "/silent",
    "/busy",
    "/nonsense",
    "/close",
];

async fn serve(mut connection: Connection) -> Option<()> {
    loop {
        let head = connection.request().await?;
        let deed = head.split(' ').nth(1)?.to_owned();
        match &*deed {
            "/ok" => connection.send(&ok("fine")).await,
            "/chunked" => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                connection.send(head).await;
                connection.send("4\r\nfine\r\n0\r\n\r\n").await;
            }
            "/half" => {
                connection
                    .send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfi")
                    .await;
                return Some(());
            }
            "/silent" => connection.closed().await,
            "/busy" => connection.send(&status(503)).await,
            "/nonsense" => connection.send("nonsense\r\n\r\n").await,
            "/close" => {
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
                connection.send(head).await;
                return Some(());
            }
            "/reset" => {
                connection.reset();
                return Some(());
            }
            _ => return Some(()),
        }
    }
}

/// Polls `work` at most `polls` times, and then gives it up.
async fn for_a_while<T>(work: impl Future<Output = T>, mut polls: usize) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if polls == 0 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Asks for `deed` and gives up after `polls`, before or after the head.
async fn ask_for_a_while(upstream: &Upstream, method: Method, deed: &'static str, polls: usize) {
    let body = if method == Method::POST { "order" } else { "" };
    let asked: http::Request<Outgoing> = request(method, deed, body);
    let mut report = ForwardReport::default();
    let asking = async {
        let sending = Box::pin(upstream.send(Box::new(asked), None, &mut report));
        if let Ok(response) = sending.await {
            let _ = response.into_body().collect().await;
        }
    };
    for_a_while(asking, polls).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_counter_returns_to_zero(
        steps in prop::collection::vec((0..DEEDS.len(), any::<bool>(), 0_usize..400), 1..24),
        together in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(patient(async {
            let target = Target::start(|_, connection| serve(connection)).await;
            let upstream = group(&[target.url()], |spec| {
                spec.timeout = "40ms".parse().unwrap();
                spec.idle_timeout = "40ms".parse().unwrap();
                spec.retries.attempts = 2;
                spec.breaker.max_requests = 8;
                spec.breaker.max_connections = 4;
                spec.breaker.max_pending = 2;
                spec.breaker.failure_percent = 90;
                spec.breaker.open_for = "1ms".parse().unwrap();
            });
            let mut asking = tokio::task::JoinSet::new();
            for (deed, posts, polls) in steps {
                let upstream = upstream.clone();
                let method = if posts { Method::POST } else { Method::GET };
                let step = async move {
                    ask_for_a_while(&upstream, method, DEEDS[deed], polls).await;
                };
                asking.spawn(step);
                if !together {
                    asking.join_next().await;
                }
            }
            asking.join_all().await;
            at_rest(&upstream).await;
            // Every seat and turn is there again.
            while ask(&upstream, request(Method::GET, "/ok", "")).await != "200 fine" {}
        }));
    }
}
