//! Handles found by name once per decision: counting takes no lock and formats nothing.

use std::collections::HashMap;
use std::sync::OnceLock;

use ahash::RandomState;
use metrics::{Counter, Histogram};
use ztag_types::{
    BackendReport, CacheReport, EndpointName, Outcome, Participation, ReasonCode, Record, RuleName,
    RuleReport, StageName,
};

use crate::metric;
use crate::registry::Registry;

/// Name under which everything is counted that no plan knows.
pub(crate) const UNKNOWN: &str = "unknown";
// INVARIANT: in the order of the variants, whose number is the index.
const OUTCOMES: [Outcome; 3] = [Outcome::Pass, Outcome::Fail, Outcome::Error];
/// What a cache operation can end in; a bypass is none.
const OPERATIONS: [Participation; 5] = [
    Participation::Hit,
    Participation::Miss,
    Participation::Stored,
    Participation::Shared,
    Participation::Unavailable,
];
const BACKEND_RESULTS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error"];

/// The handles of one plan.
#[derive(Debug)]
pub(crate) struct Handles {
    endpoints: HashMap<EndpointName, EndpointHandles, RandomState>,
    unknown: EndpointHandles,
    stages: Vec<Histogram>,
}

impl Handles {
    pub(crate) fn new(registry: &Registry, endpoints: &[(EndpointName, Vec<RuleName>)]) -> Self {
        let handles = |(endpoint, rules): &(EndpointName, Vec<RuleName>)| {
            let handles = EndpointHandles::new(registry, endpoint.as_str(), rules);
            (endpoint.clone(), handles)
        };
        let stage =
            |stage: &StageName| registry.histogram(metric::STAGE_DURATION, &[stage.as_str()]);
        Self {
            endpoints: endpoints.iter().map(handles).collect(),
            unknown: EndpointHandles::new(registry, UNKNOWN, &[]),
            stages: StageName::ALL.iter().map(stage).collect(),
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, registry: &Registry, record: &Record) {
        let endpoint = record.endpoint.as_ref();
        let known = endpoint.and_then(|endpoint| self.endpoints.get(endpoint));
        known.unwrap_or(&self.unknown).count(registry, record);
        for report in &record.trace.stages {
            if let Some(stage) = self.stages.get(report.stage as usize) {
                stage.record(report.latency);
            }
        }
    }
}

#[derive(Debug)]
struct EndpointHandles {
    name: Box<str>,
    requests: Slots<(Outcome, u16, bool), Counter, 32>,
    durations: [Histogram; 3],
    admission: Slots<ReasonCode, Counter, 12>,
    cache: [Counter; 5],
    rules: HashMap<RuleName, RuleHandles, RandomState>,
    unknown: RuleHandles,
}

impl EndpointHandles {
    fn new(registry: &Registry, name: &str, rules: &[RuleName]) -> Self {
        let rule = |rule: &RuleName| {
            (
                rule.clone(),
                RuleHandles::new(registry, name, rule.as_str()),
            )
        };
        Self {
            requests: Slots::new(),
            durations: OUTCOMES.map(|outcome| {
                registry.histogram(metric::REQUEST_DURATION, &[name, outcome.as_str()])
            }),
            admission: Slots::new(),
            cache: cache_handles(registry, "endpoint", name, ""),
            rules: rules.iter().map(rule).collect(),
            unknown: RuleHandles::new(registry, name, UNKNOWN),
            name: name.into(),
        }
    }

    fn count(&self, registry: &Registry, record: &Record) {
        let from_cache = is_from_cache(record);
        let seen = (record.outcome, record.status, from_cache);
        let register = || {
            let (status, from_cache) = (record.status.to_string(), from_cache.to_string());
            let labels = [&*self.name, record.outcome.as_str(), &status, &from_cache];
            registry.counter(metric::REQUESTS, &labels)
        };
        self.requests
            .with(seen, register, |counter| counter.increment(1));
        if let Some(duration) = self.durations.get(record.outcome as usize) {
            duration.record(record.latency);
        }
        let reason = record.reason.code();
        // What a permitted request failed of later is no failure of admission.
        if record.outcome != Outcome::Pass && is_admission(reason) {
            let labels = [&*self.name, reason.as_str()];
            let register = || registry.counter(metric::ADMISSION_FAILURES, &labels);
            self.admission
                .with(reason, register, |counter| counter.increment(1));
        }
        count_cache(&self.cache, &record.cache);
        for report in record.judged() {
            self.rules
                .get(&report.rule)
                .unwrap_or(&self.unknown)
                .count(report);
        }
    }
}

#[derive(Debug)]
struct RuleHandles {
    evaluations: [Counter; 3],
    duration: Histogram,
    cache: [Counter; 5],
    backend: [Counter; 6],
    backend_duration: Histogram,
}

impl RuleHandles {
    fn new(registry: &Registry, endpoint: &str, rule: &str) -> Self {
        Self {
            evaluations: OUTCOMES.map(|outcome| {
                registry.counter(
                    metric::RULE_EVALUATIONS,
                    &[endpoint, rule, outcome.as_str()],
                )
            }),
            duration: registry.histogram(metric::RULE_DURATION, &[rule]),
            cache: cache_handles(registry, "rule", endpoint, rule),
            backend: BACKEND_RESULTS
                .map(|result| registry.counter(metric::BACKEND_REQUESTS, &[rule, result])),
            backend_duration: registry.histogram(metric::BACKEND_DURATION, &[rule]),
        }
    }

    fn count(&self, report: &RuleReport) {
        if let Some(evaluations) = self.evaluations.get(report.outcome as usize) {
            evaluations.increment(1);
        }
        self.duration.record(report.latency);
        count_cache(&self.cache, &report.cache);
        if let Some(backend) = &report.backend {
            if let Some(requests) = self.backend.get(backend_result(backend)) {
                requests.increment(1);
            }
            self.backend_duration.record(backend.latency);
        }
    }
}

/// Whether the verdict was remembered: that of the endpoint, or that of a rule with no backend
/// asked by any.
pub(crate) fn is_from_cache(record: &Record) -> bool {
    let remembered = |cache: &CacheReport| {
        matches!(
            cache.participation,
            Participation::Hit | Participation::Shared
        )
    };
    let rules = &record.trace.rules;
    remembered(&record.cache)
        || (rules.iter().any(|rule| remembered(&rule.cache))
            && rules.iter().all(|rule| rule.backend.is_none()))
}

/// Whether a reason turns a request away before any rule.
const fn is_admission(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::CredentialsMissing
            | ReasonCode::CredentialsMalformed
            | ReasonCode::ProxyUntrusted
            | ReasonCode::ForwardedInvalid
            | ReasonCode::RequestAmbiguous
            | ReasonCode::RequestMalformed
            | ReasonCode::RequestTooLarge
            | ReasonCode::TokenRefused
            | ReasonCode::TokenUndecided
            | ReasonCode::CertificateRefused
    )
}

fn cache_handles(registry: &Registry, scope: &str, endpoint: &str, rule: &str) -> [Counter; 5] {
    OPERATIONS.map(|result| {
        let labels = [scope, endpoint, rule, result.as_str()];
        registry.counter(metric::CACHE_OPERATIONS, &labels)
    })
}

fn count_cache(handles: &[Counter; 5], cache: &CacheReport) {
    let [hit, miss, stored, shared, unavailable] = handles;
    match cache.participation {
        Participation::Bypass => {}
        Participation::Hit => hit.increment(1),
        Participation::Miss => miss.increment(1),
        Participation::Stored => stored.increment(1),
        Participation::Shared => shared.increment(1),
        Participation::Unavailable => unavailable.increment(1),
    }
}

/// Index into [`BACKEND_RESULTS`].
fn backend_result(backend: &BackendReport) -> usize {
    match backend.status / 100 {
        class @ 1..=5 if backend.error.is_none() => usize::from(class) - 1,
        _ => BACKEND_RESULTS.len() - 1,
    }
}

/// A few handles made at their first use and found by looking along them. What no longer fits is
/// looked up in the registry each time.
#[derive(Debug)]
pub(crate) struct Slots<K, H, const N: usize>([OnceLock<(K, H)>; N]);

impl<K: Copy + Eq, H, const N: usize> Slots<K, H, N> {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }

    pub(crate) fn with(&self, key: K, register: impl Fn() -> H, count: impl FnOnce(&H)) {
        for slot in &self.0 {
            let (own, handle) = slot.get_or_init(|| (key, register()));
            if *own == key {
                return count(handle);
            }
        }
        count(&register());
    }
}
