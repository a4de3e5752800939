//! Adding up what was found.

use std::ops::Range;

use ztag_types::SmolStr;

use crate::bands::Bands;
use crate::guard::Rules;
use crate::inspection::{Coverage, Finding, HiddenKind, Inspection, Origin, Verdict, ViewKind};
use crate::model::Margin;
use crate::normalize::Hidden;
use crate::rules::{Rule, RuleBook, RuleHit};
use crate::sweep::{Reading, Seen};

/// Most findings of one text; those with the highest scores are kept.
const MOST_FINDINGS: usize = 32;
/// Weight of rules from which on a text is marked whatever the model says of it.
const MARKING_WEIGHT: f32 = 0.75;
/// The same for blocking.
const BLOCKING_WEIGHT: f32 = 0.9;
/// Most packs whose weights add up.
const MOST_PACKS: usize = 16;

/// What a hidden character of each kind weighs as a rule: how many there must be, and the weight.
const HIDDEN: [(HiddenKind, usize, f32, &str); 4] = [
    (
        HiddenKind::Tags,
        1,
        0.95,
        "text in characters that no font shows",
    ),
    (
        HiddenKind::Selectors,
        4,
        0.9,
        "bytes in characters that no font shows",
    ),
    (
        HiddenKind::Bidi,
        1,
        0.4,
        "an override of the writing direction",
    ),
    (
        HiddenKind::ZeroWidth,
        3,
        0.6,
        "zero-width characters inside words",
    ),
];

/// The score and the findings of one text, while it is read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    bands: Option<Bands>,
    score: f32,
    findings: Vec<Finding>,
}

impl Tally {
    /// Begins with a text of a channel with these bands.
    pub(crate) fn begin(&mut self, bands: Bands) {
        self.bands = Some(bands);
        self.score = 0.0;
        self.findings.clear();
    }

    /// Adds what was seen in a part of the text that begins at `base`.
    pub(crate) fn count(
        &mut self,
        seen: &Seen<'_>,
        base: usize,
        reading: &Reading<'_>,
        rules: &Rules,
    ) {
        let Reading { book, channel, .. } = *reading;
        let mut packs = Packs::default();
        let mut margin = 0.0;
        for hit in seen.hits {
            let Some((rule, added)) = rule(hit, book, rules) else {
                continue;
            };
            let weight = rule.weights.get(channel.index()).copied().unwrap_or(1.0);
            margin += added;
            packs.add(pack(rule), weight);
            let score = self.lift(weight);
            self.find(Finding {
                origin: Origin::Rule {
                    id: rule.id.clone(),
                    version: rule.version,
                },
                reason: rule.reason.clone(),
                score,
                evidence: Vec::new(),
                span: moved(seen.original(hit.span.clone()), base),
                view: seen.kind(),
            });
        }
        self.raise(self.lift(packs.weight()));
        if let Some(model) = rules.model {
            let read = model.margin(seen.folded.text(), channel, margin);
            let probability = model.probability(&read, channel);
            self.raise(probability);
            if probability >= self.bands().mark {
                self.explain(seen, &read, probability, base, rules);
            }
        }
    }

    /// Adds what was hidden in a part of the text.
    pub(crate) fn count_hidden(&mut self, hidden: &Hidden, part: Range<usize>) {
        if hidden.is_empty() {
            return;
        }
        for (kind, fewest, weight, reason) in HIDDEN {
            let Some((_, first)) = hidden.seen(kind).filter(|(count, _)| *count >= fewest) else {
                continue;
            };
            let score = self.lift(weight);
            self.raise(score);
            self.find(Finding {
                origin: Origin::Hidden { kind },
                reason: SmolStr::new_static(reason),
                score,
                evidence: Vec::new(),
                span: part.start + first..part.end,
                view: ViewKind::Text,
            });
        }
    }

    /// Says that a part was not read, which is at least `verdict`.
    pub(crate) fn count_limit(&mut self, verdict: Verdict, part: Range<usize>) {
        let bands = self.bands();
        let score = match verdict {
            Verdict::Allow => 0.0,
            Verdict::Mark => bands.mark,
            Verdict::Block => bands.block,
        };
        let score = score.min(1.0);
        self.raise(score);
        self.find(Finding {
            origin: Origin::Limit,
            reason: SmolStr::new_static("over a limit, and so not read whole"),
            score,
            evidence: Vec::new(),
            span: part,
            view: ViewKind::Text,
        });
    }

    /// The inspection; `at_most` is the strictest verdict.
    pub(crate) fn finish(
        &mut self,
        bands: Bands,
        coverage: Coverage,
        at_most: Verdict,
    ) -> Inspection {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by(|a, b| b.score.total_cmp(&a.score));
        Inspection {
            verdict: bands.verdict(self.score).min(at_most),
            score: self.score,
            bands,
            findings,
            coverage,
        }
    }

    /// The score that a weight of rules is worth: rules speak of bands, wherever these are.
    fn lift(&self, weight: f32) -> f32 {
        let bands = self.bands();
        let (mark, block) = (bands.mark.min(1.0), bands.block.min(1.0));
        let between = |weight: f32, from: f32, to: f32, low: f32, high: f32| {
            low + (weight - from) / (to - from) * (high - low)
        };
        let lifted = if weight < MARKING_WEIGHT {
            between(weight, 0.0, MARKING_WEIGHT, 0.0, mark)
        } else if weight < BLOCKING_WEIGHT {
            between(weight, MARKING_WEIGHT, BLOCKING_WEIGHT, mark, block)
        } else {
            between(weight, BLOCKING_WEIGHT, 1.0, block, 1.0)
        };
        lifted.clamp(0.0, 1.0)
    }

    fn bands(&self) -> Bands {
        self.bands.unwrap_or(Bands {
            mark: 0.0,
            block: 0.0,
        })
    }

    fn raise(&mut self, score: f32) {
        // What is not a number is the highest: an error never becomes a pass.
        self.score = if score.is_nan() {
            1.0
        } else {
            self.score.max(score)
        };
    }

    fn find(&mut self, finding: Finding) {
        let is_same =
            |other: &&mut Finding| other.origin == finding.origin && other.view == finding.view;
        if let Some(known) = self.findings.iter_mut().find(is_same) {
            if known.score < finding.score {
                *known = finding;
            }
        } else if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else if let Some(least) = self
            .findings
            .iter_mut()
            .min_by(|a, b| a.score.total_cmp(&b.score))
            && least.score < finding.score
        {
            *least = finding;
        }
    }

    fn explain(&mut self, seen: &Seen<'_>, read: &Margin, score: f32, base: usize, rules: &Rules) {
        let window = seen
            .folded
            .text()
            .get(read.window.clone())
            .unwrap_or_default();
        let reasons = rules
            .model
            .map(|model| model.explain(window))
            .unwrap_or_default();
        let evidence = reasons
            .iter()
            .filter_map(|reason| window.get(reason.span.clone()));
        self.find(Finding {
            origin: Origin::Model,
            reason: SmolStr::new_static("reads like the attacks that the model was trained on"),
            score,
            evidence: evidence.map(SmolStr::new).collect(),
            span: moved(seen.original(read.window.clone()), base),
            view: seen.kind(),
        });
    }
}

/// The rule that was hit and what it adds to the margin, unless it does not count.
fn rule<'a>(hit: &RuleHit, book: &'a RuleBook, rules: &Rules) -> Option<(&'a Rule, f32)> {
    let index = usize::from(hit.rule);
    let rule = book.rules().get(index)?;
    Some((rule, rules.margins.get(index).copied()??))
}

/// What the id of a rule begins with.
fn pack(rule: &Rule) -> &str {
    rule.id.split_once('.').map_or(&*rule.id, |(pack, _)| pack)
}

fn moved(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// The heaviest weight of each pack: rules of one pack say the same, packs add up.
#[derive(Default)]
struct Packs<'a> {
    heaviest: [(&'a str, f32); MOST_PACKS],
    len: usize,
}

impl<'a> Packs<'a> {
    fn add(&mut self, pack: &'a str, weight: f32) {
        let known = self
            .heaviest
            .iter_mut()
            .take(self.len)
            .find(|(known, _)| *known == pack);
        if let Some((_, heaviest)) = known {
            *heaviest = heaviest.max(weight);
        } else if let Some(place) = self.heaviest.get_mut(self.len) {
            *place = (pack, weight);
            self.len += 1;
        } else if let Some((_, last)) = self.heaviest.last_mut() {
            *last = last.max(weight);
        }
    }

    /// One less the chance that none of them is right, were they independent.
    fn weight(&self) -> f32 {
        let wrong = self
            .heaviest
            .iter()
            .take(self.len)
            .map(|(_, weight)| 1.0 - weight.clamp(0.0, 1.0));
        1.0 - wrong.product::<f32>()
    }
}
