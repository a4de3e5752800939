//! Sends on what was permitted, and brings back the answer.

mod failed;
mod reply;
mod switching;
mod tunnel;
mod websocket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body as _;
use ztag_pipeline::{Permitted, VerifiedToken};
use ztag_telemetry::Telemetry;
use ztag_token::client::{OutboundCredential, TokenError};
use ztag_types::{ForwardReport, SmolStr};

use crate::body::{Exceeded, Outgoing};
use crate::filter::Viewer;
use crate::guard::{Answered, Listener, RouteGuard, Unsent};
use crate::headers::{self, Departure, departing, returning};
use crate::route::{HostHeader, Route};
use crate::upstream::{HostOfTarget, Relayed, UpstreamFailure};
use crate::whole;

pub use failed::Failed;
pub use reply::ReplyBody;
pub use tunnel::ClientUpgrade;

use failed::Why;
use switching::{Agreed, Switching};

/// How long bodies may go on in any case. A token is good to its last second, and for as long as
/// clocks may differ: what it admits then is answered like any other request.
const LEAST: Duration = Duration::from_secs(10);

/// Forwards a permitted request along `route` and returns the head of the response; the body
/// follows as the upstream sends it.
///
/// The permit is spent here. Nothing else forwards, and nobody but the pipeline makes one:
///
/// ```
/// use ztag_proxy::{Outgoing, Route, forward};
///
/// async fn judged(route: &Route, request: ztag_pipeline::Permitted<Outgoing>) {
///     let _ = forward(route, request, Default::default(), &mut Default::default()).await;
/// }
/// ```
///
/// so that a request that was not judged cannot be sent:
///
/// ```compile_fail,E0308
/// use ztag_proxy::{Outgoing, Route, forward};
///
/// async fn unjudged(route: &Route, request: http::Request<Outgoing>) {
///     let _ = forward(route, request, Default::default(), &mut Default::default()).await;
/// }
/// ```
///
/// The upstream gets method, target and body byte for byte as they were judged, and the header
/// fields without those that a client has no business setting; the credential that the route sends
/// takes the place of the client's. Where a connection is to be switched, nothing that follows the
/// handshake is sent before the upstream agreed. No body goes on for longer than what the client was
/// admitted by stays valid, ten seconds in any case. All of `report` is filled in.
///
/// # Errors
/// When there is no response: see [`Failed`].
// Prepared before there is a future: one that is handed the whole request carries it twice.
pub fn forward<'f>(
    route: &'f Route,
    permitted: Permitted<Outgoing>,
    arrival: Arrival,
    report: &'f mut ForwardReport,
) -> impl Future<Output = Result<Response<ReplyBody>, Failed>> + Send + use<'f> {
    let begun = Instant::now();
    report.route = route.name.clone();
    let id = permitted.request().correlation.clone();
    let correlation = correlation(route, &id);
    let signed = correlation.as_ref().map(|(name, id)| (*name, id));
    let prepared = Dispatch::prepare(route, permitted, arrival, signed);
    async move {
        let sent = match prepared {
            Ok(dispatch) => dispatch.send(route, id, report).await,
            Err(why) => Err(why),
        };
        report.latency = begun.elapsed();
        match sent {
            Ok(mut response) => {
                route.response.apply(response.headers_mut());
                if let Some((name, id)) = correlation {
                    response.headers_mut().insert(name, id);
                }
                Ok(response)
            }
            Err(why) => {
                let own = correlation.map(|(name, id)| (name.clone(), id));
                Err(Failed::new(why, own))
            }
        }
    }
}

/// How a request came, beside what was judged about it.
#[derive(Debug, Default)]
pub struct Arrival {
    /// What its client speaks.
    pub version: Version,
    /// The connection of its client, where it can be switched.
    pub upgrade: Option<ClientUpgrade>,
    /// Who is told what a guardrail found in a response that is read as it comes.
    pub telemetry: Option<Telemetry>,
}

fn correlation<'r>(route: &'r Route, id: &str) -> Option<(&'r HeaderName, HeaderValue)> {
    let name = route.correlation.as_ref()?;
    Some((name, HeaderValue::from_str(id).ok()?))
}

/// A request in the form in which the upstream gets it.
struct Dispatch {
    request: Box<Request<Outgoing>>,
    /// What both connections are switched by, where they are to be.
    switching: Option<Box<Switching>>,
    exceeded: Option<Exceeded>,
    /// The token that the client showed.
    verified: Option<VerifiedToken>,
    /// When what the client was admitted by ends.
    until: Option<tokio::time::Instant>,
    /// How long that is.
    valid_for: Option<Duration>,
    /// Whom the response is reduced for, where it is.
    viewer: Option<Box<Viewer>>,
    telemetry: Option<Telemetry>,
}

impl Dispatch {
    fn prepare(
        route: &Route,
        permitted: Permitted<Outgoing>,
        arrival: Arrival,
        correlation: Option<(&HeaderName, &HeaderValue)>,
    ) -> Result<Self, Why> {
        let (_spent, judged, body) = permitted.into_parts();
        if matches!(judged.method, Method::CONNECT | Method::TRACE) {
            return Err(Why::Method);
        }
        if headers::is_loop(&judged.headers) {
            return Err(Why::Loop);
        }
        let viewer = route.filter.as_ref().map(|own| own.viewer(&judged));
        let viewer = viewer.transpose().map_err(Why::Unfiltered)?;
        let until = judged
            .valid_for
            .map(|left| tokio::time::Instant::now() + left.max(LEAST));
        let (body, exceeded) = within(route.max_body, body.until(until))?;
        let asked = (&judged.method, &judged.headers, &body);
        let switching = Switching::asked(route, asked, arrival.upgrade)?;
        let mut request = Box::new(Request::new(body));
        *request.method_mut() = judged.method;
        *request.uri_mut() = origin_form(judged.target);
        *request.headers_mut() = judged.headers;
        let fields = request.headers_mut();
        let departure = Departure {
            withheld: &route.withheld,
            policy: &route.request,
            client: &judged.client,
            scheme: judged.scheme,
            host: &judged.host,
            port: judged.port,
            correlation,
        };
        departing(fields, judged.identity, &departure);
        finish(fields, arrival.version);
        if let Some(switching) = &switching {
            switching.ask(fields);
        }
        if viewer.is_some() || route.reads_responses() {
            whole::asking(fields);
        }
        if route.host == HostHeader::Upstream {
            request.extensions_mut().insert(HostOfTarget);
        }
        Ok(Self {
            request,
            switching: switching.map(Box::new),
            exceeded,
            verified: judged.verified,
            until,
            valid_for: judged.valid_for,
            viewer: viewer.map(Box::new),
            telemetry: arrival.telemetry,
        })
    }

    /// Sends it, and returns what the client may see of the response.
    async fn send(
        self,
        route: &Route,
        correlation: SmolStr,
        report: &mut ForwardReport,
    ) -> Result<Response<ReplyBody>, Why> {
        match &route.guard {
            // Boxed: what nobody reads shall not pay for the size of who does.
            Some(guard) => Box::pin(self.send_guarded(route, guard, correlation, report)).await,
            None => self.send_as_it_is(route, report).await,
        }
    }

    /// Sends what the guardrail of the route lets pass, and returns what it lets pass of the response.
    async fn send_guarded(
        mut self,
        route: &Route,
        guard: &Arc<RouteGuard>,
        correlation: SmolStr,
        report: &mut ForwardReport,
    ) -> Result<Response<ReplyBody>, Why> {
        let read = guard.read_request(&mut self.request, report).await;
        let answered = Answered {
            kept: read.map_err(|unsent| self.unsent(unsent))?,
            method: self.request.method().clone(),
            listener: Listener {
                telemetry: self.telemetry.take(),
                route: route.name.clone(),
                correlation,
            },
        };
        let response = self.send_as_it_is(route, report).await?;
        let response = guard.read_response(answered, response, report).await;
        response.map_err(Why::Withheld)
    }

    fn unsent(&self, unsent: Unsent) -> Why {
        match unsent {
            Unsent::Withheld(withheld) => Why::Withheld(withheld),
            Unsent::Body(_) if self.is_exceeded() => Why::TooLarge,
            Unsent::Body(error) => Why::Upstream(UpstreamFailure::Broken(error.into())),
        }
    }

    /// Whether the body is larger than the route allows.
    fn is_exceeded(&self) -> bool {
        self.exceeded.as_ref().is_some_and(Exceeded::is_set)
    }

    async fn send_as_it_is(
        mut self,
        route: &Route,
        report: &mut ForwardReport,
    ) -> Result<Response<ReplyBody>, Why> {
        if let Err(error) = self.authorize(&route.credential).await {
            report.upstream = route.upstream.name().clone();
            report.error = Some("credential");
            return Err(Why::Credential(error));
        }
        let reduce = self.viewer.take();
        let reduce = reduce.map(|viewer| (viewer, self.request.method().clone()));
        let Self {
            request,
            switching,
            exceeded,
            until,
            valid_for,
            ..
        } = self;
        match route.upstream.send(request, route.timeout, report).await {
            Ok(response) => match switching {
                Some(switching) => match switching.agree(response, route.tunnel_idle, valid_for)? {
                    Agreed::Switched(response) => Ok(response),
                    Agreed::Answered(response) => Ok(answer(response, until)),
                },
                None => reduced(route, reduce, answer(response, until)).await,
            },
            // The body broke off because it was too large: the upstream is not to blame.
            Err(_) if exceeded.is_some_and(|mark| mark.is_set()) => Err(Why::TooLarge),
            Err(failure) => Err(Why::Upstream(failure)),
        }
    }

    /// Sets the credential that the upstream gets. Without one that it must get, nothing is sent.
    async fn authorize(&mut self, credential: &OutboundCredential) -> Result<(), TokenError> {
        let verified = self.verified.take();
        let subject = verified.as_ref();
        let subject = subject.map(|own| (&*own.principal, &**own.token.expose()));
        if let Some(value) = credential.authorize(subject).await? {
            self.request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(())
    }
}

/// The response without what its client may not see.
async fn reduced(
    route: &Route,
    reduce: Option<(Box<Viewer>, Method)>,
    response: Response<ReplyBody>,
) -> Result<Response<ReplyBody>, Why> {
    let (Some(filter), Some((viewer, method))) = (&route.filter, reduce) else {
        return Ok(response);
    };
    // Boxed: responses that pass as they are shall not pay for its size.
    let reduced = Box::pin(filter.apply(&viewer, &method, response)).await;
    reduced.map_err(Why::Unfiltered)
}

/// The body, refused when it announces more than the route allows, and cut off there otherwise.
fn within(most: Option<u64>, body: Outgoing) -> Result<(Outgoing, Option<Exceeded>), Why> {
    match most {
        Some(most) if body.size_hint().lower() > most => Err(Why::TooLarge),
        Some(most) => Ok(body.limited(most)),
        None => Ok((body, None)),
    }
}

/// The fields that depend on the connection to the upstream.
fn finish(fields: &mut HeaderMap, version: Version) {
    headers::sign(fields, version);
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    if lengths.nth(1).is_some() {
        // Equal ones, or the request would not be here; the body knows its length.
        fields.remove(CONTENT_LENGTH);
    }
}

/// Path and query as they were judged (RFC 9112 section 3.2.1).
fn origin_form(target: Uri) -> Uri {
    if target.authority().is_none() {
        return target;
    }
    target
        .into_parts()
        .path_and_query
        .map(Uri::from)
        .unwrap_or_default()
}

/// The response as the client sees it, as long as what it was admitted by stays valid.
fn answer(response: Response<Relayed>, until: Option<tokio::time::Instant>) -> Response<ReplyBody> {
    let (mut head, body) = response.into_parts();
    returning(&mut head.headers);
    // What the client is spoken to in is between us and the client.
    head.version = Version::HTTP_11;
    head.extensions.clear();
    Response::from_parts(head, ReplyBody::from(body.until(until)))
}
