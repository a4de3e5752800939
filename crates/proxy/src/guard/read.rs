//! A message that is there whole, read.

use std::sync::Arc;

use bytes::Bytes;
use ztag_ai_security::Verdict;
use ztag_ai_security::guardrail::{BodyPlan, Judgement, Kept, Paused, Unreadable};
use ztag_ai_security::transformer::Questions;
use ztag_types::InspectReport;

use super::RouteGuard;
use super::fields::{self, Field, Replaced};
use super::withheld::{Side, Unread, Withheld};

/// Larger bodies are read beside the workers, so that others do not wait for it.
const ASIDE: usize = 64 * 1024;

/// What is read of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Message<'m> {
    pub(super) fields: &'m [Field],
    pub(super) media: Option<&'m str>,
    /// The body, if there is one and it is to be read.
    pub(super) body: Option<&'m Bytes>,
}

/// What came of a message.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Result<Passing, Withheld>,
    /// What is kept for the answer.
    pub(super) kept: Kept,
    /// For the record.
    pub(super) report: Box<InspectReport>,
    /// What a classifier is to be asked first.
    questions: Option<Questions>,
}

/// What goes on otherwise than it came.
#[derive(Debug, Default)]
pub(super) struct Passing {
    pub(super) fields: Replaced,
    pub(super) body: Option<Bytes>,
}

impl<'m> Message<'m> {
    /// One of which nothing but the body is read.
    pub(super) const fn body(media: Option<&'m str>, body: &'m Bytes) -> Self {
        Self {
            fields: &[],
            media,
            body: Some(body),
        }
    }
}

impl RouteGuard {
    /// Reads `message`; a second time where a classifier was asked about it.
    pub(super) async fn read(
        self: &Arc<Self>,
        side: Side,
        message: Message<'_>,
        paused: Paused,
    ) -> Outcome {
        let Some(asking) = self.guardrail.asking(&paused) else {
            return self.read_once(side, message, paused).await;
        };
        let mut outcome = self.read_once(side, message, asking).await;
        let Some(questions) = outcome.questions.take() else {
            return outcome;
        };
        let paused = self.guardrail.ask(questions, paused).await;
        self.read_once(side, message, paused).await
    }

    async fn read_once(
        self: &Arc<Self>,
        side: Side,
        message: Message<'_>,
        paused: Paused,
    ) -> Outcome {
        let body = match message.body {
            Some(body) if body.len() > ASIDE => body.clone(),
            _ => return self.read_now(side, message, paused),
        };
        let (guard, fields) = (Arc::clone(self), message.fields.to_vec());
        let media = message.media.map(str::to_owned);
        let read = move || {
            let message = Message {
                fields: &fields,
                media: media.as_deref(),
                body: Some(&body),
            };
            guard.read_now(side, message, paused)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|_| Outcome {
            // It was not read to its end: nobody knows what it holds.
            verdict: Err(Withheld::unread(self, side, Unread::Failed)),
            kept: Kept::default(),
            report: Box::new(self.report_of(&Unread::Failed)),
            questions: None,
        })
    }

    /// Reads `message` as far as that takes nobody else.
    pub(super) fn read_now(&self, side: Side, message: Message<'_>, paused: Paused) -> Outcome {
        let mut reading = self.guardrail.resume(paused);
        let fields = fields::read(message.fields, &mut reading);
        let body = match (message.body, self.plan(side)) {
            (Some(body), Some(plan)) => plan.read(message.media, body, &mut reading),
            _ => Ok(None),
        };
        let questions = reading.questions();
        let (judgement, kept) = reading.finish();
        let mut report = Box::new(judgement.report(&self.name, self.shadow));
        Outcome {
            verdict: self.conclude(side, (fields, body), &judgement, &mut report),
            kept,
            report,
            questions,
        }
    }

    /// The same of a message whose body cannot be read: what was found in the rest of it counts.
    pub(super) fn without_body(&self, side: Side, why: Unread, rest: Outcome) -> Outcome {
        let mut outcome = rest;
        outcome.report.error = Some(why.to_string().into());
        if outcome.verdict.is_ok() && !self.is_open() {
            outcome.verdict = Err(Withheld::unread(self, side, why));
        }
        outcome
    }

    fn plan(&self, side: Side) -> Option<&BodyPlan> {
        match side {
            Side::Request => self.request.as_ref()?.body.as_ref(),
            Side::Response => self.response.as_ref(),
        }
    }

    fn conclude(
        &self,
        side: Side,
        (fields, body): (Option<Replaced>, Result<Option<Vec<u8>>, Unreadable>),
        judgement: &Judgement,
        report: &mut InspectReport,
    ) -> Result<Passing, Withheld> {
        let unread = body.as_ref().err();
        report.error = unread.map(|why| why.to_string().into());
        // INVARIANT: what is found in one text blocks, whatever became of the others.
        if judgement.verdict == Verdict::Block && !self.shadow {
            return Err(Withheld::blocked(self, side, judgement));
        }
        let body = match body {
            Ok(new) => new,
            Err(_) if self.is_open() => None,
            Err(why) => return Err(Withheld::unread(self, side, why.into())),
        };
        if self.shadow {
            return Ok(Passing::default());
        }
        let Some(fields) = fields else {
            return Err(Withheld::unread(self, side, Unread::Failed));
        };
        let body = body.map(Bytes::from);
        Ok(Passing { fields, body })
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
            Err(Withheld::unread(self, side, why))
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
