//! How the targets of a group are, for whoever asks.

use serde::Serialize;
use tokio::time::Instant;
use ztag_types::SmolStr;

use super::Upstream;

/// How a target is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// Its group.
    pub upstream: SmolStr,
    /// Its host and port.
    pub target: SmolStr,
    /// Whether it gets requests.
    pub state: TargetState,
    /// Its share of the requests.
    pub weight: u32,
    /// Requests under way, streams and upgraded connections included.
    pub requests: usize,
    /// Connections that are open, idle ones included.
    pub connections: usize,
}

/// Whether a target gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It does.
    Ready,
    /// It answers health checks badly.
    Unhealthy,
    /// It failed too many requests in a row.
    Ejected,
}

impl TargetState {
    /// The spelling in metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unhealthy => "unhealthy",
            Self::Ejected => "ejected",
        }
    }
}

impl Upstream {
    /// How every target is, in the order of the configuration.
    pub fn status(&self) -> Vec<TargetStatus> {
        let now = self.group.at(Instant::now());
        let statuses = self.targets.iter().map(|target| {
            let place = &target.place;
            let state = if place.health.is_out() {
                TargetState::Unhealthy
            } else if place.ejection.is_out(now) {
                TargetState::Ejected
            } else {
                TargetState::Ready
            };
            TargetStatus {
                upstream: self.name.clone(),
                target: place.name.clone(),
                state,
                weight: target.weight,
                requests: place.load(),
                connections: place.pool.open(),
            }
        });
        statuses.collect()
    }

    /// Requests under way in the whole group.
    pub fn requests(&self) -> u32 {
        self.group.breaker.under_way()
    }

    /// Whether requests are turned away because too many failed lately.
    pub fn is_open(&self) -> bool {
        self.group.breaker.is_open(self.group.at(Instant::now()))
    }
}
