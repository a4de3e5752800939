//! One text, examined.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;
use ztag_ai_security::filter::{Filter, FilterSpec, Vault};
use ztag_ai_security::transformer::Asked as Consulted;
use ztag_ai_security::{Bands, Channel, Finding, Guard, Inspection, Origin, Scratch, Verdict};
use ztag_types::{ConfigPath, Findings};

use super::ScanArguments;
use super::second::Second;

/// Guard and filter, as the command line wants them.
#[derive(Debug)]
pub(super) struct Examiner {
    guard: &'static Guard,
    filter: Option<Filter>,
    channel: Channel,
    threshold: Option<f32>,
    second: Option<Second>,
}

/// What is said of a text; with its id, a line of output.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) id: Json,
    pub(super) verdict: Verdict,
    pub(super) score: f32,
    /// From this score on texts of this channel are blocked.
    pub(super) threshold: f32,
    pub(super) findings: Vec<Grounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) masked: Option<String>,
    /// What the guard alone says.
    #[serde(skip)]
    pub(super) alone: Verdict,
    /// What a classifier was asked.
    #[serde(skip)]
    pub(super) consulted: Consulted,
}

/// A finding as written out: named by what found it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Grounds {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<String>,
    /// First byte, and the byte behind the last.
    pub(super) span: [usize; 2],
    pub(super) reason: String,
}

impl Examiner {
    /// As the command line says, with `second` to ask.
    ///
    /// # Errors
    /// When the rules that come with the filter cannot be compiled.
    pub(super) fn new(arguments: &ScanArguments, second: Option<Second>) -> Result<Self, String> {
        let filter = arguments.mask.then(standard_filter).transpose()?;
        Ok(Self {
            guard: Guard::standard(),
            filter,
            channel: arguments.channel,
            threshold: arguments.threshold,
            second,
        })
    }

    /// Whether a classifier is asked.
    pub(super) const fn asks(&self) -> bool {
        self.second.is_some()
    }

    /// Examines one text.
    pub(super) fn examine(&self, scratch: &mut Scratch, asked: &Asked) -> Answer {
        let channel = asked.channel.unwrap_or(self.channel);
        let text = asked.text.as_str();
        let mut found = self.guard.inspect_with(scratch, text, channel);
        self.hold_to_threshold(&mut found);
        let alone = found.verdict;
        let second = self.second.as_ref();
        let consulted = second.map(|second| second.ask(self.guard, text, channel, &mut found));
        let mut findings = found.findings.iter().map(reason).collect::<Vec<_>>();
        let masked = self.filter.as_ref().map(|filter| {
            findings.extend(filter.find(text).iter().map(|found| Grounds {
                filter: Some(found.kind.to_string()),
                rule: Some(found.rule.to_string()),
                span: [found.span.start, found.span.end],
                reason: format!("holds {}", found.kind),
                ..Grounds::default()
            }));
            filter.mask(text, &mut Vault::new()).into_owned()
        });
        Answer {
            id: asked.id.clone(),
            verdict: found.verdict,
            score: found.score,
            threshold: found.bands.block,
            findings,
            masked,
            alone,
            consulted: consulted.unwrap_or_default(),
        }
    }

    /// Judges by the threshold of the command line, if it has one.
    fn hold_to_threshold(&self, found: &mut Inspection) {
        let Some(block) = self.threshold else {
            return;
        };
        let mark = found.bands.mark.min(block);
        found.bands = Bands { mark, block };
        // What was not read has a verdict of its own, which no threshold takes back.
        let unread = if found.coverage.is_complete() {
            Verdict::Allow
        } else {
            found.verdict
        };
        found.verdict = found.bands.verdict(found.score).max(unread);
    }
}

/// A text to examine.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) id: Json,
    pub(super) text: String,
    #[serde(default)]
    pub(super) channel: Option<Channel>,
}

fn standard_filter() -> Result<Filter, String> {
    let mut findings = Findings::default();
    let filter = Filter::compile(
        &FilterSpec::default(),
        &ConfigPath::default(),
        &mut findings,
    );
    filter.ok_or_else(|| "the rules of the filter are broken".to_owned())
}

fn reason(finding: &Finding) -> Grounds {
    let mut said = finding.reason.to_string();
    for (at, evidence) in finding.evidence.iter().enumerate() {
        said.push_str(if at == 0 { ": " } else { ", " });
        // Writing to a string does not fail. Escaped, because it is text of whoever wrote it.
        let _ = write!(said, "{evidence:?}");
    }
    // Without an answer there is no such place.
    if finding.origin == Origin::Transformer && !finding.span.is_empty() {
        let _ = write!(said, ": {:.3}", finding.score);
    }
    let mut grounds = Grounds {
        span: [finding.span.start, finding.span.end],
        reason: said,
        ..Grounds::default()
    };
    match &finding.origin {
        Origin::Rule { id, .. } => grounds.rule = Some(id.to_string()),
        Origin::Model => grounds.model = Some("n-grams"),
        Origin::Transformer => grounds.model = Some("transformer"),
        Origin::Filter { kind } => grounds.filter = Some(kind.to_string()),
        Origin::Hidden { .. } => grounds.rule = Some("hidden".to_owned()),
        Origin::Limit => grounds.rule = Some("limit".to_owned()),
    }
    grounds
}
