//! Which route a request takes: known to whoever has routes, and told by dry runs.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value as Json;
use ztag_admission::Hop;
use ztag_types::{EndpointName, InspectReport, Reason};

use crate::judge::PublicAccess;
use crate::plan::Plan;

/// Knows the routes in force.
pub trait Signpost: std::fmt::Debug + Send + Sync {
    /// Where `hop` goes: exactly where it would go if it arrived now.
    fn point(&self, hop: &Hop) -> Direction;
}

/// Where a request goes.
#[derive(Debug)]
pub struct Direction {
    /// The plan that the routes were compiled with.
    pub plan: Arc<Plan>,
    /// The route that it takes, for people.
    pub route: RouteReport,
    /// What the guardrail of the route reads, if it has one.
    pub guard: Option<Box<GuardReport>>,
    /// Who decides; or why nobody does.
    pub decider: Result<Decider, Reason>,
}

/// Who decides about a request.
#[derive(Clone, Debug)]
pub enum Decider {
    /// This endpoint.
    Endpoint(EndpointName),
    /// Nobody: the route is open to everybody.
    Public(Arc<PublicAccess>),
}

/// A route, and why a request takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteReport {
    /// Its name; none where no route serves the request.
    pub name: Option<String>,
    /// Why it is this one, or none.
    pub why: String,
    /// What of it the request fits; none where the request fits no place.
    pub matched: Option<RouteMatch>,
    /// The endpoint that decides.
    pub endpoint: Option<String>,
    /// Whether it is open to everybody.
    pub public: bool,
    /// Where it leads.
    pub upstream: Option<String>,
}

/// What of a route a request fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteMatch {
    /// The pattern of the host; `*` for any.
    pub host: String,
    /// The pattern of the path.
    pub path: String,
    /// The methods that the route takes; empty for all.
    pub methods: Vec<String>,
    /// The header fields by which it is told apart; their values are not told.
    pub headers: Vec<String>,
}

/// A guardrail along a route.
#[derive(Clone, Debug, Default)]
pub struct GuardReport {
    /// What it reads, and what becomes of what it finds, for people.
    pub settings: Json,
    /// What it says of the request as described, where it reads requests.
    pub request: Option<Box<InspectReport>>,
    /// The status that the client gets, and why, where the request is withheld.
    pub withheld: Option<(StatusCode, Reason)>,
}
