//! Handles of a gateway: by route and by upstream group.

use std::collections::HashMap;
use std::sync::OnceLock;

use ahash::RandomState;
use metrics::{Counter, Histogram};
use ztag_types::{ForwardReport, Record};

use crate::handles::{Slots, UNKNOWN};
use crate::metric;
use crate::registry::Registry;

/// How a request to an upstream group can end.
const RESULTS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "error"];

/// The routes and upstream groups of one configuration.
#[derive(Debug)]
pub(crate) struct EdgeHandles {
    routes: HashMap<Box<str>, RouteHandles, RandomState>,
    upstreams: HashMap<Box<str>, UpstreamHandles, RandomState>,
    // Made when they are needed: where nothing is forwarded, nothing is told about it.
    no_route: OnceLock<RouteHandles>,
    unknown_route: OnceLock<RouteHandles>,
    unknown_upstream: OnceLock<UpstreamHandles>,
}

impl EdgeHandles {
    pub(crate) fn new(registry: &Registry, routes: &[&str], upstreams: &[&str]) -> Self {
        let route = |name: &&str| (Box::from(*name), RouteHandles::new(registry, name));
        let upstream = |name: &&str| (Box::from(*name), UpstreamHandles::new(registry, name));
        Self {
            routes: routes.iter().map(route).collect(),
            upstreams: upstreams.iter().map(upstream).collect(),
            no_route: OnceLock::new(),
            unknown_route: OnceLock::new(),
            unknown_upstream: OnceLock::new(),
        }
    }

    /// Counts what a gateway did with a request.
    pub(crate) fn count(&self, registry: &Registry, record: &Record, report: &ForwardReport) {
        self.route(registry, &report.route).count(registry, record);
        if was_tried(report) {
            let upstream = self.upstreams.get(&*report.upstream).unwrap_or_else(|| {
                let unknown = &self.unknown_upstream;
                unknown.get_or_init(|| UpstreamHandles::new(registry, UNKNOWN))
            });
            upstream.count(report);
        }
    }

    /// Those of a request that fits no route are its own: anybody can make such requests.
    fn route(&self, registry: &Registry, name: &str) -> &RouteHandles {
        let (place, label) = match self.routes.get(name) {
            Some(route) => return route,
            None if name.is_empty() => (&self.no_route, ""),
            None => (&self.unknown_route, UNKNOWN),
        };
        place.get_or_init(|| RouteHandles::new(registry, label))
    }
}

/// Whether the upstream group was to answer: a request that was refused never got so far.
fn was_tried(report: &ForwardReport) -> bool {
    !report.upstream.is_empty() && (report.attempts > 0 || report.error.is_some())
}

#[derive(Debug)]
struct RouteHandles {
    name: Box<str>,
    requests: Slots<u16, Counter, 16>,
    duration: Histogram,
}

impl RouteHandles {
    fn new(registry: &Registry, name: &str) -> Self {
        Self {
            requests: Slots::new(),
            duration: registry.histogram(metric::HTTP_DURATION, &[name]),
            name: name.into(),
        }
    }

    fn count(&self, registry: &Registry, record: &Record) {
        let register = || {
            let status = record.status.to_string();
            registry.counter(metric::HTTP_REQUESTS, &[&self.name, &status])
        };
        self.requests
            .with(record.status, register, |counter| counter.increment(1));
        self.duration.record(record.latency);
    }
}

#[derive(Debug)]
struct UpstreamHandles {
    requests: [Counter; 6],
    attempts: Counter,
    duration: Histogram,
}

impl UpstreamHandles {
    fn new(registry: &Registry, name: &str) -> Self {
        Self {
            requests: RESULTS
                .map(|result| registry.counter(metric::UPSTREAM_REQUESTS, &[name, result])),
            attempts: registry.counter(metric::UPSTREAM_ATTEMPTS, &[name]),
            duration: registry.histogram(metric::UPSTREAM_DURATION, &[name]),
        }
    }

    fn count(&self, report: &ForwardReport) {
        if let Some(requests) = self.requests.get(result_of(report)) {
            requests.increment(1);
        }
        self.attempts.increment(report.attempts.into());
        self.duration.record(report.latency);
    }
}

/// Index into [`RESULTS`].
fn result_of(report: &ForwardReport) -> usize {
    match report.status / 100 {
        class @ 1..=5 if report.error.is_none() => usize::from(class) - 1,
        _ => RESULTS.len() - 1,
    }
}
