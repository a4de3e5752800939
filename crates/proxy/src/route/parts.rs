//! What a route does with the requests it serves, compiled.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use ztag_types::{Code, ConfigPath, Diagnostic, DurationSpec, EndpointName, Findings, SmolStr};

use super::access::{Decider, access};
use super::compile::RouteDeps;
use super::credential::{self, credential};
use super::policy::{Access, Route};
use super::spec::{RouteSpec, Upgrade};
use crate::filter::{FilterDeps, ItemFilter};
use crate::guard::RouteGuard;
use crate::headers::{Direction, HeaderPolicy, speaks_of_the_client};
use crate::upstream::Upstream;

/// Longest silence of a switched connection, unless the route says otherwise.
const TUNNEL_IDLE: Duration = Duration::from_mins(10);

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
        let credential = credential(name, spec, upstream.as_deref().ok(), deps);
        let identity = access.identity();
        let mut managed = identity.clone();
        if let Ok(credential) = &credential {
            credential::check(credential, spec, &access, at, findings);
            managed.extend((!credential.is_none()).then_some(AUTHORIZATION));
        }
        let request = HeaderPolicy::compile(
            &spec.request_headers,
            &at.key("requestHeaders"),
            Direction::Request,
            &managed,
            findings,
        );
        let response = HeaderPolicy::compile(
            &spec.response_headers,
            &at.key("responseHeaders"),
            Direction::Response,
            deps.correlation.map_or(&[], std::slice::from_ref),
            findings,
        );
        let filter = filter(spec, at, deps, findings);
        let guard = guard(spec, at, (&access, deps), findings);
        let timeout = duration(spec.timeout, &at.key("timeout"), findings);
        let idle_at = at.key("upgradeIdleTimeout");
        let tunnel_idle = duration(spec.upgrade_idle_timeout, &idle_at, findings);
        if spec.forward_credentials {
            let message = "the upstream sees the credentials of clients and can use them";
            let at = at.key("forwardCredentials");
            findings.push(Diagnostic::warning(Code::Unsafe, &at, message));
        }
        let withheld = withheld(spec, &access, identity, deps.identity);
        Ok(Self(Route {
            name: name.into(),
            access: access.decided?,
            upstream: upstream?,
            withheld,
            credential: credential?,
            request,
            response,
            filter: filter.map(Box::new),
            guard: guard.map(Arc::new),
            host: spec.host,
            timeout,
            websocket: spec.upgrade.contains(&Upgrade::Websocket),
            tunnel_idle: tunnel_idle.unwrap_or(TUNNEL_IDLE),
            max_body: spec.max_body_bytes,
            correlation: deps.correlation.cloned(),
        }))
    }

    /// The endpoint that decides, where one does.
    pub(super) const fn endpoint(&self) -> Option<&EndpointName> {
        match &self.0.access {
            Access::Endpoint(name) => Some(name),
            Access::Public(_) => None,
        }
    }

    pub(super) fn into_route(self) -> Route {
        self.0
    }
}

/// The fields of a client that end here: what any endpoint says in its place, and credentials.
fn withheld(
    spec: &RouteSpec,
    access: &Decider<'_>,
    own: Vec<HeaderName>,
    identity: &[HeaderName],
) -> Box<[HeaderName]> {
    let accepted = access
        .endpoint
        .iter()
        .flat_map(|endpoint| &endpoint.credentials);
    let credentials: Vec<HeaderName> = accepted.cloned().chain(CREDENTIALS).collect();
    let forwarded = |name: &HeaderName| spec.forward_credentials && credentials.contains(name);
    let said = |name: &&HeaderName| speaks_of_the_client(name) && !forwarded(name);
    let mut withheld = own;
    withheld.extend(identity.iter().filter(said).cloned());
    if !spec.forward_credentials {
        withheld.extend(credentials);
    }
    withheld.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    withheld.dedup();
    withheld.into()
}

/// What is left out of responses. Where something is wrong, the findings close the route.
fn filter(
    spec: &RouteSpec,
    at: &ConfigPath,
    deps: &RouteDeps<'_>,
    findings: &mut Findings,
) -> Option<ItemFilter> {
    let own = spec.filter_items.as_ref()?;
    let at = at.key("filterItems");
    check_upgrade(spec, "filtered", &at, findings);
    let deps = FilterDeps {
        stores: deps.stores,
        templates: deps.templates,
    };
    ItemFilter::compile(own, &at, deps, findings)
}

/// What is read of bodies. Where something is wrong, the findings close the route.
fn guard(
    spec: &RouteSpec,
    at: &ConfigPath,
    (access, deps): (&Decider<'_>, &RouteDeps<'_>),
    findings: &mut Findings,
) -> Option<RouteGuard> {
    let own = spec.guard.as_ref()?;
    let at = at.key("guard");
    // The numbers of its placeholders would be those of other values.
    if own.restore && access.endpoint.is_some_and(|endpoint| endpoint.masks) {
        let message = "what a rule of the endpoint masks first cannot be given back";
        let found = Diagnostic::error(Code::Conflict, &at.key("restore"), message);
        findings.push(found.hint("mask along the route, and have the rule only report: `shadow`"));
    }
    check_upgrade(spec, "read", &at, findings);
    RouteGuard::compile(own, &at, deps.guardrails, findings)
}

/// Nobody knows the form of what a switched connection carries.
fn check_upgrade(spec: &RouteSpec, done: &str, at: &ConfigPath, findings: &mut Findings) {
    if !spec.upgrade.is_empty() {
        let message = format!("what a switched connection carries cannot be {done}");
        let found = Diagnostic::error(Code::Conflict, at, message);
        findings.push(found.hint("leave out `upgrade`, or serve it by a route of its own"));
    }
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

pub(super) fn unknown<'a>(
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
