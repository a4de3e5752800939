//! The proof that a request may pass.

use ztag_types::{EndpointName, Outcome, Verdict};

/// Proof that every rule of an endpoint passed. Nobody can make one but the pipeline, from a
/// verdict that says so; a reply that lets a request through needs one.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    endpoint: EndpointName,
}

impl Permit {
    // INVARIANT: the only constructor; a verdict other than pass makes no permit.
    pub(crate) fn of(verdict: &Verdict, endpoint: &EndpointName) -> Option<Self> {
        (verdict.outcome == Outcome::Pass).then(|| Self {
            endpoint: endpoint.clone(),
        })
    }

    /// The endpoint that let the request pass.
    pub const fn endpoint(&self) -> &EndpointName {
        &self.endpoint
    }
}
