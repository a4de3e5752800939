//! What is wrong with a group is said, all of it, before anybody is called.

use ztag_backend::TlsMaterial;
use ztag_proxy::{Upstream, UpstreamDeps, UpstreamPlaces, UpstreamSpec};
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, Findings};

fn findings(text: &str) -> Vec<String> {
    let spec: UpstreamSpec = serde_json::from_str(text).unwrap();
    let (places, material) = (UpstreamPlaces::new(), TlsMaterial::none());
    let deps = UpstreamDeps {
        places: &places,
        material: &material,
        credential: &OutboundCredential::NONE,
    };
    let mut findings = Findings::new();
    let compiled = Upstream::compile(&spec, "a", &ConfigPath::root(), deps, &mut findings);
    assert_eq!(compiled.is_none(), findings.errors() > 0, "{text}");
    let lines = findings.as_slice().iter();
    lines
        .map(|found| format!("{} {}: {}", found.code, found.path, found.message))
        .collect()
}

#[test]
fn everything_wrong_is_found_at_once() {
    let text = r#"{
        "targets": [
            {"url": "http://a:81"}, {"url": "http://a:81/"}, {"url": "http://a/b", "weight": 101},
            {"url": "ftp://a"}, {"url": "a:80"}, {"url": "http://user:secret@a"}, {"url": ""}
        ],
        "connectTimeout": "0", "timeout": "0", "idleTimeout": "0",
        "health": {"path": "up", "interval": "0", "timeout": "0", "healthy": 0, "unhealthy": 0, "statuses": [101]},
        "ejection": {"baseTime": "0", "maxPercent": 101},
        "retries": {"attempts": 6, "budgetPercent": 101, "perTryTimeout": "0"},
        "breaker": {"maxRequests": 0, "maxConnections": 0, "minRequests": 0, "failurePercent": 101, "openFor": "0"},
        "pool": {"idleTimeout": "0"},
        "tls": {"serverName": "a b"},
        "addressGuard": {"allow": ["x"]}
    }"#;
    let found = findings(text);
    let expected = [
        "C006 timeout: must be longer than 0",
        "C006 idleTimeout: must be longer than 0",
        "C006 pool.idleTimeout: must be longer than 0",
        "C006 retries.attempts: must be at most 5",
        "C006 retries.budgetPercent: must be at most 100",
        "C006 retries.perTryTimeout: must be longer than 0",
        "C006 breaker.maxRequests: must be at least 1",
        "C006 breaker.maxConnections: must be at least 1",
        "C006 breaker.minRequests: must be at least 1",
        "C006 breaker.failurePercent: must be at most 100",
        "C006 breaker.openFor: must be longer than 0",
        "C006 ejection.maxPercent: must be at most 100",
        "C006 ejection.baseTime: must be longer than 0",
        "C011 targets[1].url: `http://a:81/` is a target of this group already",
        "C006 targets[2].weight: must be at most 100",
        "C032 targets[2].url: `http://a/b` has more than scheme, host and port",
        "C032 targets[3].url: `ftp://a` cannot be called",
        "C032 targets[4].url: `a:80` cannot be called",
        "C032 targets[5].url: a target has no user name and no password",
        "C032 targets[6].url: `` is not a URL: relative URL without a base",
        "C006 health.path: `up` is not a path",
        "C006 health.interval: must be longer than 0",
        "C006 health.timeout: must be longer than 0",
        "C006 health.healthy: must be at least 1",
        "C006 health.unhealthy: must be at least 1",
        "C006 health.statuses[0]: `101` is not the status of an answer",
        "C006 connectTimeout: must be longer than 0",
        "C006 addressGuard.allow[0]: `x` is not a network",
        "C033 tls.serverName: `a b` is not a host name",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_group_needs_a_target_that_is_used() {
    let missing = "C005 targets: a group needs at least one target";
    assert_eq!(findings("{}"), [missing]);
    let idle = "C006 targets: every target has a weight of 0, so that none is ever used";
    let text = r#"{"targets": [{"url": "http://a", "weight": 0}]}"#;
    assert_eq!(findings(text), [idle]);
    assert!(findings(r#"{"targets": [{"url": "https://a.example"}]}"#).is_empty());
}
