//! From an [`UpstreamSpec`] to an [`Upstream`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use url::Url;
use ztag_backend::{Alpn, DialSpec, Dialer, TlsMaterial, is_callable};
use ztag_token::client::OutboundCredential;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::Upstream;
use super::choose::{Chooser, Target};
use super::health::HealthPolicy;
use super::place::UpstreamPlaces;
use super::policy::{LONGEST_WAIT, MOST_RETRIES, Policy, Wiring};
use super::spec::{HealthSpec, TargetSpec, UpstreamProtocol, UpstreamSpec};

/// Most targets of a group.
const MOST_TARGETS: usize = 256;
/// Greatest weight of a target.
const MOST_WEIGHT: u32 = 100;
/// Most connections to a target, which are counted in small numbers.
const MOST_CONNECTIONS: u32 = 1_000_000;

/// What a group is compiled with.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamDeps<'a> {
    /// The long-lived places.
    pub places: &'a UpstreamPlaces,
    /// Certificates and keys that the group's `tls` names. Of no use to a group without `https`
    /// targets.
    pub material: &'a TlsMaterial,
    /// What the group's `credentials` came to.
    pub credential: &'a OutboundCredential,
}

impl Upstream {
    /// The group `name` as `spec`, standing at `at`, says. `None` when something is wrong, with
    /// findings. Nobody is called; health checks begin with [`Self::watch_health`].
    pub fn compile(
        spec: &UpstreamSpec,
        name: &str,
        at: &ConfigPath,
        deps: UpstreamDeps<'_>,
        findings: &mut Findings,
    ) -> Option<Arc<Self>> {
        let before = findings.errors();
        check_limits(spec, at, findings);
        let urls = urls(&spec.targets, &at.key("targets"), findings);
        let health = match &spec.health {
            None => Some(None),
            Some(health) => self::health(health, &at.key("health"), findings).map(Some),
        };
        let encrypts = spec.targets.iter().any(|t| t.url.starts_with("https:"));
        let material = if encrypts {
            deps.material.clone()
        } else {
            TlsMaterial::none()
        };
        let wiring = Arc::new(Wiring::new(spec, material.fingerprint()));
        let dialer = Dialer::compile(dialing(spec), material, at, findings);
        let (urls, health, dialer) = (urls?, health?, dialer?);
        if findings.errors() > before {
            return None;
        }
        let group = deps.places.group(name);
        let weights: Vec<u32> = spec.targets.iter().map(|target| target.weight).collect();
        let targets = urls.iter().zip(&weights).map(|(url, weight)| Target {
            place: group.target(url, &wiring, &dialer),
            weight: *weight,
        });
        Some(Arc::new(Self {
            name: name.into(),
            targets: targets.collect(),
            chooser: Chooser::new(spec.balance, &weights),
            policy: Policy::new(spec),
            health: health.map(Arc::new),
            credential: deps.credential.clone(),
            group,
        }))
    }
}

fn dialing(spec: &UpstreamSpec) -> DialSpec<'_> {
    DialSpec {
        connect_timeout: spec.connect_timeout,
        tls: &spec.tls,
        address_guard: &spec.address_guard,
        protocol: match spec.protocol {
            UpstreamProtocol::Http1 => Alpn::Http1,
            UpstreamProtocol::Http2 => Alpn::Http2,
        },
    }
}

/// The URLs of the targets, all of them usable and none twice.
fn urls(specs: &[TargetSpec], at: &ConfigPath, findings: &mut Findings) -> Option<Vec<Url>> {
    let before = findings.errors();
    if specs.is_empty() {
        let missing = Diagnostic::error(Code::MissingKey, at, "a group needs at least one target");
        findings.push(missing);
    }
    if specs.len() > MOST_TARGETS {
        let message = format!("more than {MOST_TARGETS} targets");
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
    if !specs.is_empty() && specs.iter().all(|target| target.weight == 0) {
        let message = "every target has a weight of 0, so that none is ever used";
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
    let mut seen = HashSet::new();
    let mut urls = Vec::new();
    for (index, target) in specs.iter().take(MOST_TARGETS).enumerate() {
        let at = at.index(index);
        if target.weight > MOST_WEIGHT {
            let message = format!("must be at most {MOST_WEIGHT}");
            findings.push(Diagnostic::error(
                Code::InvalidValue,
                &at.key("weight"),
                message,
            ));
        }
        let at = at.key("url");
        let Some(url) = findings.keep(target_url(&target.url, &at)) else {
            continue;
        };
        if !seen.insert(url.clone()) {
            let message = format!("`{url}` is a target of this group already");
            let twice = Diagnostic::error(Code::Duplicate, &at, message);
            findings.push(twice.hint("give one of them a greater `weight` instead"));
        }
        urls.push(url);
    }
    (findings.errors() == before).then_some(urls)
}

/// The URL of a target: an origin, and nothing more.
fn target_url(text: &str, at: &ConfigPath) -> Result<Url, Diagnostic> {
    let bad = |message: String| Diagnostic::error(Code::InvalidUrl, at, message);
    let url = Url::parse(text).map_err(|error| {
        bad(format!("`{text}` is not a URL: {error}")).hint("write it like `http://10.0.0.7:8080`")
    })?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user {
        // Without the text, which may hold a password.
        return Err(bad("a target has no user name and no password".to_owned()));
    }
    if !is_callable(&url) {
        return Err(bad(format!("`{text}` cannot be called"))
            .hint("use `http` or `https`, a host, and a port other than 0"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let message = format!("`{text}` has more than scheme, host and port");
        let hint =
            "requests are forwarded with the target that was judged; nothing is put before it";
        return Err(bad(message).hint(hint));
    }
    Ok(url)
}

fn health(spec: &HealthSpec, at: &ConfigPath, findings: &mut Findings) -> Option<HealthPolicy> {
    let before = findings.errors();
    let path = spec.path.parse::<PathAndQuery>().ok();
    let path = path.filter(|_| spec.path.starts_with('/'));
    let path = path.ok_or_else(|| {
        let message = format!("`{}` is not a path", spec.path);
        Diagnostic::error(Code::InvalidValue, &at.key("path"), message).hint("begin it with `/`")
    });
    let path = findings.keep(path);
    let mut limits = Limits { at, findings };
    limits.positive("interval", spec.interval.get());
    limits.positive("timeout", spec.timeout.get());
    limits.at_least_1("healthy", spec.healthy);
    limits.at_least_1("unhealthy", spec.unhealthy);
    for (index, status) in spec.statuses.iter().enumerate() {
        if !(200..600).contains(status) {
            let at = at.key("statuses").index(index);
            let message = format!("`{status}` is not the status of an answer");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
    }
    let path = path?;
    (findings.errors() == before).then(|| HealthPolicy {
        path,
        interval: spec.interval.get().min(LONGEST_WAIT),
        timeout: spec.timeout.get().min(LONGEST_WAIT),
        healthy: spec.healthy,
        unhealthy: spec.unhealthy,
        statuses: spec.statuses.clone(),
    })
}

fn check_limits(spec: &UpstreamSpec, at: &ConfigPath, findings: &mut Findings) {
    let mut limits = Limits { at, findings };
    limits.positive("timeout", spec.timeout.get());
    limits.positive("idleTimeout", spec.idle_timeout.get());
    let (pool, retries) = (at.key("pool"), at.key("retries"));
    let (breaker, ejection) = (at.key("breaker"), at.key("ejection"));
    limits.at = &pool;
    limits.positive("idleTimeout", spec.pool.idle_timeout.get());
    limits.at = &retries;
    limits.at_most("attempts", spec.retries.attempts, MOST_RETRIES);
    limits.at_most("budgetPercent", spec.retries.budget_percent, 100);
    if let Some(timeout) = spec.retries.per_try_timeout {
        limits.positive("perTryTimeout", timeout.get());
    }
    limits.at = &breaker;
    limits.at_least_1("maxRequests", spec.breaker.max_requests);
    limits.at_least_1("maxConnections", spec.breaker.max_connections);
    limits.at_most(
        "maxConnections",
        spec.breaker.max_connections,
        MOST_CONNECTIONS,
    );
    limits.at_least_1("minRequests", spec.breaker.min_requests);
    limits.at_most("failurePercent", spec.breaker.failure_percent, 100);
    limits.positive("openFor", spec.breaker.open_for.get());
    limits.at = &ejection;
    limits.at_most("maxPercent", spec.ejection.max_percent, 100);
    limits.positive("baseTime", spec.ejection.base_time.get());
}

/// Checks numbers below a place in the configuration.
struct Limits<'a> {
    at: &'a ConfigPath,
    findings: &'a mut Findings,
}

impl Limits<'_> {
    fn positive(&mut self, key: &str, duration: Duration) {
        self.refuse(duration.is_zero(), key, "must be longer than 0".to_owned());
    }

    fn at_least_1(&mut self, key: &str, number: u32) {
        self.refuse(number == 0, key, "must be at least 1".to_owned());
    }

    fn at_most(&mut self, key: &str, number: u32, most: u32) {
        self.refuse(number > most, key, format!("must be at most {most}"));
    }

    fn refuse(&mut self, refused: bool, key: &str, message: String) {
        if refused {
            let at = self.at.key(key);
            self.findings
                .push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
    }
}
