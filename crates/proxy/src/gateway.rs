//! The public face of a gateway: finds the route, has the request judged, forwards it.

use bytes::Bytes;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use ztag_admission::{Hop, Located, RouteTarget};
use ztag_pipeline::{
    Endpoint, EndpointState, Intake, Judged, Pipeline, PublicAccess, Selection, Unjudged,
    certificate_of, plain, readiness, respond,
};
use ztag_server::{Answer, BodyEnd, Incoming, OpenStream, Peer, Shutdown};
use ztag_types::{ForwardReport, Reason, ReasonCode, Reply};

use crate::body::Outgoing;
use crate::edge::{Edge, EdgeHandle};
use crate::forward::{Arrival, ClientUpgrade, ReplyBody, forward};
use crate::route::{Access, Found, Route};

/// Answers every request by the route that fits it best, and by nothing else; `/health`, `/healthz`
/// and `/readyz` itself, where no route serves them.
#[derive(Clone, Debug)]
pub struct GatewayService {
    pipeline: Pipeline,
    edges: EdgeHandle,
    correlation: Option<HeaderName>,
    intake: Intake,
    shutdown: Shutdown,
}

impl GatewayService {
    /// A gateway that serves the edge in force, echoes the correlation id in `correlation`, and
    /// ends switched connections once `shutdown` has begun.
    pub const fn new(
        pipeline: Pipeline,
        edges: EdgeHandle,
        correlation: Option<HeaderName>,
        intake: Intake,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            pipeline,
            edges,
            correlation,
            intake,
            shutdown,
        }
    }

    /// The route of a request, or the answer that there is none.
    fn route<'e>(
        &self,
        edge: &'e Edge,
        request: &Request<Incoming>,
        peer: &Peer,
    ) -> Result<(&'e Route, Ask<'e>, Located), Reply> {
        let (method, headers) = (request.method(), request.headers());
        let unserved = match RouteTarget::read(method, request.uri(), headers, peer.is_encrypted())
        {
            Err(fault) => Unserved::for_no_route(fault),
            Ok(target) => match edge
                .routes()
                .find(&target.host, &target.path, method, headers)
            {
                Found::Route(route) => match ask(edge, &route.access) {
                    Some(ask) => return Ok((route, ask, target.located())),
                    None => Unserved::closed(&route.name, "its endpoint does not serve"),
                },
                Found::Closed(closed) => Unserved::closed(&closed.name, &closed.reason),
                Found::Method(methods) => Unserved {
                    allow: Some(methods),
                    ..Unserved::for_no_route(ReasonCode::RouteMethod)
                },
                Found::Ambiguous => Unserved::for_no_route(ReasonCode::RequestAmbiguous),
                // Success would switch a stream.
                Found::Unknown if request.extensions().get::<OpenStream>().is_some() => {
                    Unserved::for_no_route(ReasonCode::RouteUnknown)
                }
                Found::Unknown => match self.liveness(&target.path, method) {
                    Some(reply) => return Err(reply),
                    None => Unserved::for_no_route(ReasonCode::RouteUnknown),
                },
            },
        };
        Err(self.turn_away(edge, unserved, request, peer))
    }

    /// The answer about the gateway itself, where no route serves the path.
    fn liveness(&self, path: &str, method: &Method) -> Option<Reply> {
        let asks = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/health" | "/healthz" if asks => Some(plain(StatusCode::OK, "ok")),
            "/readyz" if asks => {
                let accepted = self.pipeline.plans().last_report().published;
                Some(readiness(accepted && !self.shutdown.is_begun()))
            }
            _ => None,
        }
    }

    fn turn_away<B>(
        &self,
        edge: &Edge,
        unserved: Unserved<'_>,
        request: &Request<B>,
        peer: &Peer,
    ) -> Reply {
        let mut reply = self.pipeline.turn_away(&Unjudged {
            reason: unserved.reason,
            endpoint: None,
            route: Some(unserved.route),
            generation: edge.plan().generation(),
            headers: request.headers(),
            correlation: self.correlation.as_ref(),
            peer: peer.address,
        });
        let allow = unserved.allow.map(|methods| (ALLOW, methods));
        reply.headers.extend(allow);
        reply
    }

    /// Reads the body first; the upstream gets the very bytes that were judged.
    async fn judge_with_body(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        mut hop: Hop,
        (body, end): (Incoming, Option<BodyEnd>),
    ) -> Judged<Outgoing> {
        let read = match self.intake.read(body).await {
            Ok(read) => read,
            Err(unread) => {
                let refused = unread.refuse(&hop, &endpoint.capture);
                return self.pipeline.judge_refused(endpoint, generation, refused);
            }
        };
        end.iter().for_each(BodyEnd::reach);
        hop.body = read.clone();
        let body = Outgoing::Full(read);
        self.pipeline.judge(endpoint, generation, hop, body).await
    }

    /// The body of a request as its client sends it.
    fn streamed(&self, body: Incoming, end: Option<BodyEnd>) -> Outgoing {
        Outgoing::streamed(body, self.intake.patience(), end)
    }

    /// How the request of `parts` came.
    fn arrival(&self, parts: &mut Parts, route: &Route) -> Arrival {
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.map(|client| ClientUpgrade::new(client, self.shutdown.clone()));
        let telemetry = || self.pipeline.telemetry().clone();
        Arrival {
            version: parts.version,
            upgrade: match parts.extensions.remove::<OpenStream>() {
                Some(stream) => upgrade.map(|client| client.of_stream(stream)),
                None => upgrade,
            },
            telemetry: route.reads_responses().then(telemetry),
        }
    }

    fn hop(&self, parts: Parts, peer: &Peer, located: Located) -> Hop {
        Hop {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: Bytes::new(),
            peer: peer.address,
            encrypted: peer.is_encrypted(),
            certificate: certificate_of(peer),
            mount: 0,
            received: self.pipeline.clock().now(),
            located: Some(located),
        }
    }
}

/// Why no route serves a request.
struct Unserved<'e> {
    reason: Reason,
    /// The route that would; empty where there is none.
    route: &'e str,
    /// The methods that would be served.
    allow: Option<HeaderValue>,
}

impl<'e> Unserved<'e> {
    fn for_no_route(reason: impl Into<Reason>) -> Self {
        Self {
            reason: reason.into(),
            route: "",
            allow: None,
        }
    }

    fn closed(route: &'e str, why: &str) -> Self {
        Self {
            reason: Reason::with_detail(ReasonCode::RouteQuarantined, why.to_owned()),
            route,
            allow: None,
        }
    }
}

/// Who is asked about a request.
enum Ask<'a> {
    /// This endpoint.
    Endpoint(&'a Endpoint),
    /// Nobody: the route is open.
    Nobody(&'a PublicAccess),
}

impl Answer for GatewayService {
    type Body = ReplyBody;

    const EXTENDED_CONNECT: bool = true;

    async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Response<ReplyBody> {
        ask_like_http1(&mut request);
        let begun = self.pipeline.clock().monotonic();
        // Loaded once: routed and decided by the same configuration.
        let edge = self.edges.load();
        let (route, ask, located) = match self.route(&edge, &request, &peer) {
            Ok(found) => found,
            Err(reply) => return respond(reply),
        };
        let (mut parts, body) = request.into_parts();
        let end = parts.extensions.remove::<BodyEnd>();
        let arrival = self.arrival(&mut parts, route);
        let (generation, hop) = (edge.plan().generation(), self.hop(parts, &peer, located));
        let Judged {
            outcome,
            mut record,
        } = match ask {
            Ask::Nobody(access) => {
                let body = self.streamed(body, end);
                self.pipeline.judge_public(access, generation, hop, body)
            }
            // Boxed: what is judged by its head alone shall not pay for the size of a read.
            Ask::Endpoint(endpoint) if endpoint.capture.reads_body() => {
                Box::pin(self.judge_with_body(endpoint, generation, hop, (body, end))).await
            }
            Ask::Endpoint(endpoint) => {
                let body = self.streamed(body, end);
                self.pipeline.judge(endpoint, generation, hop, body).await
            }
        };
        let response = match outcome {
            Err(reply) => {
                let report = ForwardReport::turned_away(route.name.clone());
                record.forwarded = Some(Box::new(report));
                respond(reply)
            }
            Ok(permitted) => {
                let mut report = Box::<ForwardReport>::default();
                let sent = forward(route, permitted, arrival, &mut report).await;
                let response = sent.unwrap_or_else(|failed| {
                    // The decision stands; why it came to nothing is more than why it was made.
                    record.reason = failed.reason();
                    failed.into_response()
                });
                record.forwarded = Some(report);
                record.status = response.status().as_u16();
                response
            }
        };
        record.latency = self.pipeline.clock().monotonic().saturating_sub(begun);
        self.pipeline.telemetry().observe(&record);
        response
    }
}

/// Makes a GET of a request that asks to switch its stream of HTTP/2 to WebSocket (RFC 8441), which
/// is what it would be over HTTP/1.1: it is routed and judged like any other. Other protocols stay
/// what they are, a `CONNECT`, which nobody serves.
fn ask_like_http1(request: &mut Request<Incoming>) {
    let protocol = request.extensions().get::<Protocol>();
    if protocol.is_some_and(|protocol| protocol.as_str() == "websocket") {
        *request.method_mut() = Method::GET;
    }
}

/// Whom to ask; nobody but the endpoint that the route names will do.
fn ask<'e>(edge: &'e Edge, access: &'e Access) -> Option<Ask<'e>> {
    match access {
        Access::Public(access) => Some(Ask::Nobody(access)),
        Access::Endpoint(name) => match edge.plan().select(Some(name.as_str())) {
            Selection::Endpoint(EndpointState::Ready(endpoint)) => Some(Ask::Endpoint(endpoint)),
            _ => None,
        },
    }
}
