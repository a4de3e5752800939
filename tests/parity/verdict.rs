//! What both made of a request, compared.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use ztag_test_support::{Failure, Headers, Process, Recorded, Response, mismatches};

use crate::corpus::Case;

/// What a program made of a request.
pub(crate) struct Verdict {
    pub(crate) reply: Option<Response>,
    /// What stands for the pass: the reply of forward-auth, or what reached the application.
    pub(crate) passed: Option<Headers>,
    pub(crate) calls: Vec<Recorded>,
}

/// The verdicts of `forward-auth` and of `gateway`.
pub(crate) type Verdicts = [Verdict; 2];

/// How the verdicts of these processes differ from each other, and from what is expected.
pub(crate) fn compare(
    [asked_process, front_process]: [&Process; 2],
    case: &Case,
    [asked, front]: Verdicts,
) -> Result<Vec<String>, Failure> {
    let first = End::of(asked_process, asked.reply.as_ref())?;
    let second = End::of(front_process, front.reply.as_ref())?;
    let mut deviations = Vec::new();
    if first.told != second.told {
        let (first, second) = (&first.told, &second.told);
        deviations.push(format!("forward-auth says {first}, gateway {second}"));
    }
    let expected = case.expect.as_ref();
    if let Some(expected) = expected.filter(|expected| **expected != first.short) {
        deviations.push(format!("`{}` instead of `{expected}`", first.short));
    }
    match (&asked.passed, &front.passed) {
        (Some(identity), Some(arrived)) => {
            deviations.extend(lost(identity, arrived));
            deviations.extend(mismatches(arrived, &case.identity));
        }
        (None, None) if first.told == UNREADABLE => {}
        (None, None) => deviations.extend(differing(asked.reply.as_ref(), front.reply.as_ref())),
        (Some(_), None) => deviations.push(String::from("only forward-auth lets it pass")),
        (None, Some(_)) => deviations.push(String::from("only gateway lets it pass")),
    }
    let calls = |verdict: &Verdict| verdict.calls.iter().map(described).collect::<Vec<_>>();
    let (first, second) = (calls(&asked), calls(&front));
    if first != second {
        deviations.push(format!("forward-auth asks {first:?}, gateway {second:?}"));
    }
    Ok(deviations)
}

/// What nobody can read in one way. The one heard it from a proxy and says 403, the other read it
/// off the wire and says 400, before it looks for a route.
const UNREADABLE: &str = "unreadable";

/// How a request ended.
struct End {
    /// Outcome, reason, rule, status and client in the access log.
    told: String,
    /// Status and reason.
    short: String,
}

impl End {
    fn unreadable() -> Self {
        Self {
            told: String::from(UNREADABLE),
            short: String::from(UNREADABLE),
        }
    }

    fn of(process: &Process, reply: Option<&Response>) -> Result<Self, Failure> {
        const REASONS: [&str; 2] = ["request_ambiguous", "forwarded_invalid"];
        let Some(id) = reply.and_then(|reply| reply.headers.value("x-request-id")) else {
            return Ok(Self::unreadable());
        };
        let ended = |line: &str| line.contains(&id) && line.contains("\"reason\"");
        let line: Json = serde_json::from_str(&process.wait_for_line(ended)?)
            .map_err(|error| Failure::new(error.to_string()))?;
        let text = |name| line.get(name).map(Json::to_string).unwrap_or_default();
        let reason = text("reason").replace('"', "");
        // A route is as broken as its endpoint.
        let reason = reason.replace("route_quarantined", "endpoint_quarantined");
        if REASONS.contains(&reason.as_str()) {
            return Ok(Self::unreadable());
        }
        let (outcome, rule, status) = (text("outcome"), text("rule"), text("status"));
        let client = text("client_ip");
        Ok(Self {
            told: format!("{outcome} for {reason} by {rule} with {status}, client {client}"),
            short: format!("{status} {reason}"),
        })
    }
}

/// Fields of a pass that do not arrive as they are.
fn lost(identity: &Headers, arrived: &Headers) -> Vec<String> {
    const OWN: [&str; 5] = [
        "x-ztag-outcome",
        "x-request-id",
        "date",
        "content-length",
        "content-type",
    ];
    let fields = identity
        .iter()
        .filter(|(name, _)| !OWN.contains(name))
        .filter(|(name, value)| arrived.value(name).as_deref() != Some(value));
    fields
        .map(|(name, value)| {
            let found = arrived.value(name);
            format!("`{name}: {value}` arrives as {found:?}")
        })
        .collect()
}

/// How two refusals differ.
fn differing(asked: Option<&Response>, front: Option<&Response>) -> Vec<String> {
    let (Some(asked), Some(front)) = (asked, front) else {
        return Vec::new();
    };
    // The HTTP parser has no words of a policy.
    if front.headers.value("x-request-id").is_none() {
        return Vec::new();
    }
    let mut deviations = Vec::new();
    if asked.status != front.status {
        deviations.push(format!("status {} and {}", asked.status, front.status));
    }
    let (first, second) = (body(asked), body(front));
    if first != second {
        deviations.push(format!("`{first}` and `{second}`"));
    }
    for name in [
        "location",
        "www-authenticate",
        "retry-after",
        "cache-control",
        "content-type",
    ] {
        let (first, second) = (asked.headers.value(name), front.headers.value(name));
        if first != second {
            deviations.push(format!("`{name}` is {first:?} and {second:?}"));
        }
    }
    deviations
}

/// The body of a reply, without its correlation id.
fn body(reply: &Response) -> String {
    let id = reply.headers.value("x-request-id").unwrap_or_default();
    reply.text().replace(&id, "the correlation id")
}

/// A call to a backend, as far as it is the policy's.
fn described(call: &Recorded) -> String {
    let volatile = ["host", "x-request-id", "traceparent", "date"];
    let fields = call.headers.iter();
    let fields = fields.filter(|(name, _)| !volatile.contains(&name.to_ascii_lowercase().as_str()));
    let fields: BTreeSet<String> = fields
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let body = String::from_utf8_lossy(&call.body);
    format!("{} {} {fields:?} {body}", call.method, call.target)
}
