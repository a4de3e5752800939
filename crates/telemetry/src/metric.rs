//! Every metric there is. A name missing here cannot be counted.

use std::fmt::Write;

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, counted by upper bounds.
    Histogram(&'static [f64]),
}

impl MetricKind {
    /// The spelling in the Prometheus text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence about it.
    pub help: &'static str,
}

impl Metric {
    /// The lines that introduce it in the Prometheus text format.
    pub(crate) fn render_head(&self, out: &mut String) {
        let Self {
            name, kind, help, ..
        } = self;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.as_str());
    }
}

/// From a tenth of a millisecond, where answers from the cache are, to 5 seconds.
const REQUEST_SECONDS: MetricKind = MetricKind::Histogram(&[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
    5.0,
]);

/// From a microsecond, which is what most stages take, to 5 seconds.
const STAGE_SECONDS: MetricKind = MetricKind::Histogram(&[
    0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5,
    1.0, 5.0,
]);

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:expr, [$($label:literal),*], $help:literal;)*) => {
        $(pub(crate) const $constant: &str = $name;)*

        /// Every metric, in the order in which they are rendered.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help },)*
        ];
    };
}

metrics! {
    REQUESTS = "ztag_auth_requests_total", MetricKind::Counter,
        ["endpoint", "outcome", "status_code", "from_cache"],
        "Decisions, by the status replied and whether the verdict was remembered.";
    REQUEST_DURATION = "ztag_auth_request_duration_seconds", REQUEST_SECONDS,
        ["endpoint", "outcome"], "Time from the arrival of a request to its reply.";
    ADMISSION_FAILURES = "ztag_admission_failures_total", MetricKind::Counter,
        ["endpoint", "reason"], "Requests turned away before any rule, by class of reason.";
    STAGE_DURATION = "ztag_stage_duration_seconds", STAGE_SECONDS,
        ["stage"], "Time spent in each stage.";
    RULE_EVALUATIONS = "ztag_rule_evaluations_total", MetricKind::Counter,
        ["endpoint", "rule", "outcome"], "Rules judged.";
    RULE_DURATION = "ztag_rule_duration_seconds", STAGE_SECONDS,
        ["rule"], "Time to judge a rule, its backend call included.";
    THREAT_DETECTIONS = "ztag_threat_detections_total", MetricKind::Counter,
        ["channel", "kind"],
        "What guardrails found: texts taken for an `injection`, places with `content` such as secrets.";
    INJECTIONS_BLOCKED = "ztag_prompt_injections_blocked_total", MetricKind::Counter,
        ["channel"], "Requests and responses held up because of a prompt injection.";
    GUARD_DURATION = "ztag_guard_duration_seconds", STAGE_SECONDS,
        ["channel"], "Time to read the texts of one request or response in a channel.";
    GUARD_CONSULTED = "ztag_guard_transformer_texts_total", MetricKind::Counter,
        ["result"],
        "Marked texts that a classifier was asked about: `blocked`, `cleared`, `kept` as they were, `failed` where there was no answer.";
    GUARD_CONSULT_DURATION = "ztag_guard_transformer_duration_seconds", STAGE_SECONDS,
        [], "Time that a request or response waited for the answers of a classifier.";
    BACKEND_REQUESTS = "ztag_backend_requests_total", MetricKind::Counter,
        ["rule", "result"], "Calls to the backend of a rule, by class of the status or `error`.";
    BACKEND_DURATION = "ztag_backend_request_duration_seconds", REQUEST_SECONDS,
        ["rule"], "Time of calls to the backend of a rule, retries and pages included.";
    CACHE_OPERATIONS = "ztag_cache_operations_total", MetricKind::Counter,
        ["scope", "endpoint", "rule", "result"],
        "Questions to the cache, by scope (`endpoint` or `rule`) and result.";
    CACHE_ENTRIES = "ztag_cache_entries", MetricKind::Gauge,
        [], "Verdicts in memory.";
    CACHE_BYTES = "ztag_cache_bytes", MetricKind::Gauge,
        [], "Bytes accounted for verdicts in memory.";
    CACHE_EVICTIONS = "ztag_cache_evictions_total", MetricKind::Counter,
        [], "Verdicts dropped to make room for others.";
    CACHE_AVAILABLE = "ztag_cache_available", MetricKind::Gauge,
        [], "1 while the cache can be asked, else 0.";
    HTTP_REQUESTS = "ztag_http_requests_total", MetricKind::Counter,
        ["route", "status_code"],
        "Requests that a gateway answered, by the status replied. Not by method: a client chooses it.";
    HTTP_DURATION = "ztag_http_request_duration_seconds", REQUEST_SECONDS,
        ["route"], "Time from the arrival of a request at a gateway to the head of its response.";
    UPSTREAM_REQUESTS = "ztag_upstream_requests_total", MetricKind::Counter,
        ["upstream", "result"],
        "Requests meant for an upstream group, by class of the final status or `error`.";
    UPSTREAM_DURATION = "ztag_upstream_request_duration_seconds", REQUEST_SECONDS,
        ["upstream"], "Time from the permit to the head of the upstream's response, retries included.";
    UPSTREAM_ATTEMPTS = "ztag_upstream_attempts_total", MetricKind::Counter,
        ["upstream"], "Requests sent to an upstream group, retries included.";
    UPSTREAM_TARGETS = "ztag_upstream_targets", MetricKind::Gauge,
        ["upstream", "state"], "Targets of an upstream group, by state.";
    AUTH_CACHE_HIT_RATIO = "ztag_auth_cache_hit_ratio", MetricKind::Gauge,
        [], "Share of the tokens that were remembered since the start, from 0 to 1.";
    TOKEN_CACHE_HITS = "ztag_token_cache_hits_total", MetricKind::Counter,
        [], "Tokens that were remembered.";
    TOKEN_CACHE_MISSES = "ztag_token_cache_misses_total", MetricKind::Counter,
        [], "Tokens that were not remembered.";
    TOKEN_CACHE_ENTRIES = "ztag_token_cache_entries", MetricKind::Gauge,
        [], "Accepted tokens in memory.";
    TOKEN_CACHE_BYTES = "ztag_token_cache_bytes", MetricKind::Gauge,
        [], "Bytes accounted for accepted tokens in memory.";
    TOKENS_REFUSED = "ztag_tokens_refused_total", MetricKind::Counter,
        ["reason"], "Requests whose token or certificate was not accepted, by reason.";
    JWKS_FETCHES = "ztag_jwks_fetches_total", MetricKind::Counter,
        ["issuer", "result"], "Attempts to fetch the keys of an issuer: `success` or `failure`.";
    CONFIG_RELOADS = "ztag_config_reloads_total", MetricKind::Counter,
        ["result"], "Attempts to load a changed configuration: `success` or `failure`.";
    CONFIG_LAST_RELOAD_SUCCESS = "ztag_config_last_reload_success", MetricKind::Gauge,
        [], "1 if the last attempt to load the configuration succeeded, else 0.";
    CONFIG_GENERATION = "ztag_config_generation", MetricKind::Gauge,
        [], "Generation of the plan that decides.";
    QUARANTINED = "ztag_quarantined", MetricKind::Gauge,
        ["kind"], "Broken definitions that are not served, such as an `endpoint`, a `rule` or a `route`.";
    CONNECTIONS = "ztag_connections", MetricKind::Gauge,
        ["listener"], "Connections open.";
    LOG_LINES_DROPPED = "ztag_log_lines_dropped_total", MetricKind::Counter,
        [], "Log lines dropped because nobody read the log fast enough.";
    PROCESS_CPU = "process_cpu_seconds_total", MetricKind::Counter,
        [], "Processor time used.";
    PROCESS_MEMORY = "process_resident_memory_bytes", MetricKind::Gauge,
        [], "Memory resident.";
    PROCESS_FILES = "process_open_fds", MetricKind::Gauge,
        [], "Files and sockets open.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_labels_follow_the_conventions() {
        let mut names = HashSet::new();
        for metric in METRICS {
            assert!(names.insert(metric.name), "`{}` twice", metric.name);
            let ours = metric.name.starts_with("ztag_") || metric.name.starts_with("process_");
            assert!(ours, "{}", metric.name);
            let is_total = metric.name.ends_with("_total");
            assert_eq!(
                is_total,
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            let is_histogram = matches!(metric.kind, MetricKind::Histogram(_));
            assert_eq!(
                is_histogram,
                metric.name.ends_with("_duration_seconds"),
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\\', '\n']));
            assert!(!metric.labels.contains(&"le"));
        }
    }

    #[test]
    fn buckets_grow_and_include_those_of_the_contract() {
        for metric in METRICS {
            let MetricKind::Histogram(bounds) = metric.kind else {
                continue;
            };
            assert!(bounds.is_sorted_by(|a, b| a < b), "{}", metric.name);
        }
        let MetricKind::Histogram(bounds) = REQUEST_SECONDS else {
            panic!("not a histogram");
        };
        for expected in [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0] {
            assert!(bounds.contains(&expected), "{expected}");
        }
    }
}
