//! Upstream groups against real connections on loopback.
#![cfg(test)]

mod anything;
mod balancing;
mod bodies;
mod breaking;
mod configuration;
mod health;
mod http2;
mod incoming;
mod names;
mod pooling;
mod retrying;
mod sending;
mod target;
mod tls;
mod upgrading;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use tokio::task::yield_now;
use tokio::time::timeout;
use ztag_backend::TlsMaterial;
use ztag_proxy::{
    Outgoing, Relayed, TargetSpec, Upstream, UpstreamDeps, UpstreamFailure, UpstreamPlaces,
    UpstreamSpec,
};
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, Findings, ForwardReport};

/// Longer than any test needs.
const PATIENCE: Duration = Duration::from_secs(20);

fn compile(spec: &UpstreamSpec, places: &UpstreamPlaces) -> Arc<Upstream> {
    let mut findings = Findings::new();
    let material = TlsMaterial::none();
    let deps = UpstreamDeps {
        places,
        material: &material,
        credential: &OutboundCredential::NONE,
    };
    let at = ConfigPath::root().key("upstreams").key("app");
    let compiled = Upstream::compile(spec, "app", &at, deps, &mut findings);
    compiled.unwrap_or_else(|| panic!("{:?}", findings.as_slice()))
}

/// A group of `urls`, as `change` says.
fn group(urls: &[String], change: impl FnOnce(&mut UpstreamSpec)) -> Arc<Upstream> {
    compile(&spec(urls, change), &UpstreamPlaces::new())
}

fn spec(urls: &[String], change: impl FnOnce(&mut UpstreamSpec)) -> UpstreamSpec {
    let targets = urls.iter().map(|url| TargetSpec {
        url: url.clone(),
        weight: 1,
    });
    let mut spec = UpstreamSpec {
        targets: targets.collect(),
        ..UpstreamSpec::default()
    };
    change(&mut spec);
    spec
}

fn request(method: Method, path: &'static str, body: &'static str) -> Request<Outgoing> {
    let mut request = Request::new(if body.is_empty() {
        Outgoing::Empty
    } else {
        Outgoing::Full(Bytes::from_static(body.as_bytes()))
    });
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from_static(path);
    let host = HeaderValue::from_static("app.example");
    request.headers_mut().insert(HOST, host);
    request
}

fn get() -> Request<Outgoing> {
    request(Method::GET, "/", "")
}

fn post() -> Request<Outgoing> {
    request(Method::POST, "/", "order")
}

async fn send(upstream: &Upstream, request: Request<Outgoing>) -> Sent {
    send_within(upstream, request, None).await
}

async fn send_within(
    upstream: &Upstream,
    request: Request<Outgoing>,
    longest: Option<Duration>,
) -> Sent {
    let mut report = ForwardReport::default();
    let sending = Box::pin(upstream.send(Box::new(request), longest, &mut report));
    let outcome = patient(sending).await;
    Sent { outcome, report }
}

/// What became of a request.
struct Sent {
    outcome: Result<Response<Relayed>, UpstreamFailure>,
    report: ForwardReport,
}

impl Sent {
    /// Status and body, or the class of the failure.
    async fn text(self) -> String {
        match self.outcome {
            Ok(response) => {
                let status = response.status().as_u16();
                let body = patient(response.into_body().collect()).await;
                let body = body.map(http_body_util::Collected::to_bytes);
                let body = body.map_err(|error| error.to_string());
                match body {
                    Ok(body) => format!("{status} {}", str::from_utf8(&body).unwrap()),
                    Err(error) => format!("{status} and then: {error}"),
                }
            }
            Err(failure) => failure.as_str().to_owned(),
        }
    }
}

/// Sends a request and reads the response to its end.
async fn ask(upstream: &Upstream, request: Request<Outgoing>) -> String {
    send(upstream, request).await.text().await
}

/// The output of `work`, which must not take for ever.
async fn patient<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it takes for ever")
}

/// Waits until `holds`.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// Waits until nothing is under way in `upstream`, and checks that every counter says so.
async fn at_rest(upstream: &Upstream) {
    until("at rest", || {
        upstream.requests() == 0 && upstream.status().iter().all(|target| target.requests == 0)
    })
    .await;
}

fn connections(upstream: &Upstream) -> usize {
    upstream.status().iter().map(|t| t.connections).sum()
}
