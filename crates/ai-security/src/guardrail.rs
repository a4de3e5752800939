//! The guardrail: the guard and the content filter over all texts of one request or response.

mod digest;
mod report;
mod spec;

use std::borrow::Cow;
use std::time::Instant;

use ztag_types::{ConfigPath, Findings, SmolStr};

use crate::channel::Channel;
use crate::filter::{Action, Filter, Match, Vault};
use crate::guard::Guard;
use crate::inspection::{Finding, Inspection, Origin, Verdict, ViewKind};

pub use digest::Digests;
pub use report::{ChannelTally, Found, Judgement};
pub use spec::GuardrailSpec;

/// Findings that are kept of one request; more are only counted.
const MOST_FINDINGS: usize = 32;

/// What is looked for in the texts of a request or a response, and what becomes of them. Compiled
/// once, shared by everybody.
#[derive(Debug)]
pub struct Guardrail {
    guard: Option<Guard>,
    filter: Option<Filter>,
    digests: Digests,
    records_text: bool,
}

impl Guardrail {
    /// The guard with its standard settings, and nothing that masks.
    pub fn standard(digests: Digests) -> Self {
        Self {
            guard: Some(Guard::standard().clone()),
            filter: None,
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
            digests,
            records_text: spec.record_text,
        })
    }

    /// Whether texts may come out otherwise than they went in.
    pub fn masks(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::masks)
    }

    /// The filter of content, if there is one: what streams are read with.
    pub const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// Begins to read the texts of one request or response.
    pub fn begin(&self) -> Reading<'_> {
        Reading {
            guardrail: self,
            vault: Vault::new(),
            judgement: Judgement::default(),
        }
    }
}

/// The texts of one request or response, read one after the other.
#[derive(Debug)]
pub struct Reading<'g> {
    guardrail: &'g Guardrail,
    vault: Vault,
    judgement: Judgement,
}

impl Reading<'_> {
    /// Reads `text`, which stands in `channel` at `place`, such as `messages[2].content`. Returns it
    /// as it may go on: with placeholders for what is masked.
    pub fn read<'t>(&mut self, text: &'t str, channel: Channel, place: &str) -> Cow<'t, str> {
        let begun = Instant::now();
        self.judgement.texts += 1;
        if let Some(guard) = &self.guardrail.guard {
            let inspection = guard.inspect(text, channel);
            self.weigh(inspection, text, channel, place);
        } else {
            self.judgement.coverage.scanned += text.len();
        }
        let read = match &self.guardrail.filter {
            Some(filter) if channel != Channel::System => self.filter(filter, text, channel, place),
            _ => Cow::Borrowed(text),
        };
        self.judgement.tally(channel).latency += begun.elapsed();
        read
    }

    /// What is to be said of everything read, and what placeholders stand for.
    pub fn finish(self) -> (Judgement, Vault) {
        (self.judgement, self.vault)
    }

    fn weigh(&mut self, inspection: Inspection, text: &str, channel: Channel, place: &str) {
        let judgement = &mut self.judgement;
        judgement.coverage.add(inspection.coverage);
        if inspection.verdict > judgement.verdict || inspection.score > judgement.score {
            judgement.threshold = inspection.bands.block;
        }
        judgement.verdict = judgement.verdict.max(inspection.verdict);
        judgement.score = judgement.score.max(inspection.score);
        if inspection.verdict == Verdict::Allow {
            return;
        }
        judgement.tally(channel).injections += 1;
        for finding in inspection.findings {
            self.note(finding, text, channel, place);
        }
    }

    /// What a filter makes of the text.
    fn filter<'t>(
        &mut self,
        filter: &Filter,
        text: &'t str,
        channel: Channel,
        place: &str,
    ) -> Cow<'t, str> {
        let found = filter.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masks = false;
        for found in found {
            masks |= found.action == Action::Mask;
            if found.action == Action::Block {
                self.judgement.verdict = Verdict::Block;
            }
            self.judgement.masked += usize::from(found.action == Action::Mask);
            self.judgement.tally(channel).contents += 1;
            self.note(content(found), text, channel, place);
        }
        if masks {
            filter.mask(text, &mut self.vault)
        } else {
            Cow::Borrowed(text)
        }
    }

    fn note(&mut self, mut finding: Finding, text: &str, channel: Channel, place: &str) {
        if self.judgement.findings.len() >= MOST_FINDINGS {
            self.judgement.unlisted += 1;
            return;
        }
        let hit = text.get(finding.span.clone()).unwrap_or_default();
        let guardrail = self.guardrail;
        if !guardrail.records_text {
            finding.evidence.clear();
        }
        self.judgement.findings.push(Found {
            digest: guardrail.digests.of(hit),
            text: guardrail.records_text.then(|| report::shortened(hit)),
            place: SmolStr::new(place),
            channel,
            finding,
        });
    }
}

fn content(found: Match) -> Finding {
    Finding {
        evidence: Vec::new(),
        reason: found.rule,
        score: 1.0,
        span: found.secret,
        view: ViewKind::Text,
        origin: Origin::Filter { kind: found.kind },
    }
}

#[cfg(test)]
mod tests;
