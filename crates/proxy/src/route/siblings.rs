//! Exact paths whose neighbour, the same path with or without a slash at its end, somebody else
//! serves: many applications take the two for one.

use http::{HeaderMap, Method};
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName, Findings, SmolStr};

use super::pattern::{HostPattern, PathPattern};
use super::policy::{Access, Route};
use super::table::{Found, RouteTable};

/// An exact path of a route that an endpoint judges.
pub(super) struct ExactPath {
    pub(super) route: SmolStr,
    pub(super) endpoint: EndpointName,
    pub(super) host: HostPattern,
    pub(super) path: PathPattern,
    /// A method that it serves.
    pub(super) method: Method,
}

/// Warns where the neighbour of one of `paths` is open to everybody, or judged by somebody else.
pub(super) fn check(
    table: &RouteTable,
    paths: &[ExactPath],
    at: &ConfigPath,
    findings: &mut Findings,
) {
    let mut told: Vec<(&SmolStr, &PathPattern)> = Vec::new();
    for own in paths {
        let Some(sibling) = sibling(&own.path) else {
            continue;
        };
        let host = some_host(&own.host);
        let found = table.find(&host, &sibling, &own.method, &HeaderMap::new());
        let Found::Route(other) = found else {
            continue;
        };
        // Once, however many hosts it is on.
        if is_weaker(other, own) && !told.contains(&(&own.route, &own.path)) {
            told.push((&own.route, &own.path));
            findings.push(warning(own, &sibling, other, at));
        }
    }
}

/// The same path with a slash at its end, or without.
fn sibling(path: &PathPattern) -> Option<String> {
    let path = path.to_string();
    match path.strip_suffix('/') {
        Some("") => None,
        Some(shorter) => Some(shorter.to_owned()),
        None => Some(path + "/"),
    }
}

/// A host that fits, and that no other route is likely to name.
fn some_host(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.to_string(),
        HostPattern::Below(name) => format!("some-host.{name}"),
        HostPattern::Any => "some-host.invalid".to_owned(),
    }
}

fn is_weaker(other: &Route, own: &ExactPath) -> bool {
    other.name != own.route
        && match &other.access {
            Access::Public(_) => true,
            Access::Endpoint(endpoint) => *endpoint != own.endpoint,
        }
}

fn warning(own: &ExactPath, sibling: &str, other: &Route, at: &ConfigPath) -> Diagnostic {
    let by = match &other.access {
        Access::Public(_) => "open to everybody".to_owned(),
        Access::Endpoint(endpoint) => format!("judged by endpoint `{endpoint}`"),
    };
    let message = format!("`{sibling}` takes route `{}`, which is {by}", other.name);
    let stem = own.path.stem();
    let hint = format!("list `{sibling}` as well, or write `{stem}/*` for all that is below");
    let at = at.key(own.route.as_str()).key("paths");
    Diagnostic::warning(Code::Unsafe, &at, message).hint(hint)
}
