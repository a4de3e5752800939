//! What a route does with the requests it serves, compiled.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{HeaderName, HeaderValue};
use regex::bytes::{Regex, RegexBuilder};
use ztag_admission::{CapturePolicy, ForwardProxySpec, canonical};
use ztag_pipeline::PublicAccess;
use ztag_types::{Code, ConfigPath, Diagnostic, DurationSpec, EndpointName, Findings, SmolStr};

use super::compile::RouteDeps;
use super::condition::{Conditions, HeaderCondition, ValuePattern};
use super::policy::{Access, Route, RouteEndpoint, is_direct};
use super::spec::{RouteSpec, Upgrade};
use crate::headers::{Direction, HeaderPolicy, speaks_of_the_client};
use crate::upstream::Upstream;

/// Longest silence of a switched connection, unless the route says otherwise.
const TUNNEL_IDLE: Duration = Duration::from_mins(10);

/// Bytes that the compiled pattern of a header value may take.
const MAX_PATTERN: usize = 256 * 1024;

/// Fields that hold credentials whoever asks for them: RFC 9449, the transaction token and workload
/// identity drafts of the IETF, RFC 9110 section 11.7.
const CREDENTIALS: [HeaderName; 5] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("txn-token"),
    HeaderName::from_static("workload-identity-token"),
];

/// The parts of a route that serves.
pub(super) struct Parts(Route);

impl Parts {
    /// Compiles all that `spec` says besides places and conditions. The error says why the route
    /// must stay closed, and is among the findings unless it is reported elsewhere.
    pub(super) fn compile(
        name: &str,
        spec: &RouteSpec,
        at: &ConfigPath,
        deps: &RouteDeps<'_>,
        findings: &mut Findings,
    ) -> Result<Self, SmolStr> {
        let access = access(name, spec, at, deps, findings);
        let upstream = upstream(spec, at, deps, findings);
        let identity = access.identity();
        let request = HeaderPolicy::compile(
            &spec.request_headers,
            &at.key("requestHeaders"),
            Direction::Request,
            &identity,
            findings,
        );
        let response = HeaderPolicy::compile(
            &spec.response_headers,
            &at.key("responseHeaders"),
            Direction::Response,
            deps.correlation.map_or(&[], std::slice::from_ref),
            findings,
        );
        let timeout = duration(spec.timeout, &at.key("timeout"), findings);
        let idle_at = at.key("upgradeIdleTimeout");
        let tunnel_idle = duration(spec.upgrade_idle_timeout, &idle_at, findings);
        if spec.forward_credentials {
            let message = "the upstream sees the credentials of clients and can use them";
            let at = at.key("forwardCredentials");
            findings.push(Diagnostic::warning(Code::Unsafe, &at, message));
        }
        let withheld = withheld(spec, &access, identity);
        Ok(Self(Route {
            name: name.into(),
            access: access.decided?,
            upstream: upstream?,
            withheld,
            request,
            response,
            host: spec.host,
            timeout,
            websocket: spec.upgrade.contains(&Upgrade::Websocket),
            tunnel_idle: tunnel_idle.unwrap_or(TUNNEL_IDLE),
            max_body: spec.max_body_bytes,
            correlation: deps.correlation.cloned(),
        }))
    }

    pub(super) fn into_route(self) -> Route {
        self.0
    }
}

/// Who may pass, and what is known of whoever decides that.
struct Decider<'a> {
    decided: Result<Access, SmolStr>,
    endpoint: Option<&'a RouteEndpoint>,
}

impl Decider<'_> {
    fn identity(&self) -> Vec<HeaderName> {
        let names = self.endpoint.iter().flat_map(|endpoint| &endpoint.identity);
        names
            .filter(|name| speaks_of_the_client(name))
            .cloned()
            .collect()
    }
}

fn withheld(
    spec: &RouteSpec,
    access: &Decider<'_>,
    identity: Vec<HeaderName>,
) -> Box<[HeaderName]> {
    let mut withheld = identity;
    if !spec.forward_credentials {
        withheld.extend(CREDENTIALS);
        let accepted = access
            .endpoint
            .iter()
            .flat_map(|endpoint| &endpoint.credentials);
        withheld.extend(accepted.cloned());
    }
    withheld.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    withheld.dedup();
    withheld.into()
}

fn access<'a>(
    name: &str,
    spec: &RouteSpec,
    at: &ConfigPath,
    deps: &RouteDeps<'a>,
    findings: &mut Findings,
) -> Decider<'a> {
    let refuse = |findings: &mut Findings, finding: Diagnostic| {
        let reason = SmolStr::new(&finding.message);
        findings.push(finding);
        Decider {
            decided: Err(reason),
            endpoint: None,
        }
    };
    if let (Some(_), false) = (&spec.forward_proxy_policy, spec.public) {
        let message = "`forwardProxyPolicy` is the endpoint's to say where a route names one";
        let at = at.key("forwardProxyPolicy");
        findings.push(Diagnostic::error(Code::Conflict, &at, message));
    }
    match (&spec.endpoint, spec.public) {
        (Some(_), true) => {
            let message = "a route is `public` or names an `endpoint`, not both";
            refuse(
                findings,
                Diagnostic::error(Code::Conflict, &at.key("public"), message),
            )
        }
        (None, false) => {
            let message = "nobody decides about the requests of this route";
            let finding = Diagnostic::error(Code::MissingKey, at, message)
                .hint("name an `endpoint`, or open it to everybody with `public: true`");
            refuse(findings, finding)
        }
        (None, true) => Decider {
            decided: Ok(Access::Public(public(name, spec, at, deps, findings))),
            endpoint: None,
        },
        (Some(endpoint), false) => match deps.endpoints.get(endpoint) {
            Some(known) => judged(known, &at.key("endpoint"), findings),
            None => {
                let known = deps.endpoints.keys();
                let at = at.key("endpoint");
                refuse(findings, unknown("endpoint", endpoint, known, &at))
            }
        },
    }
}

fn judged<'a>(
    endpoint: &'a RouteEndpoint,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Decider<'a> {
    let name = &endpoint.name;
    let decided = if !endpoint.ready {
        // Its own findings say what is wrong with it.
        Err(format!("endpoint `{name}` is broken").into())
    } else if !endpoint.direct {
        let message = format!(
            "endpoint `{name}` judges what another proxy says, not the request that is forwarded"
        );
        let finding = Diagnostic::error(Code::Conflict, at, message)
            .hint("name an endpoint whose `forwardProxyPolicy.dialect` is `direct`");
        let reason = SmolStr::new(&finding.message);
        findings.push(finding);
        Err(reason)
    } else {
        Ok(Access::Endpoint(name.clone()))
    };
    Decider {
        decided,
        endpoint: Some(endpoint),
    }
}

fn public(
    name: &str,
    spec: &RouteSpec,
    at: &ConfigPath,
    deps: &RouteDeps<'_>,
    findings: &mut Findings,
) -> Arc<PublicAccess> {
    let standard = ForwardProxySpec::default();
    let policy = spec.forward_proxy_policy.as_ref().unwrap_or(&standard);
    let at = at.key("forwardProxyPolicy");
    let mut found = Vec::new();
    let mut capture = CapturePolicy::compile(policy, &at, &mut found);
    findings.extend(found);
    if !is_direct(&capture) {
        let message = "a route judges requests itself, in no other dialect than `direct`";
        let at = at.key("dialect");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    if let Some(correlation) = deps.correlation {
        capture.correlate_by(correlation.clone());
    }
    Arc::new(PublicAccess::new(EndpointName::from(name), capture))
}

fn upstream(
    spec: &RouteSpec,
    at: &ConfigPath,
    deps: &RouteDeps<'_>,
    findings: &mut Findings,
) -> Result<Arc<Upstream>, SmolStr> {
    let at = at.key("upstream");
    let name = &spec.upstream;
    let finding = match deps.upstreams.get(name) {
        Some(Some(upstream)) => return Ok(Arc::clone(upstream)),
        // Its own findings say what is wrong with it.
        Some(None) => return Err(format!("upstream `{name}` is broken").into()),
        None if name.is_empty() => {
            Diagnostic::error(Code::MissingKey, &at, "the route leads to no upstream")
        }
        None => unknown("upstream", name, deps.upstreams.keys(), &at),
    };
    let reason = SmolStr::new(&finding.message);
    findings.push(finding);
    Err(reason)
}

fn unknown<'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a String>,
    at: &ConfigPath,
) -> Diagnostic {
    let finding = Diagnostic::error(
        Code::UnknownDefinition,
        at,
        format!("no {kind} is called `{name}`"),
    );
    match Diagnostic::nearest(name, known.map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn duration(
    spec: Option<DurationSpec>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<Duration> {
    let duration = spec?.get();
    if duration.is_zero() {
        let message = "`0` leaves no time at all";
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
    Some(duration)
}

impl Conditions {
    /// Methods and header fields of `spec`, found at `at`; none when one cannot be read.
    pub(super) fn compile(
        spec: &RouteSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let mut conditions = Self::default();
        let methods_at = at.key("methods");
        for (index, text) in spec.methods.iter().enumerate() {
            let at = methods_at.index(index);
            let method = canonical::method(text).map_err(|fault| {
                let message = format!("`{text}` cannot be judged: {}", fault.detail());
                Diagnostic::error(Code::InvalidValue, &at, message)
            });
            conditions.methods.extend(findings.keep(method));
        }
        let headers_at = at.key("headers");
        for (name, value) in &spec.headers {
            let header = header(name, value, &headers_at.key(name));
            conditions.headers.extend(findings.keep(header));
        }
        (findings.errors() == before).then_some(conditions)
    }
}

fn header(name: &str, value: &str, at: &ConfigPath) -> Result<HeaderCondition, Diagnostic> {
    let own = HeaderName::try_from(name)
        .ok()
        .filter(|own| !ztag_types::Headers::is_hidden(own.as_str()))
        .ok_or_else(|| {
            let message = format!("`{name}` is not a header that routes can look at");
            Diagnostic::error(Code::InvalidName, at, message)
        })?;
    Ok(HeaderCondition {
        name: own,
        value: pattern(value, at)?,
    })
}

fn pattern(value: &str, at: &ConfigPath) -> Result<ValuePattern, Diagnostic> {
    let inner = value
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
        let literal = HeaderValue::try_from(value).map_err(|_| {
            let message = "a header value holds no line breaks or other controls";
            Diagnostic::error(Code::InvalidValue, at, message)
        })?;
        return Ok(ValuePattern::Literal(literal));
    };
    let regex: Result<Regex, regex::Error> = RegexBuilder::new(inner)
        .size_limit(MAX_PATTERN)
        .dfa_size_limit(MAX_PATTERN)
        .build();
    regex.map(ValuePattern::Regex).map_err(|error| {
        let what = match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large",
            _ => "the regular expression does not parse",
        };
        let hint = "back references and look-around are not offered";
        Diagnostic::error(Code::Pattern, at, what).hint(hint)
    })
}
