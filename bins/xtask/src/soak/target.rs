//! The servers behind: targets that echo what they learn and can be restarted, and the address of
//! the issuer's keys.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Interval, interval};
use ztag_test_support::{Failure, free_port};

use super::issuer::Issuer;

/// What a target saw of the identity field, and whether credentials reached it.
pub(super) const SEEN_USER: &str = "x-seen-user";
pub(super) const SEEN_CREDENTIALS: &str = "x-seen-credentials";
pub(super) const SEEN_PATH: &str = "x-seen-path";

/// The answer to the sample key of RFC 6455, section 1.3, which our clients send.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// From one event of a stream to the next.
const EVENT: Duration = Duration::from_millis(500);

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// How far a target is with its restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// At work.
    Serving,
    /// Asks not to be chosen any more, and to be left after each reply.
    Leaving,
    /// Takes no connections; those it has end with the request under way, or at once.
    Gone,
}

/// A server that runs in tasks of its own.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    phase: watch::Sender<Phase>,
}

impl Target {
    /// A server on a port of its own, which answers from [`Target::serve`] on.
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self {
            address: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
            phase: watch::Sender::new(Phase::Serving),
        })
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Serves until the runtime ends.
    pub(super) async fn serve(self, issuer: Arc<Issuer>) -> Result<(), Failure> {
        let mut phase = self.phase.subscribe();
        loop {
            let listener = TcpListener::bind(self.address).await?;
            loop {
                let (stream, _) = tokio::select! {
                    accepted = listener.accept() => accepted?,
                    () = reached(&mut phase, Phase::Gone) => break,
                };
                stream.set_nodelay(true)?;
                let connection = connection(stream, self.phase.subscribe(), Arc::clone(&issuer));
                tokio::spawn(connection);
            }
            drop(listener);
            reached(&mut phase, Phase::Serving).await;
        }
    }
}

async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // Fails when nobody can change the phase any more, which is the end of everything.
    let _ = phase.wait_for(|phase| *phase == wanted).await;
}

async fn connection(stream: TcpStream, phase: watch::Receiver<Phase>, issuer: Arc<Issuer>) {
    let mut told = phase.clone();
    let answer = move |request| {
        let (issuer, leaving) = (Arc::clone(&issuer), *phase.borrow() == Phase::Leaving);
        async move { Ok::<_, Infallible>(answer(request, &issuer, leaving).await) }
    };
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .with_upgrades();
    let mut served = pin!(served);
    // A connection that breaks is the gateway's business.
    tokio::select! {
        _ = served.as_mut() => {}
        () = reached(&mut told, Phase::Gone) => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}

async fn answer(request: Request<Incoming>, issuer: &Issuer, leaving: bool) -> Reply {
    let mut reply = match request.uri().path() {
        "/jwks" => reply(issuer.jwks()),
        "/health" if leaving => status(StatusCode::SERVICE_UNAVAILABLE),
        "/health" => reply("well"),
        "/events" => Response::new(Events::new().boxed_unsync()),
        _ if request.headers().contains_key(header::UPGRADE) => switch(request),
        _ => echo(request).await,
    };
    if leaving {
        let close = HeaderValue::from_static("close");
        reply.headers_mut().insert(header::CONNECTION, close);
    }
    reply
}

/// Tells what arrived, with the same body.
async fn echo(request: Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return status(StatusCode::BAD_REQUEST);
    };
    let mut reply = reply(body.to_bytes());
    let told = reply.headers_mut();
    told.insert(SEEN_USER, joined(&head.headers, "x-user"));
    told.insert(SEEN_CREDENTIALS, joined(&head.headers, "authorization"));
    if let Ok(path) = HeaderValue::from_str(head.uri.path()) {
        told.insert(SEEN_PATH, path);
    }
    reply
}

/// All lines of a field; `-` for none.
fn joined(headers: &HeaderMap, name: &str) -> HeaderValue {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let text = if lines.is_empty() {
        b"-".to_vec()
    } else {
        lines.join(&b"|"[..])
    };
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("?"))
}

/// A WebSocket that returns every frame as it came.
fn switch(request: Request<Incoming>) -> Reply {
    let user = joined(request.headers(), "x-user");
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    let mut reply = status(StatusCode::SWITCHING_PROTOCOLS);
    let told = reply.headers_mut();
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", ACCEPT),
    ] {
        told.insert(name, HeaderValue::from_static(value));
    }
    told.insert(SEEN_USER, user);
    reply
}

fn reply(body: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(body.into()).boxed_unsync())
}

fn status(status: StatusCode) -> Reply {
    let mut reply = reply("");
    *reply.status_mut() = status;
    reply
}

/// Server-sent events without end, numbered.
struct Events {
    next: u64,
    due: Interval,
}

impl Events {
    fn new() -> Self {
        Self {
            next: 0,
            due: interval(EVENT),
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        waker: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.due.poll_tick(waker));
        let event = format!("data: {}\n\n", self.next);
        self.next += 1;
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}
