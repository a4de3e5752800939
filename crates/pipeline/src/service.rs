//! The public face of forward-auth: routes a proxy's question to its endpoint.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use ztag_admission::Hop;
use ztag_server::{Answer, BodyEnd, Incoming, LimitsSpec, Peer, Shutdown};
use ztag_types::{ReasonCode, Reply};

use crate::decide::Pipeline;
use crate::intake::{Intake, certificate_of};
use crate::plan::{Endpoint, EndpointState, Selection};
use crate::route::{Route, route};
use crate::unjudged::Unjudged;

/// Answers `/auth`, `/{endpoint}/auth`, `/healthz` and `/readyz`; everything else is 404.
#[derive(Clone, Debug)]
pub struct DecisionService {
    pipeline: Pipeline,
    correlation: Option<HeaderName>,
    intake: Intake,
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
        Self {
            pipeline,
            correlation,
            intake: Intake::new(limits),
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
        peer: &Peer,
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
        self.pipeline.turn_away(&Unjudged {
            reason: code.into(),
            endpoint: match plan.select(name) {
                Selection::Endpoint(state) => Some(state.name()),
                Selection::Unnamed | Selection::Unknown => None,
            },
            route: None,
            generation: plan.generation(),
            headers: request.headers(),
            correlation: self.correlation.as_ref(),
            peer: peer.address,
        })
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        mount: usize,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Reply {
        let (parts, body) = request.into_parts();
        let body = if endpoint.capture.reads_body() {
            let read = self.intake.read(body).await;
            if let (Ok(_), Some(end)) = (&read, parts.extensions.get::<BodyEnd>()) {
                end.reach();
            }
            read
        } else {
            Ok(Bytes::new())
        };
        let hop = Hop {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: body.clone().unwrap_or_default(),
            peer: peer.address,
            encrypted: peer.is_encrypted(),
            certificate: certificate_of(peer),
            mount,
            received: self.pipeline.clock().now(),
            located: None,
        };
        let decided = match body {
            Ok(_) => {
                let decided = self.pipeline.decide(endpoint, generation, hop).await;
                // The proxy that asks sends on what it has.
                decided.unchanged(endpoint)
            }
            Err(unread) => {
                let refused = unread.refuse(&hop, &endpoint.capture);
                self.pipeline.refuse(endpoint, generation, refused)
            }
        };
        self.pipeline.telemetry().observe(&decided.record);
        decided.decision.into_reply()
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
            } => self.decide(endpoint, exact, mount, request, &peer).await,
            Route::Health => plain(StatusCode::OK, "ok"),
            Route::Readiness => readiness(self.is_ready()),
            Route::Nothing => plain(StatusCode::NOT_FOUND, "not found"),
        };
        respond(reply)
    }
}

/// The answer to whether traffic is welcome.
pub fn readiness(ready: bool) -> Reply {
    if ready {
        plain(StatusCode::OK, "ready")
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

/// A short answer in plain text.
pub fn plain(status: StatusCode, text: &'static str) -> Reply {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Reply {
        status,
        headers: vec![(http::header::CONTENT_TYPE, content_type)],
        body: Bytes::from_static(text.as_bytes()),
    }
}

/// `reply` as a response.
pub fn respond<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body));
    *response.status_mut() = reply.status;
    response.headers_mut().reserve(reply.headers.len() + 1);
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    response
}
