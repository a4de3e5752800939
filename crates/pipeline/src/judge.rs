//! A request judged where it shall go on from: it comes back only with its permit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use ztag_admission::{CapturePolicy, Hop, Refused, capture};
use ztag_types::{
    Admitted, CacheReport, Client, Credential, Detail, EndpointName, Outcome, Principal, Reason,
    ReasonCode, Record, Reply, Secret, SmolStr, Snapshot, Timestamp, Trace,
};

use crate::decide::{Decision, Pipeline, Seen, Settled, echo};
use crate::permit::Permit;
use crate::plan::Endpoint;
use crate::service::plain;

/// Fields that are true of one body only (RFC 9110 section 8.6, RFC 9112 section 6.1, RFC 9530).
const ABOUT_BODIES: [HeaderName; 5] = [
    TRANSFER_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// A request that may go on, with the proof. Nobody else can make one, so that a proxy cannot
/// forward what was not judged.
#[derive(Debug)]
#[must_use]
pub struct Permitted<B> {
    permit: Permit,
    request: Request,
    body: B,
}

/// What was judged, byte for byte; the body without what a guardrail masked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The target as received.
    pub target: Uri,
    /// The header fields as received; several `Cookie` lines are one (RFC 9113 section 8.2.3).
    pub headers: HeaderMap,
    /// `http` or `https`, as the client sees it.
    pub scheme: &'static str,
    /// The host that the client asked, lower case, without port.
    pub host: SmolStr,
    /// The port that the client asked, where it said one.
    pub port: Option<u16>,
    /// Who asks.
    pub client: Client,
    /// The correlation id.
    pub correlation: SmolStr,
    /// The header fields that the endpoint's reply to a pass sets: who asks, for the upstream.
    pub identity: Vec<(HeaderName, HeaderValue)>,
    /// The token by which it was admitted, if there was one.
    pub verified: Option<VerifiedToken>,
    /// How long what it was admitted by stays valid; no end where nobody set one.
    pub valid_for: Option<Duration>,
}

/// A token that its issuer vouches for: by its signature, or because the issuer was asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifiedToken {
    /// The token as the client showed it.
    pub token: Secret<Box<str>>,
    /// Whom it speaks of.
    pub principal: Arc<dyn Principal>,
}

impl VerifiedToken {
    /// The one among the credentials of a request.
    fn of(admitted: Admitted) -> Option<Self> {
        let mut credentials = admitted.credentials.into_iter();
        credentials.find_map(|credential| match credential {
            Credential::Jwt { token, principal }
            | Credential::Introspected { token, principal } => Some(Self { token, principal }),
            _ => None,
        })
    }
}

impl<B> Permitted<B> {
    /// Takes it apart: whoever calls this forwards it.
    pub fn into_parts(self) -> (Permit, Request, B) {
        (self.permit, self.request, self.body)
    }

    /// What was judged.
    pub const fn request(&self) -> &Request {
        &self.request
    }
}

/// What became of a request, with its finished record.
#[derive(Debug)]
pub struct Judged<B> {
    /// The request with its permit, or the answer that turns it away.
    pub outcome: Result<Permitted<B>, Reply>,
    /// What happened, not yet observed.
    pub record: Record,
}

/// What is open to everybody, because the configuration spells it out.
#[derive(Debug)]
pub struct PublicAccess {
    name: EndpointName,
    capture: CapturePolicy,
}

impl PublicAccess {
    /// Access for everybody, named `name` in records, to requests that `capture` can read in one
    /// way only.
    pub const fn new(name: EndpointName, capture: CapturePolicy) -> Self {
        Self { name, capture }
    }

    /// Its name in records.
    pub const fn name(&self) -> &EndpointName {
        &self.name
    }

    /// How requests are read.
    pub const fn capture(&self) -> &CapturePolicy {
        &self.capture
    }
}

impl Pipeline {
    /// Decides one request by one endpoint of the plan of this generation. `body` is what belongs
    /// to the request; it is dropped with a request that is turned away, and another one takes its
    /// place where a guardrail masks it.
    pub fn judge<B: From<Bytes>>(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        hop: Hop,
        body: B,
    ) -> impl Future<Output = Judged<B>> {
        let begun = self.clock().monotonic();
        let captured = capture(hop, &endpoint.capture);
        async move {
            let detail = Detail::Summary;
            let settled = self.settle(endpoint, generation, &captured, begun, detail);
            judged(settled.await, captured, body)
        }
    }

    /// Lets everybody pass whose request can be read in one way only. How long that took is not
    /// measured: next to nothing, and whoever forwards the request measures the whole.
    pub fn judge_public<B>(
        &self,
        access: &PublicAccess,
        generation: u64,
        hop: Hop,
        body: B,
    ) -> Judged<B> {
        let captured = capture(hop, &access.capture);
        let seen = Seen::of(&captured);
        let (outcome, reason, result) = match captured {
            Ok(snapshot) => {
                let permitted = Permitted {
                    permit: Permit::public(access),
                    request: Request::of(snapshot, Vec::new()),
                    body,
                };
                let reason = Reason::new(ReasonCode::PublicRoute);
                (Outcome::Pass, reason, Ok(permitted))
            }
            Err(refused) => {
                let status = refused.status;
                let reason = refused.fault.into();
                let mut reply = plain(status, "request refused");
                if let Some(header) = access.capture.correlation() {
                    echo(&mut reply, header, &refused.correlation);
                }
                (Outcome::Fail, reason, Err(reply))
            }
        };
        let status = result
            .as_ref()
            .map_or_else(|reply| reply.status.as_u16(), |_| 200);
        let record = Record {
            endpoint: Some(access.name.clone()),
            generation,
            correlation: seen.correlation,
            received: seen.received,
            latency: Duration::ZERO,
            outcome,
            reason,
            status,
            rule: None,
            method: seen.method,
            host: seen.host,
            path: seen.path,
            client: seen.client,
            credentials: smallvec::SmallVec::new(),
            cache: CacheReport::default(),
            trace: Trace::default(),
            forwarded: None,
        };
        Judged {
            outcome: result,
            record,
        }
    }

    /// The answer to a request whose body is refused before the rest is judged.
    pub fn judge_refused<B>(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        refused: Refused,
    ) -> Judged<B> {
        let decided = self.refuse(endpoint, generation, refused);
        Judged {
            outcome: Err(decided.decision.into_reply()),
            record: decided.record,
        }
    }
}

fn judged<B: From<Bytes>>(
    settled: Settled,
    request: Result<Snapshot, Refused>,
    body: B,
) -> Judged<B> {
    let Settled {
        decision,
        record,
        admitted,
        masked,
    } = settled;
    let now = record.received.plus(record.latency);
    let outcome = match (decision, request) {
        (Decision::Pass(permit, reply), Ok(snapshot)) => Ok(Permitted {
            permit,
            request: Request {
                valid_for: admitted.as_ref().and_then(|own| valid_for(own, now)),
                verified: admitted.and_then(VerifiedToken::of),
                ..Request::of(snapshot, reply.headers).masked(masked.as_ref())
            },
            body: masked.map_or(body, B::from),
        }),
        // A pass without a request cannot be; if it were, nobody would be let in by it.
        (Decision::Pass(..), Err(_)) => Err(Reply::new(http::StatusCode::BAD_GATEWAY)),
        (denied, _) => Err(denied.into_reply()),
    };
    Judged { outcome, record }
}

/// Until the first of the credentials would be refused.
fn valid_for(admitted: &Admitted, now: Timestamp) -> Option<Duration> {
    let ends = admitted
        .credentials
        .iter()
        .filter_map(Credential::valid_until);
    ends.min().map(|at| at.since(now))
}

impl Request {
    fn of(snapshot: Snapshot, identity: Vec<(HeaderName, HeaderValue)>) -> Self {
        let Snapshot {
            line,
            subrequest,
            client,
            correlation,
            ..
        } = snapshot;
        Self {
            method: subrequest.method,
            target: subrequest.target,
            headers: subrequest.headers.into_raw(),
            scheme: line.scheme,
            host: line.host,
            port: line.port,
            client,
            correlation,
            identity,
            verified: None,
            valid_for: None,
        }
    }

    /// The same with the fields that fit its new body: those that told of the one received go.
    fn masked(mut self, body: Option<&Bytes>) -> Self {
        if let Some(body) = body {
            for name in ABOUT_BODIES {
                self.headers.remove(name);
            }
            let length = HeaderValue::from(body.len());
            self.headers.insert(CONTENT_LENGTH, length);
        }
        self
    }
}
