//! Where metrics are kept: plain atomics, rendered as Prometheus text (exposition format 0.0.4).
//!
//! It is a [`Recorder`], so that handles are those of the `metrics` crate. Histograms count into
//! fixed buckets at once instead of keeping samples until somebody renders.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Label, Level, Metadata, Recorder,
    SharedString, Unit,
};
use parking_lot::Mutex;

use crate::metric::{METRICS, Metric, MetricKind};

/// Most series of one metric; what comes later is not counted. Labels come from configuration, so
/// only a great many reloads with ever new names reach it.
const MAX_SERIES: usize = 50_000;

const METADATA: Metadata<'static> = Metadata::new("ztag", Level::INFO, None);

/// All metrics of one process.
#[derive(Debug)]
pub(crate) struct Registry {
    families: Vec<Family>,
}

/// One metric with its series, by their labels as rendered.
#[derive(Debug)]
struct Family {
    metric: &'static Metric,
    series: Mutex<BTreeMap<String, Series>>,
}

#[derive(Clone, Debug)]
enum Series {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Registry {
    pub(crate) fn new() -> Self {
        let family = |metric| Family {
            metric,
            series: Mutex::default(),
        };
        Self {
            families: METRICS.iter().map(family).collect(),
        }
    }

    /// The counter of `name` with the values of its labels, in their order.
    pub(crate) fn counter(&self, name: &'static str, values: &[&str]) -> Counter {
        self.register_counter(&self.key(name, values), &METADATA)
    }

    pub(crate) fn gauge(&self, name: &'static str, values: &[&str]) -> Gauge {
        self.register_gauge(&self.key(name, values), &METADATA)
    }

    pub(crate) fn histogram(&self, name: &'static str, values: &[&str]) -> Histogram {
        self.register_histogram(&self.key(name, values), &METADATA)
    }

    /// Forgets every series of `name`; whoever holds a handle counts for nobody from then on.
    pub(crate) fn clear(&self, name: &str) {
        if let Some(family) = self.family(name) {
            family.series.lock().clear();
        }
    }

    /// Everything counted, as Prometheus text.
    pub(crate) fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        for family in &self.families {
            family.render(&mut out);
        }
        out
    }

    fn key(&self, name: &'static str, values: &[&str]) -> Key {
        let names = self.family(name).map_or(&[][..], |own| own.metric.labels);
        let pairs = names.iter().zip(values);
        let labels: Vec<_> = pairs
            .map(|(label, value)| Label::new(*label, (*value).to_owned()))
            .collect();
        Key::from_parts(name, labels)
    }

    fn family(&self, name: &str) -> Option<&Family> {
        let mut families = self.families.iter();
        families.find(|family| family.metric.name == name)
    }

    fn series(&self, key: &Key) -> Option<Series> {
        self.family(key.name())?.series(key)
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key) {
            Some(Series::Counter(counter)) => Counter::from_arc(counter),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key) {
            Some(Series::Gauge(gauge)) => Gauge::from_arc(gauge),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key) {
            Some(Series::Histogram(histogram)) => Histogram::from_arc(histogram),
            _ => Histogram::noop(),
        }
    }
}

impl Family {
    fn series(&self, key: &Key) -> Option<Series> {
        let labels = rendered_labels(key.labels());
        let mut series = self.series.lock();
        if let Some(known) = series.get(&labels) {
            return Some(known.clone());
        }
        if series.len() >= MAX_SERIES {
            return None;
        }
        let new = match self.metric.kind {
            MetricKind::Counter => Series::Counter(Arc::default()),
            MetricKind::Gauge => Series::Gauge(Arc::default()),
            MetricKind::Histogram(bounds) => Series::Histogram(Arc::new(Buckets::new(bounds))),
        };
        series.insert(labels, new.clone());
        Some(new)
    }

    fn render(&self, out: &mut String) {
        let name = self.metric.name;
        let series = self.series.lock().clone();
        if series.is_empty() {
            return;
        }
        self.metric.render_head(out);
        // Writing to a string cannot fail.
        for (labels, series) in &series {
            match series {
                Series::Counter(count) => {
                    let count = count.load(Ordering::Relaxed);
                    let _ = writeln!(out, "{name}{} {count}", braced(labels, ""));
                }
                Series::Gauge(bits) => {
                    let value = f64::from_bits(bits.load(Ordering::Relaxed));
                    let _ = writeln!(out, "{name}{} {value}", braced(labels, ""));
                }
                Series::Histogram(buckets) => buckets.render(out, name, labels),
            }
        }
    }
}

/// A histogram of seconds.
#[derive(Debug)]
struct Buckets {
    bounds: &'static [f64],
    /// One more than bounds: the last counts what exceeds them all.
    counts: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            nanos: AtomicU64::new(0),
        }
    }

    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut sum = 0;
        for (bound, count) in bounds.zip(&self.counts) {
            sum += count.load(Ordering::Relaxed);
            let bound = if bound.is_finite() {
                format!("le=\"{bound}\"")
            } else {
                "le=\"+Inf\"".to_owned()
            };
            let _ = writeln!(out, "{name}_bucket{} {sum}", braced(labels, &bound));
        }
        let nanos = self.nanos.load(Ordering::Relaxed);
        let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        let labels = braced(labels, "");
        let _ = writeln!(out, "{name}_sum{labels} {seconds}.{nanos:09}");
        let _ = writeln!(out, "{name}_count{labels} {sum}");
    }
}

impl HistogramFn for Buckets {
    fn record(&self, seconds: f64) {
        let at = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and a latency is never negative"
        )]
        let nanos = (seconds * 1e9) as u64;
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

fn rendered_labels<'a>(labels: impl Iterator<Item = &'a Label>) -> String {
    let mut out = String::new();
    for label in labels {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(label.key());
        out.push_str("=\"");
        for c in label.value().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out
}

fn braced(labels: &str, more: &str) -> String {
    match (labels, more) {
        ("", "") => String::new(),
        ("", one) | (one, "") => format!("{{{one}}}"),
        (one, other) => format!("{{{one},{other}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric;

    #[test]
    fn counters_gauges_and_histograms_are_rendered() {
        let registry = Registry::new();
        registry.gauge(metric::CONFIG_GENERATION, &[]).set(3.0);
        let reloads = registry.counter(metric::CONFIG_RELOADS, &["success"]);
        reloads.increment(2);
        let stage = registry.histogram(metric::STAGE_DURATION, &["admission"]);
        stage.record(0.000_002);
        stage.record(0.25);
        stage.record(60.0);
        let text = registry.render();
        for line in [
            "# TYPE ztag_config_generation gauge",
            "ztag_config_generation 3",
            "ztag_config_reloads_total{result=\"success\"} 2",
            "ztag_stage_duration_seconds_bucket{stage=\"admission\",le=\"0.000001\"} 0",
            "ztag_stage_duration_seconds_bucket{stage=\"admission\",le=\"0.000005\"} 1",
            "ztag_stage_duration_seconds_bucket{stage=\"admission\",le=\"5\"} 2",
            "ztag_stage_duration_seconds_bucket{stage=\"admission\",le=\"+Inf\"} 3",
            "ztag_stage_duration_seconds_sum{stage=\"admission\"} 60.250002000",
            "ztag_stage_duration_seconds_count{stage=\"admission\"} 3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_same_labels_are_the_same_series() {
        let registry = Registry::new();
        for _ in 0..2 {
            registry
                .counter(metric::CONFIG_RELOADS, &["failure"])
                .increment(1);
        }
        assert!(registry.render().contains("{result=\"failure\"} 2\n"));
    }

    #[test]
    fn label_values_are_escaped() {
        let registry = Registry::new();
        registry
            .counter(metric::CONFIG_RELOADS, &["a\"b\\c\nd"])
            .increment(1);
        assert!(registry.render().contains(r#"{result="a\"b\\c\nd"} 1"#));
    }

    #[test]
    fn a_name_that_is_not_listed_is_not_counted() {
        let registry = Registry::new();
        registry.counter("ztag_invented_total", &[]).increment(1);
        registry
            .gauge(metric::REQUESTS, &["wrong", "kind", "200", "no"])
            .set(1.0);
        assert!(!registry.render().contains("ztag_invented_total"));
    }
}
