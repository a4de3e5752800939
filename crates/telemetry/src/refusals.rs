//! Why tokens and certificates were not accepted.

use metrics::Counter;
use ztag_types::ReasonCode;

use crate::metric;
use crate::registry::Registry;

/// What is counted under no name.
const OTHER: &str = "other";

/// A counter for each way to be refused.
#[derive(Debug)]
pub(crate) struct Refusals {
    named: Vec<(&'static str, Counter)>,
    other: Counter,
}

impl Refusals {
    pub(crate) fn new(registry: &Registry, names: &[&'static str]) -> Self {
        let counter = |name: &str| registry.counter(metric::TOKENS_REFUSED, &[name]);
        Self {
            named: names.iter().map(|name| (*name, counter(name))).collect(),
            other: counter(OTHER),
        }
    }

    /// Counts a refusal; `detail` is what the decision record says beside its class.
    pub(crate) fn count(&self, detail: Option<&str>) {
        let mut named = self.named.iter();
        let known = named.find(|(name, _)| detail.is_some_and(|detail| detail == *name));
        known
            .map_or(&self.other, |(_, counter)| counter)
            .increment(1);
    }
}

/// Whether a reason turns a request away because of the token or certificate it came with.
pub(crate) const fn is_about_credentials(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::TokenRefused | ReasonCode::TokenUndecided | ReasonCode::CertificateRefused
    )
}
