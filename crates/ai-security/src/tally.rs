//! Adding up what was found.

use std::ops::Range;

use ztag_types::SmolStr;

use crate::bands::Bands;
use crate::guard::Rules;
use crate::inspection::{Coverage, Finding, Inspection, Origin, Verdict, ViewKind};
use crate::model::{Margin, Reason};
use crate::normalize::Hidden;
use crate::rules::{Rule, RuleBook, RuleHit};
use crate::sweep::{Reading, Seen};
use crate::weight::{Packs, concealed};

/// Most findings of one text; those with the highest scores are kept.
const MOST_FINDINGS: usize = 32;
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
            margin += added;
            let score = self.bands().lift(packs.add(rule, channel));
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
        self.raise(self.bands().lift(packs.weight()));
        if let Some(model) = rules.model {
            let read = model.margin(seen.folded.text(), seen.touches, channel, margin);
            let probability = model.probability(&read, channel);
            self.raise(probability);
            if probability >= self.bands().mark {
                let reasons = model.explain(window(seen, &read), channel);
                self.explain(seen, &read, probability, base, &reasons);
            }
        }
    }

    /// Adds what was hidden in a part of the text.
    pub(crate) fn count_hidden(&mut self, hidden: &Hidden, part: Range<usize>) {
        for concealed in concealed(hidden) {
            let score = self.bands().lift(concealed.weight);
            self.raise(score);
            self.find(Finding {
                origin: Origin::Hidden {
                    kind: concealed.kind,
                },
                reason: SmolStr::new_static(concealed.reason),
                score,
                evidence: Vec::new(),
                span: part.start + concealed.first..part.end,
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

    /// Adds what the model says of its best window, for these reasons.
    fn explain(
        &mut self,
        seen: &Seen<'_>,
        read: &Margin,
        score: f32,
        base: usize,
        reasons: &[Reason],
    ) {
        let window = window(seen, read);
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

/// The text of the best window.
fn window<'s>(seen: &'s Seen<'_>, read: &Margin) -> &'s str {
    let text = seen.folded.text();
    text.get(read.window.clone()).unwrap_or_default()
}

fn moved(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}
