//! The compiled plan, and the one place where it is swapped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use ztag_admission::{Admission, CapturePolicy};
use ztag_endpoint_vars::EndpointVars;
use ztag_forward_policy::ForwardPolicy;
use ztag_response_policy::ResponsePolicy;
use ztag_rule_chain::RuleChain;
use ztag_telemetry::{Published, Telemetry};
use ztag_types::{Diagnostic, EndpointName, Globals, RuleName, Segment, Timestamp};

use crate::cache::DecisionCache;

/// One endpoint, compiled: the stages in flow order and what they share.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name.
    pub name: EndpointName,
    /// What its author says of it.
    pub description: String,
    /// How the request is read.
    pub capture: CapturePolicy,
    /// Admission.
    pub admission: Admission,
    /// Forward policy.
    pub forward: ForwardPolicy,
    /// Endpoint variables.
    pub vars: EndpointVars,
    /// The rules.
    pub rules: RuleChain,
    /// The replies.
    pub response: ResponsePolicy,
    /// The endpoint's cache of verdicts, if it has one.
    pub cache: Option<DecisionCache>,
    /// The server's variables.
    pub globals: Arc<Globals>,
}

/// Why an endpoint does not serve.
#[derive(Debug)]
pub struct Quarantine {
    /// Its name.
    pub name: EndpointName,
    /// What is wrong with it or with a rule it names.
    pub diagnostics: Vec<Diagnostic>,
    /// The same, rendered with file and line for people.
    pub reasons: Vec<String>,
}

/// An endpoint as configured: serving, or broken and closed.
#[derive(Debug)]
pub enum EndpointState {
    /// It serves.
    Ready(Box<Endpoint>),
    /// It answers 503.
    Quarantined(Quarantine),
}

impl EndpointState {
    /// Its name.
    pub const fn name(&self) -> &EndpointName {
        match self {
            Self::Ready(endpoint) => &endpoint.name,
            Self::Quarantined(quarantine) => &quarantine.name,
        }
    }
}

/// What a request's path selects.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// This endpoint.
    Endpoint(&'a EndpointState),
    /// The path names none, and there are several.
    Unnamed,
    /// The path names one that does not exist.
    Unknown,
}

/// Everything that decides requests. Immutable: a reload publishes another.
#[derive(Debug)]
pub struct Plan {
    generation: u64,
    loaded: Timestamp,
    endpoints: BTreeMap<Box<str>, EndpointState>,
}

impl Plan {
    /// A plan of these endpoints; names differing only in letter case are one, the first kept.
    ///
    /// Returns `None` when no endpoint is usable: there is no plan that allows by default.
    pub fn new(
        loaded: Timestamp,
        endpoints: impl IntoIterator<Item = EndpointState>,
    ) -> Option<Self> {
        let plan = Self::beside_routes(loaded, endpoints);
        let usable = plan
            .endpoints()
            .any(|state| matches!(state, EndpointState::Ready(_)));
        usable.then_some(plan)
    }

    /// A plan of these endpoints, of which none has to be usable: beside routes that say for
    /// themselves that everybody may pass. What names an endpoint that is not there stays closed.
    pub fn beside_routes(
        loaded: Timestamp,
        endpoints: impl IntoIterator<Item = EndpointState>,
    ) -> Self {
        let mut by_name = BTreeMap::new();
        for endpoint in endpoints {
            by_name
                .entry(fold(endpoint.name().as_str()).into_boxed_str())
                .or_insert(endpoint);
        }
        Self {
            generation: 0,
            loaded,
            endpoints: by_name,
        }
    }

    /// Counts the plans published in this process, from 1.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// When its configuration was read.
    pub const fn loaded(&self) -> Timestamp {
        self.loaded
    }

    /// The endpoints, by name.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = &EndpointState> {
        self.endpoints.values()
    }

    /// The endpoints that do not serve.
    pub fn quarantined(&self) -> impl Iterator<Item = &Quarantine> {
        self.endpoints.values().filter_map(|state| match state {
            EndpointState::Ready(_) => None,
            EndpointState::Quarantined(quarantine) => Some(quarantine),
        })
    }

    /// Makes the metrics of this plan, before the first request that needs them.
    pub fn publish_to(&self, telemetry: &Telemetry) {
        let endpoints: Vec<_> = self.endpoints().map(rules_of).collect();
        let quarantined = self.quarantined().count();
        let broken_rules = self.quarantined().flat_map(Quarantine::rules);
        telemetry.plan_published(&Published {
            generation: self.generation,
            endpoints: &endpoints,
            quarantined_endpoints: quarantined,
            quarantined_rules: broken_rules.collect::<BTreeSet<_>>().len(),
        });
    }

    /// The endpoint called `name` (letter case ignored), or the only one configured when the
    /// request names none. Quarantined endpoints count as configured, so that a broken
    /// neighbour never changes what an unnamed request means.
    pub fn select(&self, name: Option<&str>) -> Selection<'_> {
        let found = match name {
            Some(name) if name.bytes().any(|b| b.is_ascii_uppercase()) => {
                self.endpoints.get(fold(name).as_str())
            }
            Some(name) => self.endpoints.get(name),
            None if self.endpoints.len() == 1 => self.endpoints.values().next(),
            None => return Selection::Unnamed,
        };
        found.map_or(Selection::Unknown, Selection::Endpoint)
    }
}

fn rules_of(state: &EndpointState) -> (EndpointName, Vec<RuleName>) {
    let rules = match state {
        EndpointState::Ready(endpoint) => endpoint
            .rules
            .rules()
            .iter()
            .map(|rule| rule.name().clone())
            .collect(),
        EndpointState::Quarantined(_) => Vec::new(),
    };
    (state.name().clone(), rules)
}

impl Quarantine {
    /// Names of the rules that are wrong themselves.
    fn rules(&self) -> impl Iterator<Item = &str> {
        self.diagnostics
            .iter()
            .filter_map(|diagnostic| match diagnostic.path.segments() {
                [Segment::Key(section), Segment::Key(rule), ..] if section == "rules" => {
                    Some(rule.as_str())
                }
                _ => None,
            })
    }
}

fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// How the last attempt to load the configuration ended.
#[derive(Clone, Debug, Default)]
pub struct ReloadReport {
    /// When.
    pub at: Timestamp,
    /// Whether its plan was published.
    pub published: bool,
    /// What was found, rendered for people.
    pub diagnostics: Vec<String>,
}

/// The plan in force. Clones share it.
#[derive(Clone, Debug)]
pub struct PlanHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plan: ArcSwap<Plan>,
    report: ArcSwap<ReloadReport>,
}

impl PlanHandle {
    /// Puts the first plan in force, as generation 1.
    pub fn new(mut plan: Plan) -> Self {
        plan.generation = 1;
        let report = ReloadReport {
            at: plan.loaded,
            published: true,
            diagnostics: Vec::new(),
        };
        Self(Arc::new(Shared {
            plan: ArcSwap::from_pointee(plan),
            report: ArcSwap::from_pointee(report),
        }))
    }

    /// The plan in force. A request loads it once and keeps it to its end.
    pub fn load(&self) -> Guard<Arc<Plan>> {
        self.0.plan.load()
    }

    /// The plan in force, shared, for work that takes long.
    pub fn load_full(&self) -> Arc<Plan> {
        self.0.plan.load_full()
    }

    /// Puts `plan` in force for all requests that arrive from now on; returns its generation.
    /// Only one caller may publish at a time.
    pub fn publish(&self, mut plan: Plan) -> u64 {
        let generation = self.0.plan.load().generation + 1;
        plan.generation = generation;
        self.0.plan.store(Arc::new(plan));
        generation
    }

    /// Notes how a load ended.
    pub fn report(&self, report: ReloadReport) {
        self.0.report.store(Arc::new(report));
    }

    /// How the last load ended.
    pub fn last_report(&self) -> Arc<ReloadReport> {
        self.0.report.load_full()
    }
}
