//! Who decides about the requests of a route.

use std::sync::Arc;

use http::HeaderName;
use ztag_admission::{CapturePolicy, ForwardProxySpec};
use ztag_pipeline::PublicAccess;
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName, Findings, SmolStr};

use super::compile::RouteDeps;
use super::parts::unknown;
use super::policy::{Access, RouteEndpoint, is_direct};
use super::spec::RouteSpec;
use crate::headers::speaks_of_the_client;

/// Who may pass, and what is known of whoever decides that.
pub(super) struct Decider<'a> {
    pub(super) decided: Result<Access, SmolStr>,
    pub(super) endpoint: Option<&'a RouteEndpoint>,
}

impl Decider<'_> {
    /// The fields that its reply to a pass sets on the request.
    pub(super) fn identity(&self) -> Vec<HeaderName> {
        let names = self.endpoint.iter().flat_map(|endpoint| &endpoint.identity);
        names
            .filter(|name| speaks_of_the_client(name))
            .cloned()
            .collect()
    }
}

/// Compiles who decides, as `spec` at `at` says.
pub(super) fn access<'a>(
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
        (Some(endpoint), false) => {
            let at = at.key("endpoint");
            if let Some(known) = deps.endpoints.get(endpoint) {
                judged(known, &at, findings)
            } else {
                let known = deps.endpoints.keys();
                refuse(findings, unknown("endpoint", endpoint, known, &at))
            }
        }
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
