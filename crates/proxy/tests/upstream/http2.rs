//! HTTP/2 upstreams, without TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use ztag_proxy::UpstreamProtocol;

use crate::target::{Connection, Target};
use crate::{ask, at_rest, connections, get, group, patient, post, request, send, until};

/// Answers with what was asked.
pub(crate) async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let text = format!(
        "{} {} {:?} {}",
        head.method,
        head.uri,
        head.headers
            .keys()
            .map(http::HeaderName::as_str)
            .collect::<Vec<_>>(),
        String::from_utf8_lossy(&body.unwrap_or_default()),
    );
    Ok(Response::new(Full::from(text)))
}

/// A target that reads requests whole and answers with them, in `protocol`.
pub(crate) async fn either(protocol: UpstreamProtocol) -> Target {
    match protocol {
        UpstreamProtocol::Http1 => Target::replying(crate::target::ok("x")).await,
        UpstreamProtocol::Http2 => target().await,
    }
}

async fn target() -> Target {
    Target::start(|_, connection: Connection| async move {
        let io = TokioIo::new(connection.into_stream());
        let serving = http2::Builder::new(TokioExecutor::new());
        serving.serve_connection(io, service_fn(echo)).await.ok()
    })
    .await
}

#[tokio::test]
async fn all_requests_of_a_worker_share_one_connection() {
    let target = target().await;
    let upstream = group(&[target.url()], |spec| {
        spec.protocol = UpstreamProtocol::Http2;
    });
    let mut asking = JoinSet::new();
    for _ in 0..64 {
        let upstream = Arc::clone(&upstream);
        asking.spawn(async move {
            for _ in 0..10 {
                let asked = request(Method::GET, "/a%2Fb?c=%41", "");
                let expected = "200 GET http://app.example/a%2Fb?c=%41 [] ";
                assert_eq!(ask(&upstream, asked).await, expected);
            }
            assert!(ask(&upstream, post()).await.ends_with(" order"));
        });
    }
    asking.join_all().await;
    assert_eq!((target.accepted(), connections(&upstream)), (1, 1));
    at_rest(&upstream).await;
}

#[tokio::test]
async fn many_streams_open_another_connection_and_no_more_than_may_be() {
    let gate = Arc::new(Semaphore::new(0));
    let target = Target::start({
        let gate = Arc::clone(&gate);
        move |_, connection: Connection| {
            let gate = Arc::clone(&gate);
            async move {
                let io = TokioIo::new(connection.into_stream());
                let answer = service_fn(move |request| {
                    let gate = Arc::clone(&gate);
                    async move {
                        let _ = gate
                            .acquire()
                            .await
                            .map(tokio::sync::SemaphorePermit::forget);
                        echo(request).await
                    }
                });
                let serving = http2::Builder::new(TokioExecutor::new());
                serving.serve_connection(io, answer).await.ok()
            }
        }
    })
    .await;
    let upstream = group(&[target.url()], |spec| {
        spec.protocol = UpstreamProtocol::Http2;
        spec.breaker.max_connections = 2;
        spec.breaker.max_pending = 0;
    });
    let mut asking = JoinSet::new();
    for _ in 0..201 {
        let upstream = Arc::clone(&upstream);
        asking.spawn(async move { ask(&upstream, get()).await });
    }
    assert_eq!(asking.join_next().await.unwrap().unwrap(), "overloaded");
    until("two are open", || target.accepted() == 2).await;
    gate.add_permits(200);
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|answer| answer.starts_with("200 ")));
    assert_eq!(target.accepted(), 2);
    at_rest(&upstream).await;
}

#[tokio::test]
async fn a_response_that_nobody_reads_on_resets_its_stream_alone() {
    let (reset, mut resets) = mpsc::unbounded_channel();
    let target = Target::start(move |_, connection: Connection| {
        let reset = reset.clone();
        async move {
            let io = TokioIo::new(connection.into_stream());
            let answer = service_fn(move |_| {
                let reset = reset.clone();
                async move { Ok::<_, Infallible>(Response::new(Endless(reset))) }
            });
            let serving = http2::Builder::new(TokioExecutor::new());
            serving.serve_connection(io, answer).await.ok()
        }
    })
    .await;
    let upstream = group(&[target.url()], |spec| {
        spec.protocol = UpstreamProtocol::Http2;
    });
    let held = send(&upstream, get()).await.outcome.unwrap();
    let dropped = send(&upstream, get()).await.outcome.unwrap();
    drop(dropped);
    patient(resets.recv()).await.unwrap();
    let mut body = held.into_body();
    for _ in 0..3 {
        assert!(patient(body.frame()).await.unwrap().is_ok());
    }
    drop(body);
    patient(resets.recv()).await.unwrap();
    at_rest(&upstream).await;
    assert_eq!((target.accepted(), connections(&upstream)), (1, 1));
}

/// A body without end, which tells when it is dropped.
struct Endless(mpsc::UnboundedSender<()>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let data = Bytes::from_static(&[b'x'; 1024]);
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(data))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_connection_that_is_gone_is_replaced() {
    // Each connection serves one request and is shut down.
    let served = Arc::new(AtomicUsize::new(0));
    let target = Target::start({
        let served = Arc::clone(&served);
        move |_, connection: Connection| {
            let served = Arc::clone(&served);
            async move {
                let io = TokioIo::new(connection.into_stream());
                let (done, mut is_done) = mpsc::channel(1);
                let answer = service_fn(move |request| {
                    let (served, done) = (Arc::clone(&served), done.clone());
                    async move {
                        served.fetch_add(1, Ordering::SeqCst);
                        let _ = done.send(()).await;
                        echo(request).await
                    }
                });
                let serving = http2::Builder::new(TokioExecutor::new());
                let mut serving = std::pin::pin!(serving.serve_connection(io, answer));
                tokio::select! {
                    _ = serving.as_mut() => return None,
                    _ = is_done.recv() => serving.as_mut().graceful_shutdown(),
                }
                serving.await.ok()
            }
        }
    })
    .await;
    let upstream = group(&[target.url()], |spec| {
        spec.protocol = UpstreamProtocol::Http2;
    });
    for _ in 0..10 {
        assert!(ask(&upstream, get()).await.starts_with("200 "));
    }
    assert_eq!(served.load(Ordering::SeqCst), 10);
    at_rest(&upstream).await;
    until("closed", || connections(&upstream) <= 1).await;
}

#[tokio::test]
async fn a_target_that_speaks_something_else_is_broken() {
    let target = Target::replying(crate::target::ok("x")).await;
    let upstream = group(&[target.url()], |spec| {
        spec.protocol = UpstreamProtocol::Http2;
        spec.timeout = "300ms".parse().unwrap();
    });
    let answer = ask(&upstream, post()).await;
    assert!(
        ["broken", "timeout", "connect"].contains(&&*answer),
        "{answer}"
    );
    at_rest(&upstream).await;
}
