//! A body that is there whole, read.

use std::sync::Arc;

use bytes::Bytes;
use ztag_ai_security::Verdict;
use ztag_ai_security::guardrail::{Judgement, Kept, Paused, Unreadable};
use ztag_ai_security::transformer::Questions;
use ztag_types::InspectReport;

use super::RouteGuard;
use super::withheld::{Side, Unread, Withheld};

/// Larger bodies are read beside the workers, so that others do not wait for it.
const ASIDE: usize = 64 * 1024;

/// What came of a body.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The body in the place of the one that came, where it goes on otherwise.
    pub(super) verdict: Result<Option<Bytes>, Withheld>,
    /// What is kept for the answer.
    pub(super) kept: Kept,
    /// For the record.
    pub(super) report: Box<InspectReport>,
    /// What a classifier is to be asked before this is the outcome.
    questions: Option<Questions>,
}

impl RouteGuard {
    /// Reads `body`, which is of the type `media`, and again when a classifier was asked about marked
    /// texts.
    pub(super) async fn read(
        self: &Arc<Self>,
        side: Side,
        media: Option<&str>,
        body: &Bytes,
        paused: Paused,
    ) -> Outcome {
        let Some(asking) = self.guardrail.asking(&paused) else {
            return self.read_once(side, media, body, paused).await;
        };
        let mut outcome = self.read_once(side, media, body, asking).await;
        if let Some(questions) = outcome.questions.take() {
            let paused = self.guardrail.ask(questions, paused).await;
            outcome = self.read_once(side, media, body, paused).await;
        }
        outcome
    }

    async fn read_once(
        self: &Arc<Self>,
        side: Side,
        media: Option<&str>,
        body: &Bytes,
        paused: Paused,
    ) -> Outcome {
        if body.len() <= ASIDE {
            return self.read_now(side, media, body, paused);
        }
        let (guard, media, body) = (Arc::clone(self), media.map(str::to_owned), body.clone());
        let read = move || guard.read_now(side, media.as_deref(), &body, paused);
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|_| Outcome {
            // It was not read to its end: nobody knows what it holds.
            verdict: Err(Withheld::unread(&self.name, side, Unread::Failed)),
            kept: Kept::default(),
            report: Box::new(self.report_of(&Unread::Failed)),
            questions: None,
        })
    }

    pub(super) fn read_now(
        &self,
        side: Side,
        media: Option<&str>,
        body: &[u8],
        paused: Paused,
    ) -> Outcome {
        let mut reading = self.guardrail.resume(paused);
        let plan = match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        };
        let read = match plan {
            Some(plan) => plan.read(media, body, &mut reading),
            None => Ok(None),
        };
        let questions = reading.questions();
        let (judgement, kept) = reading.finish();
        let mut report = Box::new(judgement.report(&self.name, self.shadow));
        Outcome {
            verdict: self.conclude(side, read, &judgement, &mut report),
            kept,
            report,
            questions,
        }
    }

    fn conclude(
        &self,
        side: Side,
        read: Result<Option<Vec<u8>>, Unreadable>,
        judgement: &Judgement,
        report: &mut InspectReport,
    ) -> Result<Option<Bytes>, Withheld> {
        let unreadable = read.as_ref().err();
        report.error = unreadable.map(|why| why.to_string().into());
        // INVARIANT: what is found in one text blocks, whatever became of the others.
        if judgement.verdict == Verdict::Block && !self.shadow {
            return Err(Withheld::blocked(&self.name, side, judgement));
        }
        match read {
            Ok(new) => Ok(new.filter(|_| !self.shadow).map(Bytes::from)),
            Err(_) if self.is_open() => Ok(None),
            Err(why) => Err(Withheld::unread(&self.name, side, why.into())),
        }
    }

    /// What becomes of a body that is not read, for the reason told in the report.
    pub(super) fn pass_unread(
        &self,
        side: Side,
        why: Unread,
    ) -> (Result<(), Withheld>, InspectReport) {
        let report = self.report_of(&why);
        let verdict = if self.is_open() {
            Ok(())
        } else {
            Err(Withheld::unread(&self.name, side, why))
        };
        (verdict, report)
    }

    fn report_of(&self, why: &Unread) -> InspectReport {
        InspectReport {
            error: Some(why.to_string().into()),
            ..Judgement::default().report(&self.name, self.shadow)
        }
    }
}
