//! The public face of forward-auth: routes a proxy's question to its endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use smallvec::SmallVec;
use ztag_admission::{Hop, Refused, correlation};
use ztag_server::{Answer, Incoming, LimitsSpec, Peer, Shutdown};
use ztag_types::{CacheReport, Outcome, Reason, ReasonCode, Record, Reply, SmolStr, Trace};

use crate::decide::{Pipeline, echo};
use crate::plan::{Endpoint, EndpointState, Plan, Selection};
use crate::route::{Route, route};

/// Answers `/auth`, `/{endpoint}/auth`, `/healthz` and `/readyz`; everything else is 404.
#[derive(Clone, Debug)]
pub struct DecisionService {
    pipeline: Pipeline,
    correlation: Option<HeaderName>,
    max_body: usize,
    body_timeout: Duration,
    shutdown: Shutdown,
}

impl DecisionService {
    /// A service over `pipeline` that echoes the correlation id in `correlation` and is no longer
    /// ready once `shutdown` has begun.
    pub fn new(
        pipeline: Pipeline,
        correlation: Option<HeaderName>,
        limits: &LimitsSpec,
        shutdown: Shutdown,
    ) -> Self {
        let (max_body, body_timeout) = (limits.max_body_bytes, limits.body_timeout.get());
        Self {
            pipeline,
            correlation,
            max_body,
            body_timeout,
            shutdown,
        }
    }

    /// Finds the endpoint and lets it decide. The plan is loaded once and kept to the end.
    async fn decide(
        &self,
        name: Option<&str>,
        exact: bool,
        mount: usize,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Reply {
        let plan = self.pipeline.plans().load();
        let code = match plan.select(name) {
            Selection::Endpoint(EndpointState::Ready(endpoint)) => {
                if exact || endpoint.capture.dialect().extends_path() {
                    return self
                        .ask(endpoint, plan.generation(), mount, request, peer)
                        .await;
                }
                ReasonCode::EndpointUnknown
            }
            Selection::Endpoint(EndpointState::Quarantined(_)) => ReasonCode::EndpointQuarantined,
            Selection::Unnamed => ReasonCode::EndpointUnnamed,
            Selection::Unknown => ReasonCode::EndpointUnknown,
        };
        self.turn_away(&plan, name, code, &request, peer)
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        mount: usize,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Reply {
        let (parts, body) = request.into_parts();
        let body = if endpoint.capture.reads_body() {
            self.read(body).await
        } else {
            Some(Bytes::new())
        };
        let hop = Hop {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: body.clone().unwrap_or_default(),
            peer,
            encrypted: false,
            certificate: None,
            mount,
            received: self.pipeline.clock().now(),
        };
        let decided = if body.is_some() {
            self.pipeline.decide(endpoint, generation, hop).await
        } else {
            let refused = Refused::body_too_large(&hop, &endpoint.capture);
            self.pipeline.refuse(endpoint, generation, refused)
        };
        self.pipeline.telemetry().observe(&decided.record);
        decided.decision.into_reply()
    }

    /// The body, unless it is too large or too slow.
    async fn read(&self, body: Incoming) -> Option<Bytes> {
        let collected = Limited::new(body, self.max_body).collect();
        let collected = tokio::time::timeout(self.body_timeout, collected)
            .await
            .ok()?
            .ok()?;
        Some(collected.to_bytes())
    }

    /// Answers a question that no endpoint can decide; nobody is let through, and it is counted.
    fn turn_away(
        &self,
        plan: &Plan,
        name: Option<&str>,
        code: ReasonCode,
        request: &Request<Incoming>,
        peer: SocketAddr,
    ) -> Reply {
        let (status, text) = match code {
            ReasonCode::EndpointUnnamed => (StatusCode::BAD_REQUEST, "endpoint required"),
            ReasonCode::EndpointQuarantined => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            _ => (StatusCode::NOT_FOUND, "not found"),
        };
        let correlation = correlation(request.headers(), self.correlation.as_ref());
        let mut reply = plain(status, text);
        if let Some(header) = &self.correlation {
            echo(&mut reply, header, &correlation);
        }
        let known = match plan.select(name) {
            Selection::Endpoint(state) => Some(state.name().clone()),
            Selection::Unnamed | Selection::Unknown => None,
        };
        self.pipeline.telemetry().observe(&Record {
            endpoint: known,
            generation: plan.generation(),
            correlation,
            received: self.pipeline.clock().now(),
            latency: Duration::ZERO,
            outcome: Outcome::Error,
            reason: Reason::new(code),
            status: status.as_u16(),
            rule: None,
            method: SmolStr::default(),
            host: SmolStr::default(),
            path: SmolStr::default(),
            client: SmolStr::new(peer.ip().to_string()),
            credentials: SmallVec::new(),
            cache: CacheReport::default(),
            trace: Trace::default(),
            forwarded: None,
        });
        reply
    }

    /// Whether the last configuration read is the one in force, and nothing is draining.
    fn is_ready(&self) -> bool {
        self.pipeline.plans().last_report().published && !self.shutdown.is_begun()
    }
}

impl Answer for DecisionService {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Self::Body> {
        // The path lives in the request, which the decision takes over: a cheap shared copy.
        let uri = request.uri().clone();
        let reply = match route(uri.path()) {
            Route::Auth {
                endpoint,
                mount,
                exact,
            } => {
                self.decide(endpoint, exact, mount, request, peer.address)
                    .await
            }
            Route::Health => plain(StatusCode::OK, "ok"),
            Route::Readiness => readiness(self.is_ready()),
            Route::Nothing => plain(StatusCode::NOT_FOUND, "not found"),
        };
        respond(reply)
    }
}

/// The answer to whether traffic is welcome.
pub(crate) fn readiness(ready: bool) -> Reply {
    if ready {
        plain(StatusCode::OK, "ready")
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

/// A short answer in plain text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Reply {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Reply {
        status,
        headers: vec![(http::header::CONTENT_TYPE, content_type)],
        body: Bytes::from_static(text.as_bytes()),
    }
}

pub(crate) fn respond(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    response.headers_mut().reserve(reply.headers.len() + 1);
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    response
}
