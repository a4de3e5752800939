//! The credential that the upstream gets on a route.

use http::header::AUTHORIZATION;
use ztag_token::client::OutboundCredential;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, SmolStr};

use super::access::Decider;
use super::compile::RouteDeps;
use super::spec::RouteSpec;
use crate::upstream::Upstream;

/// The credential of the route `name`: its own, or else that of its upstream. The error says why
/// the route must stay closed; what is wrong with its own is reported by whoever compiled that.
pub(super) fn credential(
    name: &str,
    spec: &RouteSpec,
    upstream: Option<&Upstream>,
    deps: &RouteDeps<'_>,
) -> Result<OutboundCredential, SmolStr> {
    if spec.credentials.is_none() {
        let default = upstream.map(Upstream::credential);
        return Ok(default.cloned().unwrap_or(OutboundCredential::NONE));
    }
    match deps.credentials.get(name) {
        Some(Some(own)) => Ok(own.clone()),
        _ => Err("its `credentials` are broken".into()),
    }
}

/// Checks that nobody else says what `credential` says, on the route `spec` at `at`.
pub(super) fn check(
    credential: &OutboundCredential,
    spec: &RouteSpec,
    decider: &Decider<'_>,
    at: &ConfigPath,
    findings: &mut Findings,
) {
    if credential.is_none() {
        return;
    }
    let own = at.key(match spec.credentials {
        Some(_) => "credentials",
        None => "upstream",
    });
    let mut clash = |at: &ConfigPath, message: &str, hint: &str| {
        let found = Diagnostic::error(Code::Conflict, at, message);
        findings.push(found.hint(hint));
    };
    if spec.forward_credentials {
        let at = at.key("forwardCredentials");
        let message = "the upstream gets a credential in place of the client's";
        let hint = "leave it out, or send none of ours with `credentials: {none: true}`";
        clash(&at, message, hint);
    }
    if decider.identity().contains(&AUTHORIZATION) {
        let message = "the endpoint's reply to a pass sets `authorization`, too";
        let hint = "keep one, or write `credentials: {none: true}` here";
        clash(&own, message, hint);
    }
    if credential.needs_subject() && spec.public {
        let message = "a public route verifies no token that could be exchanged";
        let hint = "name an `endpoint`, or use `clientCredentials`";
        clash(&own, message, hint);
    }
    let verifies = decider.endpoint.is_none_or(|endpoint| endpoint.verifies);
    if credential.needs_subject() && !verifies {
        let message = "the endpoint verifies no token that could be exchanged";
        let hint = "every request is answered with 503: accept `jwt` or `introspection` in its \
                    `authentication.allow`, or use `clientCredentials`";
        findings.push(Diagnostic::warning(Code::Conflict, &own, message).hint(hint));
    }
}
