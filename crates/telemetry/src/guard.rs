//! What guardrails found, by channel.

use std::collections::HashMap;

use ahash::RandomState;
use metrics::{Counter, Histogram};
use parking_lot::Mutex;
use ztag_types::InspectReport;

use crate::metric;
use crate::registry::Registry;

/// Handles of the channels seen so far: there are six in all.
#[derive(Debug, Default)]
pub(crate) struct GuardHandles(Mutex<HashMap<&'static str, ChannelHandles, RandomState>>);

#[derive(Debug)]
struct ChannelHandles {
    injections: Counter,
    contents: Counter,
    blocked: Counter,
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

impl GuardHandles {
    /// Counts what was found; `blocked` is whether it was held up.
    pub(crate) fn count(&self, registry: &Registry, report: &InspectReport) {
        let blocked = report.verdict == "block" && !report.shadow;
        let mut known = self.0.lock();
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
