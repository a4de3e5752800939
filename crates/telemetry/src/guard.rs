//! What guardrails found, by channel.

use std::collections::HashMap;
use std::sync::OnceLock;

use ahash::RandomState;
use metrics::{Counter, Histogram};
use parking_lot::Mutex;
use ztag_types::{ConsultReport, InspectReport};

use crate::metric;
use crate::registry::Registry;

/// Handles of the channels seen so far: there are six in all.
#[derive(Debug, Default)]
pub(crate) struct GuardHandles {
    channels: Mutex<HashMap<&'static str, ChannelHandles, RandomState>>,
    consulted: OnceLock<ConsultHandles>,
}

#[derive(Debug)]
struct ChannelHandles {
    injections: Counter,
    contents: Counter,
    blocked: Counter,
    duration: Histogram,
}

/// What classifiers said.
#[derive(Debug)]
struct ConsultHandles {
    blocked: Counter,
    cleared: Counter,
    kept: Counter,
    failed: Counter,
    duration: Histogram,
}

impl ChannelHandles {
    fn new(registry: &Registry, channel: &str) -> Self {
        let threats = |kind| registry.counter(metric::THREAT_DETECTIONS, &[channel, kind]);
        Self {
            injections: threats("injection"),
            contents: threats("content"),
            blocked: registry.counter(metric::INJECTIONS_BLOCKED, &[channel]),
            duration: registry.histogram(metric::GUARD_DURATION, &[channel]),
        }
    }
}

impl ConsultHandles {
    fn new(registry: &Registry) -> Self {
        let texts = |result| registry.counter(metric::GUARD_CONSULTED, &[result]);
        Self {
            blocked: texts("blocked"),
            cleared: texts("cleared"),
            kept: texts("kept"),
            failed: texts("failed"),
            duration: registry.histogram(metric::GUARD_CONSULT_DURATION, &[]),
        }
    }

    fn count(&self, report: &ConsultReport) {
        let decided = report.failed + report.blocked + report.cleared;
        let kept = report.asked.saturating_sub(decided);
        self.blocked.increment(report.blocked as u64);
        self.cleared.increment(report.cleared as u64);
        self.kept.increment(kept as u64);
        self.failed.increment(report.failed as u64);
        self.duration.record(report.latency);
    }
}

impl GuardHandles {
    /// Counts what was found; `blocked` is whether it was held up.
    pub(crate) fn count(&self, registry: &Registry, report: &InspectReport) {
        if let Some(consulted) = &report.consulted {
            let handles = self.consulted.get_or_init(|| ConsultHandles::new(registry));
            handles.count(consulted);
        }
        let blocked = report.verdict == "block" && !report.shadow;
        let mut known = self.channels.lock();
        for own in &report.channels {
            let handles = known
                .entry(own.channel)
                .or_insert_with(|| ChannelHandles::new(registry, own.channel));
            handles.injections.increment(own.injections as u64);
            handles.contents.increment(own.contents as u64);
            handles
                .blocked
                .increment(u64::from(blocked && own.injections > 0));
            handles.duration.record(own.latency);
        }
    }
}
