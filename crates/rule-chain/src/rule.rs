//! One rule: match credentials, ask the backend, judge, export.

use std::sync::Arc;
use std::time::Duration;

use ztag_backend::{Call, Client, Pages};
use ztag_result_cache::{Decided, Entry};
use ztag_types::{
    BackendReport, BackendState, CacheReport, Clock, Detail, Exports, Map, Outcome, Reads, Reason,
    ReasonCode, RuleName, RuleReport,
};

use crate::auth::{Auth, Won};
use crate::caching::{Caching, Controls};
use crate::call::CallPlan;
use crate::chain::ChainInput;
use crate::conditions::{Conditions, Ruling};
use crate::error::Fault;
use crate::evidence::Evidence;
use crate::exports::Exporter;
use crate::forward::Forwarded;
use crate::locals::Locals;
use crate::notes::Notes;
use crate::redact::Redaction;
use crate::reply::{Accepted, Wanted, is_broken, plain_url, understand};

/// A rule, compiled for one endpoint.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) name: RuleName,
    pub(crate) description: Box<str>,
    pub(crate) auth: Auth,
    pub(crate) backend: Option<Box<Asking>>,
    pub(crate) locals: Locals,
    pub(crate) conditions: Conditions,
    pub(crate) exporter: Exporter,
    pub(crate) redaction: Redaction,
    pub(crate) reads: Reads,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How a rule asks its backend.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) call: CallPlan,
    pub(crate) client: Arc<Client>,
    pub(crate) accepted: Accepted,
    pub(crate) wanted: Wanted,
    pub(crate) caching: Option<Caching>,
    /// Whether the backend says how long its answers hold.
    pub(crate) follows_cache_control: bool,
}

/// What came of judging one rule.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) exports: Arc<Map>,
    pub(crate) backend: BackendState,
    /// How long the rule's own cache keeps it; `None` for not at all.
    pub(crate) keep_for: Option<Duration>,
    /// How long any cache may keep it; `None` for no bound of its own.
    pub(crate) fresh_for: Option<Duration>,
}

/// The reports that go with it.
#[derive(Default)]
struct Reports {
    cache: CacheReport,
    backend: Option<Box<BackendReport>>,
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
        let mut reports = Reports::default();
        let judged = match self.auth.select(input.admitted) {
            None => Ruling::new(Outcome::Fail, ReasonCode::CredentialsUnmatched).into(),
            Some(won) => {
                let evidence = Evidence::new(input, exports, earlier, &self.name, &won);
                self.judge_for(&won, evidence, &mut notes, &mut reports)
                    .await
            }
        };
        let report = RuleReport {
            rule: self.name.clone(),
            outcome: judged.outcome,
            reason: judged.reason.clone(),
            latency: self.clock.monotonic().saturating_sub(begun),
            cache: reports.cache,
            backend: reports.backend,
            conditions: notes.conditions,
            variables: notes.variables,
        };
        (judged, report)
    }

    /// Judges for the winning group.
    async fn judge_for(
        &self,
        won: &Won<'_>,
        evidence: Evidence<'_>,
        notes: &mut Notes<'_>,
        reports: &mut Reports,
    ) -> Judged {
        let forwarded = match evidence.over(|scope| won.forward(scope)) {
            Ok(forwarded) => forwarded,
            Err(fault) => return self.broken(fault, &evidence, BackendState::default(), notes),
        };
        let evidence = evidence.forwarding(&forwarded);
        let Some(asking) = &self.backend else {
            return self.conclude(&evidence, BackendState::default(), notes);
        };
        match asking.render(&evidence, &forwarded) {
            Ok(call) => {
                self.judge_answer(asking, call, won, &evidence, notes, reports)
                    .await
            }
            Err(fault) => self.broken(fault, &evidence, BackendState::default(), notes),
        }
    }

    /// Judges what the backend says now, or remembers what was judged before.
    async fn judge_answer(
        &self,
        asking: &Asking,
        call: Call,
        won: &Won<'_>,
        evidence: &Evidence<'_>,
        notes: &mut Notes<'_>,
        reports: &mut Reports,
    ) -> Judged {
        let Some(caching) = &asking.caching else {
            return self
                .ask(asking, call, evidence, notes, &mut reports.backend)
                .await;
        };
        let key = caching.key(&self.name, &call, won, evidence);
        let (full, report) = (notes.is_full(), &mut reports.backend);
        let decide = || async {
            let judged = self.ask(asking, call, evidence, notes, report).await;
            let entry = caching.entry(&judged);
            (judged, entry)
        };
        let (decided, mut report) = caching.deps.cache.get_or_decide(&key, decide).await;
        if full {
            report.key_inputs = caching.input_names();
        }
        let judged = match decided {
            Decided::Fresh(judged) => judged,
            Decided::Remembered(entry) => Judged::remembered(&entry, report.ttl),
        };
        reports.cache = report;
        judged
    }

    /// Asks the backend and judges its answer. A failure to get one is an error: no condition is
    /// consulted.
    async fn ask(
        &self,
        asking: &Asking,
        call: Call,
        evidence: &Evidence<'_>,
        notes: &mut Notes<'_>,
        report: &mut Option<Box<BackendReport>>,
    ) -> Judged {
        let begun = self.clock.monotonic();
        let mut report = report.insert(Box::new(BackendReport {
            method: call.method.as_str().to_owned(),
            url: plain_url(&call.url),
            ..BackendReport::default()
        }));
        let sent = asking.client.send(call).await;
        report.latency = self.clock.monotonic().saturating_sub(begun);
        let fault = match sent {
            Ok(pages) => {
                note_pages(&mut report, &pages);
                let controls = Controls::of(&pages);
                match understand(pages, &asking.accepted, asking.wanted) {
                    Ok(state) => {
                        let judged = self.conclude(evidence, state, notes);
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
        let state = BackendState {
            requested: true,
            error: fault.class().into(),
            ..BackendState::default()
        };
        self.broken(fault, evidence, state, notes)
    }

    /// The outcome by the conditions, else by the answer; then the exports.
    fn conclude(
        &self,
        evidence: &Evidence<'_>,
        backend: BackendState,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let locals = self.locals.unset();
        let variables = evidence.variables(Some(&locals));
        let slots = evidence.slots(&variables, &backend);
        let scope = slots.scope();
        let ruled = self.conditions.rule(&locals, scope, notes);
        let ruling = ruled.map(|ruling| ruling.unwrap_or_else(|| implicit(&backend)));
        let exported = ruling.and_then(|ruling| {
            let exports = self.exporter.export(ruling.outcome, &locals, scope)?;
            Ok((ruling, exports))
        });
        let (ruling, exports) = exported.unwrap_or_else(|fault| {
            let exports = self.exporter.export(Outcome::Error, &locals, scope);
            (fault.into(), exports.unwrap_or_default())
        });
        notes.variables(&locals, &exports);
        Judged {
            exports,
            backend,
            ..ruling.into()
        }
    }

    /// The error that `fault` makes of the rule, with the exports of an error.
    fn broken(
        &self,
        fault: Fault,
        evidence: &Evidence<'_>,
        backend: BackendState,
        notes: &mut Notes<'_>,
    ) -> Judged {
        let locals = self.locals.unset();
        let variables = evidence.variables(Some(&locals));
        let slots = evidence.slots(&variables, &backend);
        let exports = self
            .exporter
            .export(Outcome::Error, &locals, slots.scope())
            .unwrap_or_default();
        notes.variables(&locals, &exports);
        Judged {
            exports,
            backend,
            ..Ruling::from(fault).into()
        }
    }
}

/// The outcome where no condition decides: by the status, where a backend was asked.
fn implicit(backend: &BackendState) -> Ruling {
    let Some(page) = backend.pages.last() else {
        return Ruling::new(Outcome::Pass, ReasonCode::RulePassed);
    };
    let status = || format!("status {}", page.status);
    if page.accepted {
        Ruling::new(Outcome::Pass, ReasonCode::RulePassed)
    } else if page.status >= 500 {
        let reason = Reason::with_detail(ReasonCode::BackendUnavailable, status());
        Ruling::new(Outcome::Error, reason)
    } else {
        let reason = Reason::with_detail(ReasonCode::BackendRefused, status());
        Ruling::new(Outcome::Fail, reason)
    }
}

fn note_pages(report: &mut BackendReport, pages: &Pages) {
    report.status = pages.last().map_or(0, |page| page.status.as_u16());
    report.pages = u32::try_from(pages.pages.len()).unwrap_or(u32::MAX);
    report.attempts = pages.attempts;
}

impl Asking {
    fn render(&self, evidence: &Evidence<'_>, forwarded: &[Forwarded<'_>]) -> Result<Call, Fault> {
        let input = &evidence.input;
        evidence.over(|scope| {
            self.call
                .render(input.snapshot, input.curated, forwarded, scope)
        })
    }

    /// Says how long `judged` may be kept: by the rule's own cache, and by anybody at all.
    fn date(&self, judged: Judged, controls: &Controls) -> Judged {
        let own = self.caching.as_ref();
        let keep_for = own.and_then(|caching| caching.lifetime(judged.outcome, controls));
        let fresh_for = if is_broken(&judged.backend) {
            Some(Duration::ZERO)
        } else if self.follows_cache_control {
            Some(keep_for.unwrap_or_default())
        } else {
            judged.fresh_for
        };
        Judged {
            keep_for,
            fresh_for,
            ..judged
        }
    }
}

impl Judged {
    /// What a remembered verdict says, `left` before it is forgotten.
    fn remembered(entry: &Entry, left: Option<Duration>) -> Self {
        Self {
            outcome: entry.outcome(),
            reason: entry.reason().clone(),
            exports: Arc::new(entry.exports().clone()),
            backend: BackendState {
                requested: true,
                remembered: Some(entry.backend().clone()),
                ..BackendState::default()
            },
            keep_for: None,
            fresh_for: left,
        }
    }
}

impl From<Ruling> for Judged {
    /// A judgement without exports and answer.
    fn from(ruling: Ruling) -> Self {
        Self {
            outcome: ruling.outcome,
            reason: ruling.reason,
            exports: Arc::default(),
            backend: BackendState::default(),
            keep_for: None,
            fresh_for: None,
        }
    }
}
