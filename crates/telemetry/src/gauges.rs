//! Numbers that somebody else keeps and that are asked for when metrics are rendered.

use std::fmt;

use crate::metric;
use crate::registry::Registry;

/// The memory of accepted tokens in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenGauges {
    /// Tokens found there, since the start.
    pub hits: u64,
    /// Tokens not found there, since the start.
    pub misses: u64,
    /// Tokens remembered.
    pub entries: u64,
    /// Bytes accounted for them.
    pub bytes: u64,
}

/// How the fetches of one issuer's keys went, since its configuration was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchGauges {
    /// The issuer, as configured.
    pub issuer: String,
    /// Fetches that brought a set of keys.
    pub fetched: u64,
    /// Fetches that did not.
    pub failed: u64,
}

/// How many targets of an upstream group are in a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGauges {
    /// The group.
    pub upstream: String,
    /// A state of ours, such as `healthy`.
    pub state: &'static str,
    /// How many targets are in it.
    pub count: u64,
}

type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Whom to ask.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) connections: Vec<(&'static str, Ask<u64>)>,
    pub(crate) tokens: Option<Ask<TokenGauges>>,
    pub(crate) fetches: Option<Ask<Vec<FetchGauges>>>,
    pub(crate) targets: Option<Ask<Vec<TargetGauges>>>,
    /// Whoever counts by himself.
    pub(crate) others: Vec<Ask<Option<String>>>,
}

impl Gauges {
    /// Asks for all numbers.
    pub(crate) fn read(&self, registry: &Registry) {
        for (listener, open) in &self.connections {
            let gauge = registry.gauge(metric::CONNECTIONS, &[listener]);
            gauge.set(rounded(open()));
        }
        if let Some(ask) = &self.tokens {
            read_tokens(registry, ask());
        }
        if let Some(ask) = &self.fetches {
            // What is no longer configured is no longer told.
            registry.clear(metric::JWKS_FETCHES);
            for own in ask() {
                for (result, count) in [("success", own.fetched), ("failure", own.failed)] {
                    let labels = [own.issuer.as_str(), result];
                    registry
                        .counter(metric::JWKS_FETCHES, &labels)
                        .increment(count);
                }
            }
        }
        if let Some(ask) = &self.targets {
            registry.clear(metric::UPSTREAM_TARGETS);
            for own in ask() {
                let labels = [own.upstream.as_str(), own.state];
                let gauge = registry.gauge(metric::UPSTREAM_TARGETS, &labels);
                gauge.increment(rounded(own.count));
            }
        }
    }
}

impl Gauges {
    /// What those say who count by themselves.
    pub(crate) fn append_others(&self, text: &mut String) {
        for told in self.others.iter().filter_map(|ask| ask()) {
            text.push_str(&told);
        }
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

fn read_tokens(registry: &Registry, own: TokenGauges) {
    let counter = |name, value| registry.counter(name, &[]).absolute(value);
    counter(metric::TOKEN_CACHE_HITS, own.hits);
    counter(metric::TOKEN_CACHE_MISSES, own.misses);
    let gauge = |name, value| registry.gauge(name, &[]).set(value);
    gauge(metric::TOKEN_CACHE_ENTRIES, rounded(own.entries));
    gauge(metric::TOKEN_CACHE_BYTES, rounded(own.bytes));
    let asked = own.hits.saturating_add(own.misses).max(1);
    let ratio = rounded(own.hits) / rounded(asked);
    gauge(metric::AUTH_CACHE_HIT_RATIO, ratio);
}

/// A gauge is a float: above 2^53 it is the nearest one.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge may be off by one in 2^53"
)]
pub(crate) const fn rounded(value: u64) -> f64 {
    value as f64
}
