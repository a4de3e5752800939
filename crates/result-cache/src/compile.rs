//! What is wrong with a configuration, all of it.

use ztag_types::{Code, ConfigPath, Diagnostic, DurationSpec};

use crate::redis::parse_address;
use crate::spec::{CacheBackend, CacheSpec, EndpointCacheSpec, RedisSpec, RuleCacheSpec};

/// Least memory that holds something useful.
const MIN_BYTES: u64 = 64 * 1024;

/// Checks `server.cache`.
pub fn check_server_cache(spec: &CacheSpec, at: &ConfigPath) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let memory = at.key("memory");
    if spec.memory.max_bytes < MIN_BYTES {
        let message = format!("`{}` is less than {MIN_BYTES} bytes", spec.memory.max_bytes);
        let at = memory.key("maxBytes");
        found.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    if spec.memory.max_entries == 0 {
        let at = memory.key("maxEntries");
        let message = "the cache must have room for at least one verdict";
        found.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    if spec.backend == CacheBackend::Redis {
        found.extend(check_redis(&spec.redis, &at.key("redis")));
        if spec.key_salt.expose().is_empty() {
            let message = "without a salt, whoever can write to redis can forge verdicts";
            let warning = Diagnostic::warning(Code::Unsafe, &at.key("keySalt"), message);
            found.push(warning.hint("set the same random `keySalt` on every replica"));
        }
    }
    found
}

/// Checks `rules.<name>.cache`, where `server` is the ceiling of every lifetime.
pub fn check_rule_cache(
    spec: &RuleCacheSpec,
    server: &CacheSpec,
    at: &ConfigPath,
) -> Vec<Diagnostic> {
    let ttl = at.key("ttl");
    let mut found = Vec::new();
    if spec.ttl.error.is_some_and(|ttl| !ttl.get().is_zero()) {
        let message = "an error is never remembered, so this has no effect";
        let at = ttl.key("error");
        found.push(Diagnostic::warning(Code::InvalidValue, &at, message));
    }
    found.extend(check_ceiling(spec.ttl.pass, server, &ttl.key("pass")));
    found.extend(check_ceiling(spec.ttl.fail, server, &ttl.key("fail")));
    if !spec.include_proxy_headers {
        let message = "verdicts that depend on proxy headers may be replayed for other clients";
        let at = at.key("includeProxyHeaders");
        found.push(Diagnostic::warning(Code::Unsafe, &at, message));
    }
    found
}

/// Checks `endpoints.<name>.cache`, where `server` is the ceiling of every lifetime.
pub fn check_endpoint_cache(
    spec: &EndpointCacheSpec,
    server: &CacheSpec,
    at: &ConfigPath,
) -> Vec<Diagnostic> {
    check_ceiling(spec.result_ttl, server, &at.key("resultTTL"))
        .into_iter()
        .collect()
}

fn check_redis(spec: &RedisSpec, at: &ConfigPath) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if spec.address.is_empty() {
        let message = "`address` is required with `backend: redis`";
        found.push(Diagnostic::error(
            Code::MissingKey,
            &at.key("address"),
            message,
        ));
    } else if parse_address(&spec.address).is_none() {
        // The address is not repeated: people write URLs with passwords here.
        let message = "this is not an address such as `redis.internal:6379`";
        let error = Diagnostic::error(Code::CacheBackend, &at.key("address"), message);
        found.push(error.hint("user, password, database and TLS have keys of their own"));
    }
    for (name, wait) in [
        ("timeout", spec.timeout),
        ("connectTimeout", spec.connect_timeout),
    ] {
        if wait.get().is_zero() {
            let message = "redis must be given some time to answer";
            found.push(Diagnostic::error(
                Code::InvalidValue,
                &at.key(name),
                message,
            ));
        }
    }
    if !spec.username.is_empty() && spec.password.expose().is_empty() {
        let message = "`username` has no effect without `password`";
        found.push(Diagnostic::warning(
            Code::MissingKey,
            &at.key("password"),
            message,
        ));
    }
    if !spec.tls.ca_file.is_empty() && !spec.tls.enabled {
        let message = "`caFile` has no effect while `enabled` is false";
        found.push(Diagnostic::warning(
            Code::Conflict,
            &at.key("tls").key("caFile"),
            message,
        ));
    }
    found
}

fn check_ceiling(
    wanted: Option<DurationSpec>,
    server: &CacheSpec,
    at: &ConfigPath,
) -> Option<Diagnostic> {
    let ceiling = server.ceiling();
    (wanted?.get() > ceiling).then(|| {
        let message = format!(
            "`server.cache.ttlSeconds` shortens this to {}s",
            ceiling.as_secs()
        );
        Diagnostic::warning(Code::InvalidValue, at, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(server: serde_json::Value, expected: &[(&str, Code)]) {
        let spec: CacheSpec = serde_json::from_value(server).unwrap();
        let found = check_server_cache(&spec, &ConfigPath::root().key("cache"));
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.path.to_string(), found.code))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, code)| ((*path).to_owned(), *code))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_default_is_fine() {
        check(json!({}), &[]);
        let spec = CacheSpec::default();
        assert_eq!((spec.ttl_seconds, spec.epoch), (30, 1));
        assert_eq!(spec.ceiling().as_secs(), 30);
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        check(
            json!({
                "backend": "REDIS",
                "memory": {"maxBytes": 1, "maxEntries": 0},
                "redis": {"username": "app", "timeout": "0", "tls": {"caFile": "ca.pem"}},
            }),
            &[
                ("cache.memory.maxBytes", Code::InvalidValue),
                ("cache.memory.maxEntries", Code::InvalidValue),
                ("cache.redis.address", Code::MissingKey),
                ("cache.redis.timeout", Code::InvalidValue),
                ("cache.redis.password", Code::MissingKey),
                ("cache.redis.tls.caFile", Code::Conflict),
                ("cache.keySalt", Code::Unsafe),
            ],
        );
    }

    #[test]
    fn a_url_is_no_address_and_is_not_repeated() {
        let spec: CacheSpec = serde_json::from_value(json!({
            "backend": "redis", "keySalt": "s", "redis": {"address": "redis://app:hunter2@redis:6379"},
        }))
        .unwrap();
        let found = check_server_cache(&spec, &ConfigPath::root());
        assert_eq!(found.len(), 1);
        assert!(
            !format!("{found:?}{spec:?}")
                .replace("address: \"redis://app:hunter2@redis:6379\"", "")
                .contains("hunter2")
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let spec: CacheSpec = serde_json::from_value(json!({
            "keySalt": "pepper", "redis": {"password": "hunter2"},
        }))
        .unwrap();
        let shown = format!("{spec:?}");
        assert!(!shown.contains("pepper") && !shown.contains("hunter2"));
    }

    #[test]
    fn unknown_keys_and_backends_are_refused() {
        for bad in [
            json!({"ttl": 3}),
            json!({"backend": "memcached"}),
            json!({"ttlSeconds": -1}),
            json!({"redis": {"tls": {"insecure": true}}}),
        ] {
            assert!(
                serde_json::from_value::<CacheSpec>(bad.clone()).is_err(),
                "{bad}"
            );
        }
        let rule = json!({"passTTL": "5m"});
        assert!(serde_json::from_value::<RuleCacheSpec>(rule).is_err());
    }

    #[test]
    fn a_rule_hears_about_lifetimes_without_effect() {
        let spec: RuleCacheSpec = serde_json::from_value(json!({
            "ttl": {"pass": "5m", "fail": "10s", "error": "1s"}, "includeProxyHeaders": false,
        }))
        .unwrap();
        let at = ConfigPath::root().key("cache");
        let found = check_rule_cache(&spec, &CacheSpec::default(), &at);
        let paths: Vec<_> = found.iter().map(|found| found.path.to_string()).collect();
        let expected = [
            "cache.ttl.error",
            "cache.ttl.pass",
            "cache.includeProxyHeaders",
        ];
        assert_eq!(paths, expected);
        assert!(found.iter().all(|found| !found.is_error()));
    }
}
