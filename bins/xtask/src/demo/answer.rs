//! What became of a request: the status that its client got, and the decision in the log.

use std::net::SocketAddr;

use serde_json::Value as Json;
use ztag_test_support::{Failure, Process, Request, send};

/// What became of one request.
pub(super) struct Answer {
    /// The status that the client got.
    pub(super) status: u16,
    /// What was decided.
    pub(super) outcome: String,
    /// The reason.
    pub(super) why: String,
}

/// Sends `request` to `address` and looks up what `decider` logs about it.
pub(super) fn ask(
    address: SocketAddr,
    decider: &Process,
    request: Request,
    id: &str,
) -> Result<Answer, Failure> {
    let request = request
        .header("Host: app.example.com")
        .header(format!("X-Request-ID: {id}"));
    let status = send(address, &request)?.status;
    let id = format!("\"{id}\"");
    let decision = |line: &str| line.contains(&id) && line.contains(r#""msg":"decision""#);
    let line = decider.wait_for_line(decision)?;
    let record: Json = serde_json::from_str(&line)
        .map_err(|error| Failure::new(format!("a log holds `{line}`: {error}")))?;
    let text = |key: &str| record.get(key).and_then(Json::as_str).unwrap_or_default();
    let outcome = text("outcome").to_owned();
    let mut why = text("reason").replace('_', " ");
    for (before, key) in [(" in rule ", "rule"), (": ", "detail")] {
        if outcome != "pass" && !text(key).is_empty() {
            why.extend([before, text(key)]);
        }
    }
    Ok(Answer {
        status,
        outcome,
        why,
    })
}
