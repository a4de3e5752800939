//! One described request decided for real, and told whole.

use serde_json::{Value as Json, json};
use ztag_admission::Hop;
use ztag_types::{Reason, ReasonCode};

use crate::admin::AdminService;
use crate::describe::{DescriptionError, RequestSpec};
use crate::explain;
use crate::plan::{Endpoint, EndpointState, Plan, Selection};
use crate::scrub::Scrub;
use crate::signpost::{Decider, Direction};
use crate::unjudged::Unjudged;

/// Why a dry run could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DryRunError {
    /// The description is not that of a request.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The endpoint does not exist.
    #[error("no endpoint has this name; there are {0}")]
    UnknownEndpoint(String),
    /// There are several endpoints and the description names none.
    #[error("`endpoint` is needed: there are {0}")]
    UnnamedEndpoint(String),
    /// The endpoint is broken.
    #[error("the endpoint is quarantined: {0}")]
    Quarantined(String),
}

impl AdminService {
    /// Evaluates a described request for real, backend calls included, and returns the full
    /// decision record with every secret taken out. Nothing is counted, and nothing is forwarded.
    ///
    /// Where there are routes, a request that names no endpoint is decided by whom its route names,
    /// and the record says under `route` which one that is, and why.
    ///
    /// # Errors
    /// When the description cannot be read, or names an endpoint that cannot decide.
    pub async fn dry_run(&self, spec: &RequestSpec) -> Result<Json, DryRunError> {
        let hop = spec.to_hop(self.pipeline().clock().now())?;
        if let (None, Some(routes)) = (&spec.endpoint, self.routes()) {
            let direction = routes.point(&hop);
            return Ok(self.along(direction, hop).await);
        }
        let plan = self.pipeline().plans().load_full();
        match plan.select(spec.endpoint.as_deref()) {
            Selection::Endpoint(EndpointState::Ready(endpoint)) => {
                Ok(self.decided(endpoint, plan.generation(), hop).await)
            }
            Selection::Endpoint(EndpointState::Quarantined(quarantine)) => {
                Err(DryRunError::Quarantined(quarantine.reasons.join("; ")))
            }
            Selection::Unnamed => Err(DryRunError::UnnamedEndpoint(names(&plan))),
            Selection::Unknown => Err(DryRunError::UnknownEndpoint(names(&plan))),
        }
    }

    /// The record of a request that goes the way of `direction`.
    async fn along(&self, direction: Direction, hop: Hop) -> Json {
        let Direction {
            plan,
            route,
            guard,
            decider,
        } = direction;
        let generation = plan.generation();
        let mut shown = match decider {
            Ok(Decider::Public(access)) => {
                let judged = self.pipeline().judge_public(&access, generation, hop, ());
                explain::record(&judged.record, judged.outcome.as_ref().err())
            }
            Ok(Decider::Endpoint(name)) => match plan.select(Some(name.as_str())) {
                Selection::Endpoint(EndpointState::Ready(endpoint)) => {
                    self.decided(endpoint, generation, hop).await
                }
                _ => self.turned_away(ReasonCode::RouteQuarantined.into(), generation, &hop),
            },
            Err(reason) => self.turned_away(reason, generation, &hop),
        };
        if let Json::Object(fields) = &mut shown {
            let mut route = json!(route);
            if let (Some(guard), Json::Object(route)) = (&guard, &mut route) {
                route.insert("guard".to_owned(), explain::guard(guard));
            }
            fields.insert("route".to_owned(), route);
        }
        shown
    }

    async fn decided(&self, endpoint: &Endpoint, generation: u64, hop: Hop) -> Json {
        let decided = self.pipeline().dry_run(endpoint, generation, hop).await;
        let shown = explain::record(&decided.record, Some(decided.decision.reply()));
        let Ok(request) = &decided.request else {
            return shown;
        };
        let admitted = decided.admitted.as_ref();
        let presented = admitted.map(|admitted| &*admitted.credentials);
        Scrub::new(&endpoint.globals, request, presented.unwrap_or_default()).apply(shown)
    }

    fn turned_away(&self, reason: Reason, generation: u64, hop: &Hop) -> Json {
        let (record, reply) = self.pipeline().answer_unjudged(&Unjudged {
            reason,
            endpoint: None,
            route: None,
            generation,
            headers: &hop.headers,
            correlation: None,
            peer: hop.peer,
        });
        explain::record(&record, Some(&reply))
    }
}

/// The endpoints of `plan`, for people.
fn names(plan: &Plan) -> String {
    let names = plan.endpoints().map(EndpointState::name);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
