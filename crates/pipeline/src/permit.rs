//! The proof that a request may pass.

use ztag_types::{EndpointName, Outcome, Verdict};

use crate::judge::PublicAccess;

/// Proof that every rule of an endpoint passed. Nobody can make one but the pipeline, from a
/// verdict that says so; a reply that lets a request through needs one.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    endpoint: EndpointName,
}

impl Permit {
    // INVARIANT: the only constructor for what is judged; a verdict other than pass makes none.
    pub(crate) fn of(verdict: &Verdict, endpoint: &EndpointName) -> Option<Self> {
        (verdict.outcome == Outcome::Pass).then(|| Self {
            endpoint: endpoint.clone(),
        })
    }

    // INVARIANT: for what the configuration opens to everybody, and nothing else.
    pub(crate) fn public(access: &PublicAccess) -> Self {
        Self {
            endpoint: access.name().clone(),
        }
    }

    /// The endpoint that let the request pass.
    pub const fn endpoint(&self) -> &EndpointName {
        &self.endpoint
    }
}
