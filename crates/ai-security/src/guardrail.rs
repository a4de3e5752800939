//! The guardrail: the guard and the content filter over all texts of one request or response.

mod body;
mod digest;
mod kept;
mod reading;
mod report;
mod spec;

use ztag_types::{ConfigPath, Findings};

use crate::filter::Filter;
use crate::guard::Guard;

pub use body::{BodyPlan, BodySpec, Unreadable, is_utf8};
pub use digest::Digests;
pub use kept::{Kept, Paused};
pub use reading::Reading;
pub use report::{ChannelTally, Found, Judgement};
pub use spec::{GuardrailSpec, OnUnreadable, Spotlight};

/// What is looked for in the texts of a request or a response, and what becomes of them. Compiled
/// once, shared by everybody.
#[derive(Debug)]
pub struct Guardrail {
    guard: Option<Guard>,
    filter: Option<Filter>,
    spotlight: Option<Spotlight>,
    digests: Digests,
    records_text: bool,
}

impl Guardrail {
    /// The guard with its standard settings, and nothing that masks.
    pub fn standard(digests: Digests) -> Self {
        Self {
            guard: Some(Guard::standard().clone()),
            filter: None,
            spotlight: None,
            digests,
            records_text: false,
        }
    }

    /// One that only looks for content.
    pub const fn filtering(filter: Filter, digests: Digests) -> Self {
        Self {
            guard: None,
            filter: Some(filter),
            spotlight: None,
            digests,
            records_text: false,
        }
    }

    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(
        spec: &GuardrailSpec,
        digests: Digests,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let guard = spec.injection.as_ref();
        let guard = guard.map(|own| Guard::compile(own, &at.key("injection"), findings));
        let filter = spec.content.as_ref();
        let filter = filter.map(|own| Filter::compile(own, &at.key("content"), findings));
        Some(Self {
            guard: match guard {
                None => None,
                Some(guard) => Some(guard?),
            },
            filter: match filter {
                None => None,
                Some(filter) => Some(filter?),
            },
            spotlight: spec.spotlight,
            digests,
            records_text: spec.record_text,
        })
    }

    /// Whether texts may come out otherwise than they went in.
    pub fn masks(&self) -> bool {
        self.hides() || self.spotlight.is_some()
    }

    /// Whether placeholders may take the place of values.
    pub fn hides(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::masks)
    }

    /// Whether links in answers are looked at.
    pub fn watches_links(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::watches_links)
    }

    /// The filter of content, if there is one: what streams are read with.
    pub const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// Begins to read the texts of one request, or of a response that answers none that was read.
    pub fn begin(&self) -> Reading<'_> {
        self.resume(Paused::default())
    }

    /// Begins to read the answer to a request of which `kept` is known. With `restores`, placeholders of
    /// the request come out as the values that they stand for: pass on what is read so only to the one
    /// who sent the request.
    pub fn begin_answer(&self, kept: Kept, restores: bool) -> Reading<'_> {
        self.resume(Paused::answer(kept, restores))
    }

    /// Goes on with a reading.
    pub const fn resume(&self, paused: Paused) -> Reading<'_> {
        Reading::new(self, paused)
    }
}

#[cfg(test)]
mod tests;
