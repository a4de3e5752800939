//! What is to be said of all texts of a request or a response.

use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;
use ztag_types::{InspectReport, InspectedChannel, SmolStr};

use super::Guardrail;
use crate::channel::Channel;
use crate::filter::Action;
use crate::inspection::{Coverage, Finding, Verdict};
use crate::transformer::Asked;

/// Findings that are kept of one request; more are only counted.
pub(super) const MOST_FINDINGS: usize = 32;
/// Bytes of a hit that are recorded, where the operator wants text at all.
const MOST_TEXT: usize = 200;

/// What is to be said of all texts together: the strictest verdict, the highest score.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Judgement {
    /// What becomes of the request or response.
    pub verdict: Verdict,
    /// How likely it is an attack, 0 to 1.
    pub score: f32,
    /// The score from which the text with the highest one is blocked.
    pub threshold: f32,
    /// Why.
    pub findings: Vec<Found>,
    /// Findings that are not listed, because there are too many.
    pub unlisted: usize,
    /// Texts read.
    pub texts: usize,
    /// Places masked.
    pub masked: usize,
    /// Texts spotlighted.
    pub spotlit: usize,
    /// How much was read.
    pub coverage: Coverage,
    /// What a classifier was asked.
    pub asked: Asked,
    /// What was found where.
    pub channels: SmallVec<[ChannelTally; 2]>,
}

/// What was found in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelTally {
    /// The channel.
    pub channel: Channel,
    /// Texts that are marked or blocked as injections.
    pub injections: usize,
    /// Secrets, personal data and words.
    pub contents: usize,
    /// How long reading took.
    pub latency: Duration,
}

/// A finding and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// The channel of the text.
    pub channel: Channel,
    /// Where the text stands in the request, such as `messages[2].content`; spans count from its
    /// beginning.
    pub place: SmolStr,
    /// Stands for what was found: a keyed digest.
    pub digest: SmolStr,
    /// What was found, where the operator wants to see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Default for Judgement {
    fn default() -> Self {
        Self {
            verdict: Verdict::Allow,
            score: 0.0,
            threshold: 1.0,
            findings: Vec::new(),
            unlisted: 0,
            texts: 0,
            masked: 0,
            spotlit: 0,
            coverage: Coverage::default(),
            asked: Asked::default(),
            channels: SmallVec::new(),
        }
    }
}

impl Judgement {
    /// What records hold of it, found by `guardrail`.
    pub fn report(&self, guardrail: &SmolStr, shadow: bool) -> InspectReport {
        let channels = self.channels.iter().map(|tally| InspectedChannel {
            channel: tally.channel.as_str(),
            injections: tally.injections,
            contents: tally.contents,
            latency: tally.latency,
        });
        let findings = self.findings.iter();
        let findings = findings.filter_map(|found| serde_json::to_value(found).ok());
        InspectReport {
            guardrail: guardrail.clone(),
            verdict: self.verdict.as_str(),
            shadow,
            score: self.score,
            threshold: self.threshold,
            texts: self.texts,
            scanned: self.coverage.scanned,
            skipped: self.coverage.skipped + self.coverage.undecoded,
            masked: self.masked,
            spotlit: self.spotlit,
            latency: self.latency(),
            consulted: self.asked.report(),
            channels: channels.collect(),
            findings: findings.collect(),
            error: None,
        }
    }

    /// How long reading took, and waiting for answers.
    fn latency(&self) -> Duration {
        let read: Duration = self.channels.iter().map(|tally| tally.latency).sum();
        read + self.asked.latency
    }

    /// Lists a finding in a text of `channel` at `place`; `hit` is the text it is about.
    pub(super) fn note(
        &mut self,
        guardrail: &Guardrail,
        mut finding: Finding,
        hit: &str,
        channel: Channel,
        place: &str,
    ) {
        if self.findings.len() >= MOST_FINDINGS {
            self.unlisted += 1;
            return;
        }
        if !guardrail.records_text {
            finding.evidence.clear();
        }
        self.findings.push(Found {
            digest: guardrail.digests.of(hit),
            text: guardrail.records_text.then(|| shortened(hit)),
            place: SmolStr::new(place),
            channel,
            finding,
        });
    }

    /// Counts a secret, personal data or a word, of which becomes what `action` says.
    pub(super) fn count_content(&mut self, channel: Channel, action: Action) {
        if action == Action::Block {
            self.verdict = Verdict::Block;
        }
        self.masked += usize::from(action == Action::Mask);
        self.tally(channel).contents += 1;
    }

    pub(super) fn tally(&mut self, channel: Channel) -> &mut ChannelTally {
        let at = self.channels.iter().position(|own| own.channel == channel);
        let at = at.unwrap_or_else(|| {
            self.channels.push(ChannelTally {
                channel,
                injections: 0,
                contents: 0,
                latency: Duration::ZERO,
            });
            self.channels.len() - 1
        });
        // Found or pushed just now.
        #[expect(clippy::indexing_slicing, reason = "the place is inside the list")]
        &mut self.channels[at]
    }
}

/// The beginning of a hit.
fn shortened(hit: &str) -> String {
    let end = hit.floor_char_boundary(MOST_TEXT);
    hit.get(..end).unwrap_or_default().to_owned()
}
