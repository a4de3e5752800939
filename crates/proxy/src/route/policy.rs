//! A route, compiled.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use ztag_admission::CapturePolicy;
use ztag_pipeline::{EndpointState, PublicAccess};
use ztag_token::client::OutboundCredential;
use ztag_types::{EndpointName, SmolStr};

use super::spec::HostHeader;
use crate::filter::ItemFilter;
use crate::guard::RouteGuard;
use crate::headers::HeaderPolicy;
use crate::upstream::Upstream;

/// A route as configured: serving, or broken and closed.
#[derive(Debug)]
pub enum RouteState {
    /// It serves.
    Ready(Box<Route>),
    /// It keeps its place and answers 503.
    Closed(ClosedRoute),
}

impl RouteState {
    /// Its name.
    pub const fn name(&self) -> &SmolStr {
        match self {
            Self::Ready(route) => &route.name,
            Self::Closed(closed) => &closed.name,
        }
    }
}

/// Why a route does not serve.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClosedRoute {
    /// Its name.
    pub name: SmolStr,
    /// What is wrong with it, for operators.
    pub reason: SmolStr,
}

/// A route that serves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Route {
    /// Its name.
    pub name: SmolStr,
    /// Who may pass.
    pub access: Access,
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// Fields that the upstream never sees as the client sent them: credentials, and what the
    /// endpoint's reply to a pass sets.
    pub(crate) withheld: Box<[HeaderName]>,
    /// What the upstream gets in place of the client's credentials.
    pub(crate) credential: OutboundCredential,
    pub(crate) request: HeaderPolicy,
    pub(crate) response: HeaderPolicy,
    /// What is left out of responses.
    pub(crate) filter: Option<Box<ItemFilter>>,
    /// What is read of bodies.
    pub(crate) guard: Option<Arc<RouteGuard>>,
    pub(crate) host: HostHeader,
    pub(crate) timeout: Option<Duration>,
    pub(crate) websocket: bool,
    pub(crate) tunnel_idle: Duration,
    pub(crate) max_body: Option<u64>,
    /// The field that carries the correlation id, in requests and responses.
    pub(crate) correlation: Option<HeaderName>,
}

impl Route {
    /// Whether a guardrail reads what its upstream answers.
    pub(crate) fn reads_responses(&self) -> bool {
        let guard = self.guard.as_ref();
        guard.is_some_and(|guard| guard.reads_responses())
    }
}

/// Who may pass on a route.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever this endpoint lets pass.
    Endpoint(EndpointName),
    /// Everybody.
    Public(Arc<PublicAccess>),
}

/// What routes must know of an endpoint.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other"
)]
pub struct RouteEndpoint {
    /// Its name.
    pub(super) name: EndpointName,
    /// Whether it decides: it is not broken.
    pub(super) ready: bool,
    /// Whether it judges requests as they arrive, and nobody's words about them.
    pub(super) direct: bool,
    /// Whether it verifies tokens: only such can be exchanged.
    pub(super) verifies: bool,
    /// What its reply to a pass sets.
    pub(super) identity: Vec<HeaderName>,
    /// The fields in which it accepts credentials.
    pub(super) credentials: Vec<HeaderName>,
    /// Whether one of its rules may mask the body.
    pub(super) masks: bool,
}

impl RouteEndpoint {
    /// What routes must know of `state`.
    pub fn of(state: &EndpointState) -> Self {
        match state {
            EndpointState::Ready(endpoint) => {
                let names = endpoint.admission.credential_names();
                let credentials = names.headers.iter();
                Self {
                    name: endpoint.name.clone(),
                    ready: true,
                    direct: is_direct(&endpoint.capture),
                    verifies: endpoint.admission.verifies_tokens(),
                    identity: endpoint.response.pass_headers().cloned().collect(),
                    credentials: credentials.filter_map(|name| name.parse().ok()).collect(),
                    masks: endpoint.rules.masks_bodies(),
                }
            }
            EndpointState::Quarantined(quarantine) => Self {
                name: quarantine.name.clone(),
                ready: false,
                direct: true,
                verifies: true,
                identity: Vec::new(),
                credentials: Vec::new(),
                masks: false,
            },
        }
    }
}

pub(super) fn is_direct(capture: &CapturePolicy) -> bool {
    capture.dialect() == ztag_admission::Dialect::Direct
}
