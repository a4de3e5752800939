//! The front: what the pipeline and the binaries call.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use ztag_types::{Clock, EndpointName, InspectReport, Record, RuleName, StreamReport, SystemClock};

use crate::edge::EdgeHandles;
use crate::error::TelemetryError;
use crate::gauges::{FetchGauges, Gauges, TargetGauges, TokenGauges, rounded};
use crate::guard::GuardHandles;
use crate::handles::Handles;
use crate::layer::LogLayer;
use crate::refusals::{Refusals, is_about_credentials};
use crate::registry::Registry;
use crate::sink::Drain;
use crate::spec::{LogFormat, LogLevel, LoggingSpec};
use crate::{access, metric, process};

/// Counts and logs. Cheap to clone; all clones are one. The last one dropped writes what waits.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    handles: ArcSwap<Handles>,
    drain: Drain,
    level: LogLevel,
    format: LogFormat,
    edge: ArcSwap<EdgeHandles>,
    refusals: OnceLock<Refusals>,
    guard: GuardHandles,
    gauges: Mutex<Gauges>,
}

/// A plan that decides from now on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published<'a> {
    /// Its generation.
    pub generation: u64,
    /// Its endpoints with the rules they name, quarantined ones included.
    pub endpoints: &'a [(EndpointName, Vec<RuleName>)],
    /// How many endpoints are broken.
    pub quarantined_endpoints: usize,
    /// How many rules are broken.
    pub quarantined_rules: usize,
}

/// Routes and upstream groups that a gateway serves from now on.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishedEdge<'a> {
    /// Names of its routes, quarantined ones included.
    pub routes: &'a [&'a str],
    /// Names of its upstream groups, quarantined ones included.
    pub upstreams: &'a [&'a str],
    /// How many routes are broken.
    pub quarantined_routes: usize,
    /// How many upstream groups are broken.
    pub quarantined_upstreams: usize,
}

/// The result cache in numbers; `None` where the backend does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheGauges {
    /// Verdicts kept.
    pub entries: Option<u64>,
    /// Bytes accounted for them.
    pub bytes: Option<u64>,
    /// Verdicts dropped to make room, since the start.
    pub evicted: u64,
    /// Whether the cache can be asked.
    pub available: bool,
}

/// Telemetry on standard output, with its layer as the `tracing` subscriber of the process.
///
/// Our own crates log at the configured level, others at most at `warn`: at `debug` they print what
/// passes through them.
///
/// # Errors
/// [`TelemetryError`] when a subscriber is installed already or the writer cannot be started.
pub fn init(spec: &LoggingSpec) -> Result<Telemetry, TelemetryError> {
    let telemetry = Telemetry::new(spec, io::stdout())?;
    let own = level_filter(spec.level);
    let others = own.min(LevelFilter::WARN);
    let targets = Targets::new()
        .with_default(others)
        .with_target("ztag", own)
        .with_target("forward_auth", own);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer().with_filter(targets));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    Ok(telemetry)
}

impl Telemetry {
    /// Telemetry of its own that touches nothing global: log lines go to `output`.
    ///
    /// # Errors
    /// [`TelemetryError::Writer`] when the writer cannot be started.
    pub fn new(
        spec: &LoggingSpec,
        output: impl Write + Send + 'static,
    ) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        // Alerts need a value before the first reload, too.
        for result in ["success", "failure"] {
            registry
                .counter(metric::CONFIG_RELOADS, &[result])
                .increment(0);
        }
        registry
            .gauge(metric::CONFIG_LAST_RELOAD_SUCCESS, &[])
            .set(1.0);
        let handles = Handles::new(&registry, &[]);
        let edge = EdgeHandles::new(&registry, &[], &[]);
        Ok(Self {
            inner: Arc::new(Inner {
                registry,
                handles: ArcSwap::from_pointee(handles),
                drain: Drain::start(Box::new(output))?,
                level: spec.level,
                format: spec.format,
                edge: ArcSwap::from_pointee(edge),
                refusals: OnceLock::new(),
                guard: GuardHandles::default(),
                gauges: Mutex::default(),
            }),
        })
    }

    /// A layer that writes `tracing` events to the same log. Filter it: it takes everything.
    pub fn layer(&self) -> LogLayer {
        LogLayer::new(self.inner.drain.sink().clone(), self.inner.format)
    }

    /// Counts and logs a finished decision. Call it once per decision: a gateway does so when the
    /// head of the response is sent, and not when its body ends.
    pub fn observe(&self, record: &Record) {
        let Inner {
            registry,
            handles,
            edge,
            refusals,
            drain,
            level,
            format,
            ..
        } = &*self.inner;
        handles.load().count(registry, record);
        if let Some(report) = &record.forwarded {
            edge.load().count(registry, record, report);
        }
        for report in access::inspections(record) {
            self.inspected(report);
        }
        if is_about_credentials(record.reason.code()) {
            let refusals = refusals.get_or_init(|| Refusals::new(registry, &[]));
            refusals.count(record.reason.detail());
        }
        if *level < LogLevel::Info {
            return;
        }
        drain.sink().append(|out| {
            if *level >= LogLevel::Debug {
                access::write_details(out, *format, record);
            }
            access::write_decision(out, *format, record);
        });
    }

    /// Counts what a guardrail found in a request or response.
    pub fn inspected(&self, report: &InspectReport) {
        self.inner.guard.count(&self.inner.registry, report);
    }

    /// Counts and logs what a guardrail found in a response that it read as it came. Call it once, when
    /// the response has ended.
    pub fn response_read(&self, report: &StreamReport) {
        self.inspected(&report.inspection);
        let Inner {
            drain,
            level,
            format,
            ..
        } = &*self.inner;
        if *level >= LogLevel::Info {
            let now = SystemClock::new().now();
            let sink = drain.sink();
            sink.append(|out| access::write_stream(out, *format, report, now));
        }
    }

    /// Whether stages, rules and backend calls are logged, too.
    pub fn logs_details(&self) -> bool {
        self.inner.level >= LogLevel::Debug
    }

    /// Makes the handles of a plan, and tells of its generation and quarantines.
    pub fn plan_published(&self, plan: &Published<'_>) {
        let registry = &self.inner.registry;
        let handles = Handles::new(registry, plan.endpoints);
        self.inner.handles.store(Arc::new(handles));
        let gauge = |name, labels: &[&str], value| registry.gauge(name, labels).set(value);
        gauge(metric::CONFIG_GENERATION, &[], rounded(plan.generation));
        for (kind, count) in [
            ("endpoint", plan.quarantined_endpoints),
            ("rule", plan.quarantined_rules),
        ] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            gauge(metric::QUARANTINED, &[kind], rounded(count));
        }
    }

    /// Makes the handles of a gateway's routes and upstream groups, and tells of its quarantines.
    pub fn edge_published(&self, edge: &PublishedEdge<'_>) {
        let registry = &self.inner.registry;
        let handles = EdgeHandles::new(registry, edge.routes, edge.upstreams);
        self.inner.edge.store(Arc::new(handles));
        for (kind, count) in [
            ("route", edge.quarantined_routes),
            ("upstream", edge.quarantined_upstreams),
        ] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            registry
                .gauge(metric::QUARANTINED, &[kind])
                .set(rounded(count));
        }
    }

    /// Tells why tokens can be refused: the details of such reasons that are counted by name, the
    /// rest being `other`. Call it once, before the first decision.
    pub fn name_refusals(&self, names: &[&'static str]) {
        let refusals = Refusals::new(&self.inner.registry, names);
        // Somebody else named them before: what was counted stays.
        let _ = self.inner.refusals.set(refusals);
    }

    /// Counts an attempt to load a changed configuration.
    pub fn reload(&self, success: bool) {
        let result = if success { "success" } else { "failure" };
        let registry = &self.inner.registry;
        registry
            .counter(metric::CONFIG_RELOADS, &[result])
            .increment(1);
        let last = registry.gauge(metric::CONFIG_LAST_RELOAD_SUCCESS, &[]);
        last.set(if success { 1.0 } else { 0.0 });
    }

    /// Tells of the result cache; call it before [`Self::render`].
    pub fn cache(&self, cache: &CacheGauges) {
        let registry = &self.inner.registry;
        for (name, value) in [
            (metric::CACHE_ENTRIES, cache.entries),
            (metric::CACHE_BYTES, cache.bytes),
            (metric::CACHE_AVAILABLE, Some(u64::from(cache.available))),
        ] {
            if let Some(value) = value {
                registry.gauge(name, &[]).set(rounded(value));
            }
        }
        let evictions = registry.counter(metric::CACHE_EVICTIONS, &[]);
        evictions.absolute(cache.evicted);
    }

    /// Has `open` asked how many connections a listener has whenever metrics are rendered;
    /// `listener` is a name of ours.
    pub fn count_connections(
        &self,
        listener: &'static str,
        open: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let mut gauges = self.inner.gauges.lock();
        gauges.connections.push((listener, Box::new(open)));
    }

    /// Has `ask` asked about the memory of accepted tokens whenever metrics are rendered.
    pub fn count_tokens(&self, ask: impl Fn() -> TokenGauges + Send + Sync + 'static) {
        self.inner.gauges.lock().tokens = Some(Box::new(ask));
    }

    /// Has `ask` asked how the keys of issuers were fetched whenever metrics are rendered.
    pub fn count_fetches(&self, ask: impl Fn() -> Vec<FetchGauges> + Send + Sync + 'static) {
        self.inner.gauges.lock().fetches = Some(Box::new(ask));
    }

    /// Has `ask` asked how the targets of upstream groups are whenever metrics are rendered.
    pub fn count_targets(&self, ask: impl Fn() -> Vec<TargetGauges> + Send + Sync + 'static) {
        self.inner.gauges.lock().targets = Some(Box::new(ask));
    }

    /// Has `ask` asked for more lines of the same format whenever metrics are rendered, from somebody
    /// who counts by himself under names of his own.
    pub fn count_others(&self, ask: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.inner.gauges.lock().others.push(Box::new(ask));
    }

    /// All metrics in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let registry = &self.inner.registry;
        // Held to the end: what is read anew is not forgotten meanwhile.
        let gauges = self.inner.gauges.lock();
        gauges.read(registry);
        let dropped = registry.counter(metric::LOG_LINES_DROPPED, &[]);
        dropped.absolute(self.inner.drain.sink().dropped());
        let mut text = registry.render();
        gauges.append_others(&mut text);
        drop(gauges);
        process::render(&mut text);
        text
    }

    /// Writes the log lines that wait. The end of the process needs it only when a clone outlives it.
    pub fn flush(&self) {
        self.inner.drain.sink().flush();
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("level", &self.inner.level)
            .field("format", &self.inner.format)
            .finish_non_exhaustive()
    }
}

const fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}
