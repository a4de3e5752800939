//! Tells which route a request takes, and why, without serving it.

use http::Method;
use ztag_admission::{Hop, RouteTarget};
use ztag_pipeline::{Decider, Direction, GuardReport, RouteReport, Signpost};
use ztag_types::{Reason, ReasonCode};

use crate::edge::{Edge, EdgeHandle};
use crate::route::{Access, ClosedRoute, Found, Route};

impl Signpost for EdgeHandle {
    fn point(&self, hop: &Hop) -> Direction {
        let edge = self.load_full();
        let target = RouteTarget::read(&hop.method, &hop.uri, &hop.headers, hop.encrypted);
        let signed = match target {
            Ok(target) => look_up(&edge, &target, hop),
            Err(fault) => Signed::refusing(told(fault.detail()), fault.into()),
        };
        Direction {
            plan: edge.plan().clone(),
            route: signed.route,
            guard: signed.guard,
            decider: signed.decider,
        }
    }
}

/// What the routes say.
struct Signed {
    route: RouteReport,
    guard: Option<Box<GuardReport>>,
    decider: Result<Decider, Reason>,
}

impl Signed {
    const fn refusing(route: RouteReport, reason: Reason) -> Self {
        Self {
            route,
            guard: None,
            decider: Err(reason),
        }
    }
}

fn look_up(edge: &Edge, target: &RouteTarget<'_>, hop: &Hop) -> Signed {
    let (host, path) = (&*target.host, &*target.path);
    let (method, headers) = (&hop.method, &hop.headers);
    let (report, reason) = match edge.routes().find(host, path, method, headers) {
        Found::Route(route) => {
            let guard = route.guard.as_ref();
            return Signed {
                route: serving(edge, route, target, hop),
                guard: guard.map(|own| Box::new(own.explain(headers, &hop.body))),
                decider: Ok(decider(route)),
            };
        }
        Found::Closed(closed) => broken(closed),
        Found::Method(allow) => {
            let allow = allow.to_str().unwrap_or_default();
            let why = format!("the routes at this place take other methods: {allow}");
            (told(&why), ReasonCode::RouteMethod.into())
        }
        Found::Ambiguous => {
            let why = "a header field by which routes are told apart is there more than once";
            (told(why), ReasonCode::RequestAmbiguous.into())
        }
        Found::Unknown => {
            let why = unknown(path, method);
            (told(why), ReasonCode::RouteUnknown.into())
        }
    };
    Signed::refusing(report, reason)
}

fn serving(edge: &Edge, route: &Route, target: &RouteTarget<'_>, hop: &Hop) -> RouteReport {
    let (host, path) = (&*target.host, &*target.path);
    let endpoint = match &route.access {
        Access::Endpoint(name) => Some(name.to_string()),
        Access::Public(_) => None,
    };
    RouteReport {
        name: Some(route.name.to_string()),
        why: "no route is for a narrower host, then path, then conditions".to_owned(),
        matched: edge.routes().locate(host, path, &hop.method, &hop.headers),
        public: endpoint.is_none(),
        endpoint,
        upstream: Some(route.upstream.name().to_string()),
    }
}

fn decider(route: &Route) -> Decider {
    match &route.access {
        Access::Endpoint(name) => Decider::Endpoint(name.clone()),
        Access::Public(access) => Decider::Public(access.clone()),
    }
}

fn broken(closed: &ClosedRoute) -> (RouteReport, Reason) {
    let why = format!("the route is broken: {}", closed.reason);
    let report = RouteReport {
        name: Some(closed.name.to_string()),
        ..told(&why)
    };
    let reason = Reason::with_detail(ReasonCode::RouteQuarantined, closed.reason.to_string());
    (report, reason)
}

fn unknown(path: &str, method: &Method) -> &'static str {
    let asks = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/health" | "/healthz" | "/readyz" if asks => {
            "no route is for this host and path; the gateway answers it about itself"
        }
        _ => "no route is for this host and path",
    }
}

fn told(why: &str) -> RouteReport {
    RouteReport {
        why: why.to_owned(),
        ..RouteReport::default()
    }
}
