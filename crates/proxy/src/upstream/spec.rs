//! Configuration as written: `upstreams.<name>`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_backend::{GuardSpec, TlsSpec};
use ztag_token::client::UpstreamCredentialSpec;
use ztag_types::DurationSpec;

/// A group of targets that can answer for each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpstreamSpec {
    /// Where requests go; at least one.
    pub targets: Vec<TargetSpec>,
    /// How a target is chosen.
    pub balance: Balance,
    /// What is spoken to the targets.
    pub protocol: UpstreamProtocol,
    /// Longest wait for a connection: name look-up, TCP and TLS together.
    pub connect_timeout: DurationSpec,
    /// Longest wait for the head of a response, retries included; where a client streams the body of its request, from its last piece.
    pub timeout: DurationSpec,
    /// Longest silence of a target in the middle of a response body.
    pub idle_timeout: DurationSpec,
    /// Asks every target regularly how it is. Without, only the requests themselves show it.
    pub health: Option<HealthSpec>,
    /// Leaves out targets that fail request after request.
    pub ejection: EjectionSpec,
    /// Asks again, where that cannot have a second effect.
    pub retries: RetrySpec,
    /// Turns requests away rather than queueing them without end.
    pub breaker: BreakerSpec,
    /// Idle connections kept for later requests.
    pub pool: UpstreamPoolSpec,
    /// TLS towards `https` targets.
    pub tls: TlsSpec,
    /// Which addresses may be called.
    pub address_guard: GuardSpec,
    /// The `Authorization` that requests carry to the targets, unless their route says otherwise. None unless set.
    pub credentials: Option<UpstreamCredentialSpec>,
}

impl Default for UpstreamSpec {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            balance: Balance::default(),
            protocol: UpstreamProtocol::default(),
            connect_timeout: DurationSpec::new(Duration::from_secs(2)),
            timeout: DurationSpec::new(Duration::from_secs(30)),
            idle_timeout: DurationSpec::new(Duration::from_mins(1)),
            health: None,
            ejection: EjectionSpec::default(),
            retries: RetrySpec::default(),
            breaker: BreakerSpec::default(),
            pool: UpstreamPoolSpec::default(),
            tls: TlsSpec::default(),
            address_guard: GuardSpec::default(),
            credentials: None,
        }
    }
}

/// One target of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TargetSpec {
    /// Scheme, host and port, such as `http://10.0.0.7:8080` or `https://app.internal`. There is no path: what was judged is what is forwarded.
    pub url: String,
    /// Share of the requests relative to the other targets; 0 gets none.
    #[schemars(range(max = 100))]
    pub weight: u32,
}

impl Default for TargetSpec {
    fn default() -> Self {
        Self {
            url: String::new(),
            weight: 1,
        }
    }
}

/// How a target is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Balance {
    /// The one with less requests under way, of two picked at random by weight.
    #[default]
    LeastLoaded,
    /// In turn, by weight.
    RoundRobin,
}

/// What is spoken to the targets of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: agreed on in the TLS handshake with `https` targets, without asking with `http` ones. Upgrades do not pass.
    Http2,
}

/// Regular questions to every target of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HealthSpec {
    /// What is asked for, with `GET`: a path, possibly with a query.
    pub path: String,
    /// From one question to the next.
    pub interval: DurationSpec,
    /// Longest wait for the head of the answer, connection included.
    pub timeout: DurationSpec,
    /// Good answers in a row until a target that was out is used again.
    #[schemars(range(min = 1))]
    pub healthy: u32,
    /// Bad answers in a row until a target is left out.
    #[schemars(range(min = 1))]
    pub unhealthy: u32,
    /// Which statuses are good answers; when empty, every 2xx.
    pub statuses: Vec<u16>,
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self {
            path: String::from("/"),
            interval: DurationSpec::new(Duration::from_secs(5)),
            timeout: DurationSpec::new(Duration::from_secs(2)),
            healthy: 2,
            unhealthy: 3,
            statuses: Vec::new(),
        }
    }
}

/// When a target that fails is left out for a while. Failures are connections that cannot be made or break, timeouts, and the statuses 502, 503 and 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EjectionSpec {
    /// Failures in a row until a target is left out; 0 leaves none out.
    pub consecutive_failures: u32,
    /// How long a target is left out the first time; the second time twice as long, and so on up to ten times.
    pub base_time: DurationSpec,
    /// Most targets left out at once, in percent of the group, rounded down: a group of one needs 100.
    #[schemars(range(max = 100))]
    pub max_percent: u32,
}

impl Default for EjectionSpec {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            base_time: DurationSpec::new(Duration::from_secs(10)),
            max_percent: 50,
        }
    }
}

/// When a request is sent again. After the first byte of a response it never is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetrySpec {
    /// How often one request may be sent again, at most 5.
    #[schemars(range(max = 5))]
    pub attempts: u32,
    /// After what.
    pub on: Vec<RetryOn>,
    /// Most retries in percent of the requests of the group; three a second are free.
    #[schemars(range(max = 100))]
    pub budget_percent: u32,
    /// Longest wait for the head of a response per attempt; without, and for streamed bodies, only `timeout` counts.
    pub per_try_timeout: Option<DurationSpec>,
}

impl Default for RetrySpec {
    fn default() -> Self {
        Self {
            attempts: 1,
            on: vec![RetryOn::Connect, RetryOn::Reset],
            budget_percent: 20,
            per_try_timeout: None,
        }
    }
}

/// What a retry may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RetryOn {
    /// No connection could be made: nothing was sent, so that every request may be sent again.
    Connect,
    /// The connection broke, or `perTryTimeout` passed, without a byte of response. Idempotent requests (RFC 9110 section 9.2.2) without a streamed body only.
    Reset,
    /// The response was 502, 503 or 504. Idempotent requests without a streamed body only.
    Gateway,
}

/// When requests are turned away at once, with 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BreakerSpec {
    /// Most requests under way to the group, streams and upgraded connections included.
    #[schemars(range(min = 1))]
    pub max_requests: u32,
    /// Most connections to one target.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// Most requests waiting for a connection to one target.
    pub max_pending: u32,
    /// Opens the breaker when this many percent of the requests within 10 s fail; 0 never does.
    #[schemars(range(max = 100))]
    pub failure_percent: u32,
    /// Fewest requests within 10 s of which `failurePercent` is taken.
    #[schemars(range(min = 1))]
    pub min_requests: u32,
    /// How long an open breaker turns every request away; after that, one at a time finds out whether it closes.
    pub open_for: DurationSpec,
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self {
            max_requests: 4096,
            max_connections: 1024,
            max_pending: 1024,
            failure_percent: 0,
            min_requests: 20,
            open_for: DurationSpec::new(Duration::from_secs(5)),
        }
    }
}

/// Idle connections kept for later requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpstreamPoolSpec {
    /// Most idle connections kept per target and worker; 0 opens one for each request.
    pub max_idle: u32,
    /// How long a connection may stay idle before it is closed. Keep it below the keep-alive time of the targets.
    pub idle_timeout: DurationSpec,
}

impl Default for UpstreamPoolSpec {
    fn default() -> Self {
        Self {
            max_idle: 128,
            idle_timeout: DurationSpec::new(Duration::from_secs(30)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_written() {
        let text = r#"{
            "targets": [{"url": "https://a.example", "weight": 3}, {"url": "http://10.0.0.1:81"}],
            "balance": "roundRobin",
            "protocol": "http2",
            "connectTimeout": "1s", "timeout": "20s", "idleTimeout": "2m",
            "health": {
                "path": "/up", "interval": "3s", "timeout": "1s",
                "healthy": 1, "unhealthy": 2, "statuses": [200, 204]
            },
            "ejection": {"consecutiveFailures": 3, "baseTime": "5s", "maxPercent": 100},
            "retries": {
                "attempts": 2, "on": ["connect", "reset", "gateway"],
                "budgetPercent": 10, "perTryTimeout": "4s"
            },
            "breaker": {
                "maxRequests": 10, "maxConnections": 5, "maxPending": 2,
                "failurePercent": 50, "minRequests": 8, "openFor": "3s"
            },
            "pool": {"maxIdle": 4, "idleTimeout": "9s"},
            "tls": {"caFile": "ca.pem"},
            "addressGuard": {"denyPrivate": true},
            "credentials": {"none": true}
        }"#;
        let spec: UpstreamSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.targets.len(), 2);
        assert_eq!(spec.targets[1].weight, 1);
        assert_eq!(spec.balance, Balance::RoundRobin);
        assert_eq!(spec.protocol, UpstreamProtocol::Http2);
        assert_eq!(spec.retries.on.len(), 3);
        assert_eq!(spec.breaker.max_pending, 2);
        assert!(spec.credentials.unwrap().none);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            r#"{"target": []}"#,
            r#"{"targets": [{"uri": "http://a"}]}"#,
            r#"{"tls": {"insecure": true}}"#,
            r#"{"retries": {"on": ["always"]}}"#,
        ] {
            assert!(
                serde_json::from_str::<UpstreamSpec>(text).is_err(),
                "{text}"
            );
        }
    }
}
