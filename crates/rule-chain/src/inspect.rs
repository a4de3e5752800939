//! What a guardrail reads of a request, and what follows.

mod state;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use ztag_ai_security::guardrail::{
    BodyPlan, Guardrail, Judgement, OnUnreadable, Paused, Reading, Unreadable,
};
use ztag_ai_security::transformer::Questions;
use ztag_ai_security::{Channel, Verdict};
use ztag_expr::Template;
use ztag_types::{
    Clock, InspectReport, Outcome, ReadPath, Reads, Reason, ReasonCode, Scope, SmolStr, Snapshot,
};

use crate::chain::RuleChain;
use crate::conditions::Ruling;
use crate::error::Fault;
use crate::locals::Needs;
use crate::notes::Notes;

pub(crate) use state::GuardState;

/// What is read, compiled.
#[derive(Clone, Debug)]
pub(crate) struct InspectPlan {
    pub(crate) name: SmolStr,
    pub(crate) guardrail: Arc<Guardrail>,
    pub(crate) body: Option<BodyPlan>,
    pub(crate) texts: Box<[TextPlan]>,
    pub(crate) shadow: bool,
    pub(crate) on_unreadable: OnUnreadable,
    pub(crate) needs: Needs,
}

/// A text beside the body.
#[derive(Clone, Debug)]
pub(crate) struct TextPlan {
    pub(crate) value: Template,
    pub(crate) channel: Channel,
    /// Where it stands, such as `texts[1]`.
    pub(crate) place: Box<str>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) state: GuardState,
    /// What it decides; nothing where the rule goes on.
    pub(crate) ruling: Option<Ruling>,
    /// The body in the place of the one received.
    pub(crate) masked: Option<Bytes>,
    /// For how long this holds at the most. What a classifier did not say now, it may say the next
    /// time.
    pub(crate) holds_for: Option<Duration>,
}

/// The body in the place of the one received, what is to be said of everything, and what a classifier
/// is to be asked before.
type Read = (
    Result<Option<Bytes>, Unreadable>,
    Judgement,
    Option<Questions>,
);

/// Texts beside the body, rendered.
pub(crate) type Rendered = Vec<String>;

impl RuleChain {
    /// Whether a rule may have the body go on otherwise than it came. What it masks is not given back:
    /// nobody keeps it for the answer.
    pub fn masks_bodies(&self) -> bool {
        let mut plans = self
            .rules()
            .iter()
            .filter_map(|rule| rule.inspect.as_deref());
        plans.any(InspectPlan::masks)
    }
}

impl InspectPlan {
    /// The texts beside the body over `scope`.
    pub(crate) fn render(&self, scope: Scope<'_>) -> Result<Rendered, Fault> {
        let texts = self.texts.iter().map(|plan| {
            plan.value.render(scope).map_err(|source| {
                let place = format!("inspect.{}", plan.place);
                Fault::Render { place, source }
            })
        });
        texts.collect()
    }

    /// Reads everything, again when a classifier was asked about marked texts, and says what follows.
    pub(crate) async fn inspect(
        &self,
        rendered: &Rendered,
        snapshot: &Snapshot,
        clock: &dyn Clock,
        notes: &mut Notes<'_>,
    ) -> Inspected {
        let begun = clock.monotonic();
        let paused = Paused::default();
        let asking = self.guardrail.asking(&paused);
        let (mut read, mut judgement, questions) =
            self.read(rendered, snapshot, asking.unwrap_or_default());
        if let Some(questions) = questions {
            let paused = self.guardrail.ask(questions, paused).await;
            (read, judgement, _) = self.read(rendered, snapshot, paused);
        }
        let mut report = judgement.report(&self.name, self.shadow);
        let inspected = self.conclude(read, &judgement, &mut report);
        report.latency = clock.monotonic().saturating_sub(begun);
        notes.inspect = Some(Box::new(report));
        inspected
    }

    /// Reads everything once.
    fn read(&self, rendered: &Rendered, snapshot: &Snapshot, paused: Paused) -> Read {
        let mut reading = self.guardrail.resume(paused);
        for (plan, text) in self.texts.iter().zip(rendered) {
            // What is masked here has no place to be written back to: it is told of, no more.
            let _ = reading.read(text, plan.channel, &plan.place);
        }
        let body = self.read_body(snapshot, &mut reading);
        let questions = reading.questions();
        let (judgement, _kept) = reading.finish();
        (body, judgement, questions)
    }

    fn read_body(
        &self,
        snapshot: &Snapshot,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Bytes>, Unreadable> {
        match &self.body {
            Some(plan) if !snapshot.body.bytes.is_empty() => {
                let fields = snapshot.subrequest.headers.raw();
                if fields.contains_key(CONTENT_ENCODING) {
                    return Err(Unreadable::Encoded);
                }
                let read = plan.read(media(fields), &snapshot.body.bytes, reading)?;
                Ok(read.map(Bytes::from))
            }
            _ => Ok(None),
        }
    }

    fn conclude(
        &self,
        read: Result<Option<Bytes>, Unreadable>,
        judgement: &Judgement,
        report: &mut InspectReport,
    ) -> Inspected {
        let mut inspected = Inspected {
            state: GuardState::of(judgement),
            ruling: None,
            masked: None,
            holds_for: (judgement.asked.failed > 0).then_some(Duration::ZERO),
        };
        match read {
            Ok(masked) => inspected.masked = masked,
            Err(unreadable) => {
                report.error = Some(unreadable.to_string().into());
                inspected.state = GuardState::unread();
                if self.on_unreadable == OnUnreadable::Block {
                    inspected.ruling = Some(self.unreadable(&unreadable));
                }
            }
        }
        // INVARIANT: what is found in one text blocks, whatever became of the others.
        if judgement.verdict == Verdict::Block {
            inspected.ruling = Some(self.blocked(judgement));
        }
        if self.shadow {
            (inspected.ruling, inspected.masked) = (None, None);
        }
        inspected
    }

    fn blocked(&self, judgement: &Judgement) -> Ruling {
        let first = judgement.findings.first();
        let why = first.map_or("", |found| &found.finding.reason);
        let place = first.map_or("", |found| &found.place);
        let detail = format!("guardrail `{}`: {place}: {why}", self.name);
        let reason = Reason::with_detail(ReasonCode::InspectionBlocked, detail);
        Ruling::new(Outcome::Fail, reason)
    }

    fn unreadable(&self, why: &Unreadable) -> Ruling {
        let detail = format!("guardrail `{}`: {}", self.name, why);
        let reason = Reason::with_detail(ReasonCode::InspectionFailed, detail);
        Ruling::new(Outcome::Fail, reason)
    }

    /// Whether the body may go on otherwise than it came.
    pub(crate) fn masks(&self) -> bool {
        self.body.is_some() && !self.shadow && self.guardrail.masks()
    }

    /// What it reads, local variables not followed.
    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        for text in &self.texts {
            reads.extend(text.value.reads());
        }
        if self.body.is_some() {
            reads.insert(ReadPath::new(["request", "bodyText"]));
            for name in ["content-encoding", "content-type"] {
                reads.insert(ReadPath::new(["request", "headers", name]));
            }
        }
    }
}

fn media(fields: &HeaderMap) -> Option<&str> {
    fields.get(CONTENT_TYPE)?.to_str().ok()
}
