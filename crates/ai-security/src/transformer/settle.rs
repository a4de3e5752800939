//! What follows from an answer.

use ztag_types::SmolStr;

use super::question::Opinion;
use super::{Asked, OnFailure, Transformer, Unanswered};
use crate::inspection::{Finding, Inspection, Origin, Verdict, ViewKind};

impl Transformer {
    /// Brings together what the guard says of a text and what was answered, and counts it. The verdict
    /// becomes `strictest` at the most. INVARIANT: without an answer it never becomes less strict.
    pub(crate) fn settle(
        &self,
        inspection: &mut Inspection,
        said: Result<&Opinion, Unanswered>,
        strictest: Verdict,
        asked: &mut Asked,
    ) {
        asked.count(said);
        if self.blocks(said) && inspection.verdict < strictest {
            asked.blocked += usize::from(said.is_ok() && strictest == Verdict::Block);
            inspection.verdict = strictest;
        } else if let Ok(opinion) = said
            && inspection.verdict == Verdict::Mark
            && self.clears(inspection, opinion)
        {
            asked.cleared += 1;
            inspection.verdict = Verdict::Allow;
        }
        // First, where it decides: the first finding is the one that people are told.
        inspection.findings.insert(0, finding(said));
    }

    /// What follows for a text that came in pieces, was asked about because it may be blocked, and waits:
    /// whether it is, and why. What is marked in it stays so.
    pub(crate) fn heed(
        &self,
        said: Result<&Opinion, Unanswered>,
        asked: &mut Asked,
    ) -> (bool, Finding) {
        asked.count(said);
        let blocks = self.blocks(said);
        asked.blocked += usize::from(blocks && said.is_ok());
        (blocks, finding(said))
    }

    fn blocks(&self, said: Result<&Opinion, Unanswered>) -> bool {
        match said {
            Ok(opinion) => opinion.probability >= self.block_at,
            Err(_) => self.on_failure == OnFailure::Block,
        }
    }

    /// Whether a marked text is allowed. The model read the text as it stands: what is suspicious for
    /// another reason stays so.
    fn clears(&self, inspection: &Inspection, opinion: &Opinion) -> bool {
        let is_plain = |finding: &Finding| {
            finding.view == ViewKind::Text
                && matches!(finding.origin, Origin::Rule { .. } | Origin::Model)
        };
        self.clear_at
            .is_some_and(|clear| opinion.probability <= clear)
            && opinion.unasked == 0
            && inspection.coverage.is_complete()
            && inspection.findings.iter().all(is_plain)
    }
}

impl Asked {
    fn count(&mut self, said: Result<&Opinion, Unanswered>) {
        self.texts += 1;
        self.failed += usize::from(said.is_err());
        self.unasked += said.map_or(0, |opinion| opinion.unasked);
    }
}

fn finding(said: Result<&Opinion, Unanswered>) -> Finding {
    let (reason, score, span) = match said {
        Ok(opinion) => (
            "what the transformer says of it",
            opinion.probability,
            opinion.window.clone(),
        ),
        Err(why) => (why.reason(), 0.0, 0..0),
    };
    Finding {
        origin: Origin::Transformer,
        reason: SmolStr::new_static(reason),
        score,
        evidence: Vec::new(),
        span,
        view: ViewKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bands;
    use crate::inspection::{Coverage, HiddenKind};
    use std::time::Duration;

    fn transformer(clear_at: Option<f32>, on_failure: OnFailure) -> Transformer {
        Transformer {
            ask_from: None,
            block_at: 0.8,
            clear_at,
            deadline: Duration::from_secs(1),
            on_failure,
            classifier: None,
        }
    }

    fn marked(origin: Origin, view: ViewKind) -> Inspection {
        Inspection {
            verdict: Verdict::Mark,
            score: 0.5,
            bands: Bands {
                mark: 0.4,
                block: 0.6,
            },
            findings: vec![Finding {
                origin,
                reason: SmolStr::new_static("odd"),
                score: 0.5,
                evidence: Vec::new(),
                span: 0..4,
                view,
            }],
            coverage: Coverage {
                scanned: 10,
                ..Coverage::default()
            },
        }
    }

    fn said(probability: f32, unasked: usize) -> Opinion {
        Opinion {
            probability,
            window: 0..4,
            unasked,
        }
    }

    #[track_caller]
    fn check(
        transformer: &Transformer,
        mut inspection: Inspection,
        said: &Result<Opinion, Unanswered>,
        strictest: Verdict,
        expected: Verdict,
    ) {
        let mut asked = Asked::default();
        let said = said.as_ref().map_err(|why| *why);
        transformer.settle(&mut inspection, said, strictest, &mut asked);
        assert_eq!(inspection.verdict, expected);
        assert_eq!(inspection.findings[0].origin, Origin::Transformer);
        assert_eq!((asked.texts, asked.failed), (1, usize::from(said.is_err())));
    }

    #[test]
    fn attack_52_answers_block_clear_or_change_nothing() {
        let plain = || marked(Origin::Model, ViewKind::Text);
        let clearing = transformer(Some(0.1), OnFailure::Block);
        let strict = transformer(None, OnFailure::Block);
        for (probability, with, without) in [
            (0.05, Verdict::Allow, Verdict::Mark),
            (0.1, Verdict::Allow, Verdict::Mark),
            (0.11, Verdict::Mark, Verdict::Mark),
            (0.79, Verdict::Mark, Verdict::Mark),
            (0.8, Verdict::Block, Verdict::Block),
        ] {
            let said = Ok(said(probability, 0));
            check(&clearing, plain(), &said, Verdict::Block, with);
            check(&strict, plain(), &said, Verdict::Block, without);
        }
        // The strictest verdict of the channel holds.
        check(
            &strict,
            plain(),
            &Ok(said(1.0, 0)),
            Verdict::Mark,
            Verdict::Mark,
        );
    }

    #[test]
    fn attack_52_a_question_without_an_answer_never_lowers_a_verdict() {
        for why in [
            Unanswered::Late,
            Unanswered::Overloaded,
            Unanswered::Failed,
            Unanswered::Absent,
        ] {
            let plain = || marked(Origin::Model, ViewKind::Text);
            let closed = transformer(Some(0.7), OnFailure::Block);
            check(&closed, plain(), &Err(why), Verdict::Block, Verdict::Block);
            let open = transformer(Some(0.7), OnFailure::Mark);
            check(&open, plain(), &Err(why), Verdict::Block, Verdict::Mark);
        }
    }

    #[test]
    fn attack_52_what_the_model_did_not_see_is_not_cleared() {
        let transformer = transformer(Some(0.5), OnFailure::Block);
        let harmless = || said(0.0, 0);
        let hidden = Origin::Hidden {
            kind: HiddenKind::ZeroWidth,
        };
        let mut unread = marked(Origin::Model, ViewKind::Text);
        unread.coverage.skipped = 1;
        for (inspection, said) in [
            (marked(Origin::Model, ViewKind::Base64), harmless()),
            (marked(hidden, ViewKind::Text), harmless()),
            (marked(Origin::Limit, ViewKind::Text), harmless()),
            (marked(Origin::Model, ViewKind::Text), said(0.0, 1)),
            (marked(Origin::Model, ViewKind::Text), said(f32::NAN, 0)),
            (unread, harmless()),
        ] {
            check(
                &transformer,
                inspection,
                &Ok(said),
                Verdict::Block,
                Verdict::Mark,
            );
        }
    }
}
