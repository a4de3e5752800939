//! All routes, and the one for a request.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method};

use super::places::{Placed, Places};
use super::policy::{ClosedRoute, Route, RouteState};

/// All routes of a configuration, the broken ones in their places.
#[derive(Debug, Default)]
pub struct RouteTable {
    pub(super) places: Places<Arc<RouteState>>,
    pub(super) routes: Vec<Arc<RouteState>>,
}

/// The route for a request.
#[derive(Debug)]
pub enum Found<'t> {
    /// This one.
    Route(&'t Route),
    /// One that is broken: the answer is 503.
    Closed(&'t ClosedRoute),
    /// Routes for other methods only: the answer is 405 with this `Allow`.
    Method(HeaderValue),
    /// A header field by which routes are told apart is there more than once: the answer is 400.
    Ambiguous,
    /// None: the answer is 404.
    Unknown,
}

impl RouteTable {
    /// Asks in the background for the tokens that upstreams will want: not needed, but spares the
    /// first requests the wait. Call it when the table comes into force, inside a runtime that lives
    /// as long as the process.
    pub fn warm(&self) {
        for route in self.routes() {
            if let RouteState::Ready(route) = route {
                route.credential.warm();
            }
        }
    }

    /// The route for a request to `host` and `path`, both canonical
    /// ([`ztag_admission::RouteTarget`]). Allocates nothing but the `Allow` of a refusal.
    ///
    /// The most specific host pattern that fits is looked at alone: an exact one, else the longest
    /// wildcard, else the routes for any host. There, the most specific path pattern that fits is
    /// looked at alone: an exact one, else the longest prefix. There, methods and header fields
    /// choose. Whatever fits none is turned away, and never served by a broader route.
    pub fn find(&self, host: &str, path: &str, method: &Method, headers: &HeaderMap) -> Found<'_> {
        match self.places.find(host, path, method, headers) {
            Placed::Value(state) => match &**state {
                RouteState::Ready(route) => Found::Route(route),
                RouteState::Closed(closed) => Found::Closed(closed),
            },
            Placed::Method(allow) => Found::Method(allow),
            Placed::Ambiguous => Found::Ambiguous,
            Placed::Nothing => Found::Unknown,
        }
    }

    /// All routes, in the order of the configuration.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &RouteState> {
        self.routes.iter().map(|route| &**route)
    }
}
