//! Requests that nothing can decide: nobody is let through, and it is counted.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use smallvec::SmallVec;
use ztag_admission::correlation;
use ztag_types::{
    CacheReport, EndpointName, ForwardReport, Outcome, Reason, ReasonCode, Record, Reply, SmolStr,
    Trace,
};

use crate::decide::{Pipeline, echo};
use crate::service::plain;

/// A request that no endpoint is asked about.
#[derive(Debug)]
pub struct Unjudged<'a> {
    /// Why.
    pub reason: Reason,
    /// The endpoint it is about, where there is one.
    pub endpoint: Option<&'a EndpointName>,
    /// The route it is about: empty where none fits, and `None` where there are no routes at all.
    pub route: Option<&'a str>,
    /// Generation of the plan in force.
    pub generation: u64,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// The header field that carries the correlation id.
    pub correlation: Option<&'a HeaderName>,
    /// Who asks.
    pub peer: SocketAddr,
}

impl Pipeline {
    /// Answers a request that nothing can decide: 400, 404, 405 or 503, by its reason. It is
    /// observed.
    pub fn turn_away(&self, request: &Unjudged<'_>) -> Reply {
        let (record, reply) = self.answer_unjudged(request);
        self.telemetry().observe(&record);
        reply
    }

    /// The same answer with its record, which is not observed.
    pub(crate) fn answer_unjudged(&self, request: &Unjudged<'_>) -> (Record, Reply) {
        let (status, text) = answer(request.reason.code());
        let correlation = correlation(request.headers, request.correlation);
        let mut reply = plain(status, text);
        if let Some(header) = request.correlation {
            echo(&mut reply, header, &correlation);
        }
        let record = Record {
            endpoint: request.endpoint.cloned(),
            generation: request.generation,
            correlation,
            received: self.clock().now(),
            latency: Duration::ZERO,
            outcome: Outcome::Error,
            reason: request.reason.clone(),
            status: status.as_u16(),
            rule: None,
            method: SmolStr::default(),
            host: SmolStr::default(),
            path: SmolStr::default(),
            client: SmolStr::new(request.peer.ip().to_string()),
            credentials: SmallVec::new(),
            cache: CacheReport::default(),
            trace: Trace::default(),
            forwarded: request
                .route
                .map(|route| Box::new(ForwardReport::turned_away(route))),
        };
        (record, reply)
    }
}

const fn answer(code: ReasonCode) -> (StatusCode, &'static str) {
    match code {
        ReasonCode::EndpointUnnamed => (StatusCode::BAD_REQUEST, "endpoint required"),
        ReasonCode::RequestAmbiguous | ReasonCode::RequestMalformed => {
            (StatusCode::BAD_REQUEST, "bad request")
        }
        ReasonCode::EndpointQuarantined | ReasonCode::RouteQuarantined | ReasonCode::Internal => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
        ReasonCode::RouteMethod => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        _ => (StatusCode::NOT_FOUND, "not found"),
    }
}
