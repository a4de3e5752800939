//! What a group works by.

use std::time::Duration;

use ztag_types::DurationSpec;

use super::breaker::BreakerPolicy;
use super::ejection::EjectionPolicy;
use super::pool::STREAMS;
use super::spec::{RetryOn, RetrySpec, UpstreamProtocol, UpstreamSpec};

/// Longer waits are as good as endless, and this long clocks can count.
pub(super) const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// Most times that one request is sent again.
pub(super) const MOST_RETRIES: u32 = 5;

/// Everything that the connections of a target depend on, but its URL. Two targets whose wiring is
/// equal may use each other's connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wiring {
    pub(super) protocol: UpstreamProtocol,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    max_idle: u32,
    max_connections: u32,
    /// TLS and the address guard as written ...
    written: String,
    /// ... and the fingerprint of the certificates and keys that were read for it.
    material: [u8; 32],
}

impl Wiring {
    pub(super) fn new(spec: &UpstreamSpec, material: [u8; 32]) -> Self {
        Self {
            protocol: spec.protocol,
            connect_timeout: spec.connect_timeout.get().min(LONGEST_WAIT),
            idle_timeout: spec.pool.idle_timeout.get().min(LONGEST_WAIT),
            max_idle: spec.pool.max_idle,
            max_connections: spec.breaker.max_connections,
            written: format!("{:?} {:?}", spec.tls, spec.address_guard),
            material,
        }
    }

    pub(super) const fn max_idle(&self) -> usize {
        self.max_idle as usize
    }

    pub(super) const fn max_connections(&self) -> usize {
        self.max_connections as usize
    }

    /// Most exchanges under way at once.
    pub(super) const fn seats(&self) -> usize {
        match self.protocol {
            UpstreamProtocol::Http1 => self.max_connections(),
            UpstreamProtocol::Http2 => self.max_connections() * STREAMS,
        }
    }
}

/// How a request is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// To the head of the response.
    pub(super) timeout: Duration,
    /// Between two frames of its body.
    pub(super) silence: Duration,
    pub(super) retries: RetryPolicy,
    pub(super) breaker: BreakerPolicy,
    pub(super) ejection: EjectionPolicy,
    pub(super) max_pending: u32,
}

impl Policy {
    pub(super) fn new(spec: &UpstreamSpec) -> Self {
        Self {
            timeout: spec.timeout.get().min(LONGEST_WAIT),
            silence: spec.idle_timeout.get().min(LONGEST_WAIT),
            retries: RetryPolicy::new(&spec.retries),
            breaker: BreakerPolicy::new(&spec.breaker),
            ejection: EjectionPolicy::new(&spec.ejection),
            max_pending: spec.breaker.max_pending,
        }
    }
}

/// When a request is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPolicy {
    pub(super) attempts: u32,
    connect: bool,
    reset: bool,
    gateway: bool,
    pub(super) percent: u32,
    /// For each attempt, where it has one of its own.
    pub(super) timeout: Option<Duration>,
}

impl RetryPolicy {
    fn new(spec: &RetrySpec) -> Self {
        let on = |what| spec.on.contains(&what);
        Self {
            attempts: spec.attempts.min(MOST_RETRIES),
            connect: on(RetryOn::Connect),
            reset: on(RetryOn::Reset),
            gateway: on(RetryOn::Gateway),
            percent: spec.budget_percent,
            timeout: spec.per_try_timeout.map(DurationSpec::get),
        }
    }

    /// Whether a retry may follow `what`.
    pub(super) const fn follows(self, what: RetryOn) -> bool {
        match what {
            RetryOn::Connect => self.connect,
            RetryOn::Reset => self.reset,
            RetryOn::Gateway => self.gateway,
        }
    }

    /// Whether some retry needs the request once more after it was sent.
    pub(super) const fn needs_copies(self) -> bool {
        self.attempts > 0 && (self.reset || self.gateway)
    }
}
