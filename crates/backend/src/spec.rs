//! Configuration as written: `server.backend` and `backendApi.tls` of a rule.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ztag_types::DurationSpec;

/// How backends are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientSpec {
    /// Longest wait for a connection: for a free place, the name look-up, TCP and TLS together, per attempt.
    pub connect_timeout: DurationSpec,
    /// Idle connections kept for later calls.
    pub pool: PoolSpec,
    /// Most connections open to one origin (scheme, host and port); further calls wait for `connectTimeout`, then fail.
    #[schemars(range(min = 1))]
    pub max_connections_per_origin: u32,
    /// TLS towards `https` backends.
    pub tls: TlsSpec,
    /// Which addresses may be called.
    pub address_guard: GuardSpec,
}

impl Default for ClientSpec {
    fn default() -> Self {
        Self {
            connect_timeout: DurationSpec::new(Duration::from_secs(2)),
            pool: PoolSpec::default(),
            max_connections_per_origin: 256,
            tls: TlsSpec::default(),
            address_guard: GuardSpec::default(),
        }
    }
}

/// Idle connections kept for later calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PoolSpec {
    /// Most idle connections kept per origin; 0 opens one for each call.
    pub max_idle_per_origin: u32,
    /// How long a connection may stay idle before it is closed. Keep it below the keep-alive time of the backends.
    pub idle_timeout: DurationSpec,
}

impl Default for PoolSpec {
    fn default() -> Self {
        Self {
            max_idle_per_origin: 64,
            idle_timeout: DurationSpec::new(Duration::from_secs(30)),
        }
    }
}

/// TLS towards `https` backends. Certificates and names are always verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsSpec {
    /// PEM file of the certificate authorities to trust, instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate and its chain; needs `keyFile`.
    pub cert_file: Option<PathBuf>,
    /// PEM file of the private key of `certFile`.
    pub key_file: Option<PathBuf>,
    /// Name to ask for and to verify, instead of the host of the URL.
    pub server_name: Option<String>,
    /// Lowest protocol version accepted.
    pub min_version: TlsVersion,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "tls1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "tls1.3")]
    Tls13,
}

/// Which addresses may be called; every address a host name resolves to is checked, and only a checked one is called.
///
/// `allow` outranks `deny` and `denyPrivate`; what none of them names may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardSpec {
    /// Networks that may be called in spite of the other two, such as `10.1.0.0/16` or `10.1.2.3`.
    pub allow: Vec<String>,
    /// Networks that must not be called. With `0.0.0.0/0` and `::/0`, only those of `allow` remain.
    pub deny: Vec<String>,
    /// Whether everything but public unicast addresses is denied: private, shared, loopback, link-local (cloud metadata services among them), multicast and reserved ranges.
    pub deny_private: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_as_written() {
        let text = r#"{
            "connectTimeout": "1500ms",
            "pool": {"maxIdlePerOrigin": 3, "idleTimeout": "1m"},
            "maxConnectionsPerOrigin": 9,
            "tls": {
                "caFile": "ca.pem", "certFile": "me.pem", "keyFile": "me.key",
                "serverName": "b.example", "minVersion": "tls1.3"
            },
            "addressGuard": {"allow": ["10.0.0.0/8"], "deny": ["::/0"], "denyPrivate": true}
        }"#;
        let spec: ClientSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.connect_timeout.get(), Duration::from_millis(1500));
        assert_eq!(spec.pool.max_idle_per_origin, 3);
        assert_eq!(spec.tls.min_version, TlsVersion::Tls13);
        assert!(spec.address_guard.deny_private);
        let again = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<ClientSpec>(&again).unwrap(), spec);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            r#"{"proxy": "x"}"#,
            r#"{"tls": {"insecureSkipVerify": true}}"#,
        ] {
            assert!(serde_json::from_str::<ClientSpec>(text).is_err(), "{text}");
        }
        assert_eq!(
            serde_json::from_str::<ClientSpec>("{}").unwrap(),
            ClientSpec::default()
        );
    }
}
