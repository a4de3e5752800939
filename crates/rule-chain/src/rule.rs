//! One rule: match credentials, ask about relationships, ask the backend, judge, export.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ztag_backend::{Call, Pages};
use ztag_result_cache::Decided;
use ztag_types::{
    BackendReport, BackendState, Clock, Detail, Exports, Outcome, Reads, ReasonCode, RuleName,
    RuleReport,
};

use crate::asking::Asking;
use crate::auth::{Auth, Lack, Won};
use crate::caching::Controls;
use crate::chain::ChainInput;
use crate::conditions::{Conditions, Ruling};
use crate::error::Fault;
use crate::evidence::Evidence;
use crate::exports::Exporter;
use crate::fga::{Asked, FgaPlan};
use crate::forward::Forwarded;
use crate::inspect::InspectPlan;
use crate::judged::{Judged, implicit};
use crate::locals::{LocalValues, Locals};
use crate::notes::Notes;
use crate::redact::Redaction;
use crate::reply::{plain_url, understand};

/// A rule, compiled for one endpoint.
#[derive(Clone)]
pub struct Rule {
    pub(crate) name: RuleName,
    pub(crate) description: Box<str>,
    pub(crate) auth: Auth,
    pub(crate) inspect: Option<Box<InspectPlan>>,
    pub(crate) fga: Option<Box<FgaPlan>>,
    pub(crate) backend: Option<Box<Asking>>,
    pub(crate) locals: Locals,
    pub(crate) conditions: Conditions,
    pub(crate) exporter: Exporter,
    pub(crate) redaction: Redaction,
    pub(crate) reads: Reads,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Rule {
    /// Its name.
    pub const fn name(&self) -> &RuleName {
        &self.name
    }

    /// What the rule reads: every expression and every copy, the backend's reply and local
    /// variables included.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Whether it lets bodies pass otherwise than they came.
    pub fn masks(&self) -> bool {
        self.inspect.as_deref().is_some_and(InspectPlan::masks)
    }

    /// Whether its conditions decide by what the request brings: no guardrail, store or backend is
    /// asked.
    pub(crate) const fn asks_nobody(&self) -> bool {
        self.inspect.is_none() && self.fga.is_none() && self.backend.is_none()
    }

    /// Judges the rule over `input` and what earlier rules left.
    pub(crate) async fn judge(
        &self,
        input: ChainInput<'_>,
        exports: &Exports,
        earlier: &[RuleReport],
        detail: Detail,
    ) -> (Judged, RuleReport) {
        let begun = self.clock.monotonic();
        let mut notes = Notes::new(detail, &self.redaction, &input);
        let evidence = |won| Evidence::new(input, exports, earlier, &self.name, won);
        let won = match self.auth.select(input.admitted, input.snapshot.received) {
            Ok(won) => won,
            Err(lack) => {
                let judged = self.refuse(lack, &evidence(&Won::default()), &mut notes);
                return self.report(begun, judged, notes);
            }
        };
        let judged = self.judge_for(&won, &evidence(&won), &mut notes).await;
        self.report(begun, judged.bounded(won.holds_for), notes)
    }

    /// The same of a rule that [asks nobody](Self::asks_nobody), without a future to move about.
    pub(crate) fn judge_at_once(
        &self,
        input: ChainInput<'_>,
        exports: &Exports,
        earlier: &[RuleReport],
        detail: Detail,
    ) -> (Judged, RuleReport) {
        let begun = self.clock.monotonic();
        let mut notes = Notes::new(detail, &self.redaction, &input);
        let evidence = |won| Evidence::new(input, exports, earlier, &self.name, won);
        let judged = match self.auth.select(input.admitted, input.snapshot.received) {
            Err(lack) => self.refuse(lack, &evidence(&Won::default()), &mut notes),
            Ok(won) => {
                let judged = self.conclude_for(&won, &evidence(&won), &mut notes);
                judged.bounded(won.holds_for)
            }
        };
        self.report(begun, judged, notes)
    }

    fn report(&self, begun: Duration, judged: Judged, notes: Notes<'_>) -> (Judged, RuleReport) {
        let report = RuleReport {
            rule: self.name.clone(),
            outcome: judged.outcome,
            reason: judged.reason.clone(),
            latency: self.clock.monotonic().saturating_sub(begun),
            cache: notes.cache,
            backend: notes.backend,
            fga: notes.fga,
            inspect: notes.inspect,
            conditions: notes.conditions,
            variables: notes.variables,
        };
        (judged, report)
    }

    /// Judges where no group fits.
    fn refuse(
        &self,
        lack: Option<Lack<'_>>,
        evidence: &Evidence<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let ruling = Ruling::new(Outcome::Fail, ReasonCode::CredentialsUnmatched);
        let locals = self.locals.unset();
        self.cut_short(
            ruling,
            Known(evidence, &locals),
            BackendState::default(),
            notes,
        )
        .challenging(lack.and_then(|lack| lack.challenge()))
    }

    /// Judges for the winning group by the conditions alone.
    fn conclude_for(
        &self,
        won: &Won<'_>,
        evidence: &Evidence<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let locals = self.locals.unset();
        match won.forward(evidence) {
            Ok(forwarded) => {
                let evidence = evidence.forwarding(&forwarded);
                self.conclude(Known(&evidence, &locals), BackendState::default(), notes)
            }
            Err(fault) => {
                let known = Known(evidence, &locals);
                self.cut_short(fault.into(), known, BackendState::default(), notes)
            }
        }
    }

    /// Judges for the winning group.
    async fn judge_for(
        &self,
        won: &Won<'_>,
        evidence: &Evidence<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let locals = self.locals.unset();
        let forwarded = match won.forward(evidence) {
            Ok(forwarded) => forwarded,
            Err(fault) => {
                let known = Known(evidence, &locals);
                return self.cut_short(fault.into(), known, BackendState::default(), notes);
            }
        };
        let evidence = evidence.forwarding(&forwarded);
        let known = Known(&evidence, &locals);
        match &self.inspect {
            None => self.judge_read(won, &forwarded, known, notes).await,
            // Boxed: what reads no text shall not pay for its size.
            Some(plan) => Box::pin(self.judge_texts(plan, won, &forwarded, known, notes)).await,
        }
    }

    /// Judges by what a guardrail says of the texts, and goes on where it lets them pass.
    async fn judge_texts(
        &self,
        plan: &InspectPlan,
        won: &Won<'_>,
        forwarded: &[Forwarded<'_>],
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let Known(evidence, locals) = known;
        let texts = match evidence.over_locals(locals, &plan.needs, |scope| plan.render(scope)) {
            Ok(texts) => texts,
            Err(fault) => {
                return self.cut_short(fault.into(), known, BackendState::default(), notes);
            }
        };
        let inspected = plan
            .inspect(&texts, evidence.input.snapshot, &*self.clock, notes)
            .await;
        let evidence = evidence.inspected(&inspected.state);
        let known = Known(&evidence, locals);
        let judged = match inspected.ruling {
            Some(ruling) => self.cut_short(ruling, known, BackendState::default(), notes),
            None => self.judge_read(won, forwarded, known, notes).await,
        };
        let judged = judged.masking(inspected.masked);
        judged.bounded(inspected.holds_for)
    }

    /// Judges what no guardrail holds up.
    async fn judge_read(
        &self,
        won: &Won<'_>,
        forwarded: &[Forwarded<'_>],
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        match &self.fga {
            None => self.judge_backend(won, forwarded, known, notes).await,
            // Boxed: what asks nobody about relationships shall not pay for its size.
            Some(plan) => Box::pin(self.judge_relations(plan, won, forwarded, known, notes)).await,
        }
    }

    /// Judges by what a store of relationships says, and goes on where it lets the request pass.
    async fn judge_relations(
        &self,
        plan: &FgaPlan,
        won: &Won<'_>,
        forwarded: &[Forwarded<'_>],
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let Known(evidence, locals) = known;
        let question = evidence.over_locals(locals, &plan.needs, |scope| plan.render(scope));
        let asked = match question {
            Ok(question) => plan.ask(question, &*self.clock, notes).await,
            Err(lost) => Asked::nothing(&lost),
        };
        let evidence = evidence.knowing(&asked.state);
        let known = Known(&evidence, locals);
        let judged = match asked.ruling {
            Some(ruling) => self.cut_short(ruling, known, BackendState::default(), notes),
            None => self.judge_backend(won, forwarded, known, notes).await,
        };
        let bound = plan.fresh_for(judged.outcome, asked.fresh_for);
        judged.bounded(Some(bound))
    }

    /// Judges by what the backend says, where there is one to ask.
    async fn judge_backend(
        &self,
        won: &Won<'_>,
        forwarded: &[Forwarded<'_>],
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let Some(asking) = &self.backend else {
            return self.conclude(known, BackendState::default(), notes);
        };
        self.judge_answer(asking, won, forwarded, known, notes)
            .await
    }

    /// Judges what the backend says now, or remembers what was judged before.
    async fn judge_answer(
        &self,
        asking: &Asking,
        won: &Won<'_>,
        forwarded: &[Forwarded<'_>],
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let call = match asking.render(known.0, forwarded) {
            Ok(call) => call,
            Err(fault) => {
                return self.cut_short(fault.into(), known, BackendState::default(), notes);
            }
        };
        let Some(caching) = &asking.caching else {
            return Box::pin(self.ask(asking, call, known, notes)).await;
        };
        let key = caching.key(&self.name, &call, won, known.0);
        let cache = &caching.deps.cache;
        let (decided, mut report) = if let Some((entry, report)) = cache.recall(&key) {
            (Decided::Remembered(entry), report)
        } else {
            let decide = || async {
                let judged = self.ask(asking, call, known, notes).await;
                let entry = caching.entry(&judged, won, self.clock.now());
                (judged, entry)
            };
            // Boxed: what needs no backend shall not pay for the size of a call.
            Box::pin(cache.get_or_decide(&key, decide)).await
        };
        if notes.is_full() {
            report.key_inputs = caching.input_names();
        }
        let judged = match decided {
            Decided::Fresh(judged) => judged,
            Decided::Remembered(entry) => Judged::remembered(&entry, report.ttl),
        };
        notes.cache = report;
        judged
    }

    /// Asks the backend and judges its answer. A failure to get one is an error: no condition is
    /// consulted.
    async fn ask(
        &self,
        asking: &Asking,
        mut call: Call,
        known: Known<'_>,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let begun = self.clock.monotonic();
        asking.call.correlate(&mut call, known.0.input.snapshot);
        let mut report = Box::new(BackendReport {
            method: call.method.as_str().to_owned(),
            url: plain_url(&call.url),
            ..BackendReport::default()
        });
        let sent = asking.client.send(call).await;
        report.latency = self.clock.monotonic().saturating_sub(begun);
        let fault = match sent {
            Ok(pages) => {
                note_pages(&mut report, &pages);
                let controls = Controls::of(&pages);
                match understand(pages, &asking.accepted, asking.wanted) {
                    Ok(state) => {
                        notes.backend = Some(report);
                        let judged = self.conclude(known, state, notes);
                        return asking.date(judged, &controls);
                    }
                    Err(fault) => fault,
                }
            }
            Err(failure) => {
                (report.attempts, report.pages) = (failure.attempts(), failure.pages());
                let class = failure.kind().as_str();
                Fault::Backend { class }
            }
        };
        report.error = Some(fault.class().into());
        notes.backend = Some(report);
        let state = BackendState {
            requested: true,
            error: fault.class().into(),
            ..BackendState::default()
        };
        self.cut_short(fault.into(), known, state, notes)
    }

    /// The outcome by the conditions, else by the answer; then the exports.
    fn conclude(
        &self,
        Known(evidence, locals): Known<'_>,
        backend: BackendState,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let variables = evidence.variables(Some(locals));
        let slots = evidence.slots(&variables, &backend);
        let scope = slots.scope();
        let ruled = self.conditions.rule(locals, scope, notes);
        let ruling = ruled.map_or_else(Ruling::from, |ruling| {
            ruling.unwrap_or_else(|| implicit(&backend))
        });
        let (ruling, exports) = self.exporter.settle(ruling, locals, scope);
        notes.variables(locals, &exports);
        Judged::new(ruling, exports, backend)
    }

    /// The judgement where no condition is consulted.
    fn cut_short(
        &self,
        ruling: Ruling,
        Known(evidence, locals): Known<'_>,
        backend: BackendState,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let variables = evidence.variables(Some(locals));
        let slots = evidence.slots(&variables, &backend);
        let (ruling, exports) = self.exporter.settle(ruling, locals, slots.scope());
        notes.variables(locals, &exports);
        Judged::new(ruling, exports, backend)
    }
}

/// What is known while a rule is judged: the evidence, and the rule's own variables, each evaluated
/// once.
#[derive(Clone, Copy)]
struct Known<'a>(&'a Evidence<'a>, &'a LocalValues<'a>);

impl fmt::Debug for Rule {
    /// Its name only: patterns and templates may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn note_pages(report: &mut BackendReport, pages: &Pages) {
    report.status = pages.last().map_or(0, |page| page.status.as_u16());
    report.pages = u32::try_from(pages.pages.len()).unwrap_or(u32::MAX);
    report.attempts = pages.attempts;
}
