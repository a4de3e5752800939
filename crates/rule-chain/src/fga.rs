//! What a rule asks a store of relationships, and what follows from the answer.

mod given;
mod state;

use std::fmt;
use std::time::Duration;

use ztag_expr::EvalError;
use ztag_fga_remote::{
    Answers, Authority, Check, Consistency, Given, Listed, Name, NameKind, OnOutage, Provenance,
    Undecided, Unfit, Wanted,
};
use ztag_result_cache::TtlSpec;
use ztag_types::{Clock, FgaReport, Outcome, Reads, Reason, ReasonCode, Scope};

use crate::conditions::Ruling;
use crate::locals::Needs;
use crate::notes::Notes;

pub(crate) use given::{GivenPlan, ITEM_SLOT, Parameters, TuplePlan};
pub(crate) use state::FgaState;

/// What is asked, compiled.
#[derive(Clone, Debug)]
pub(crate) struct FgaPlan {
    pub(crate) store: Box<str>,
    pub(crate) authority: Authority,
    pub(crate) on_outage: OnOutage,
    /// Those of `all`, then those of `any`.
    pub(crate) checks: Box<[CheckPlan]>,
    /// How many of them are of `all`.
    pub(crate) all: usize,
    pub(crate) list: Option<ListPlan>,
    pub(crate) given: GivenPlan,
    pub(crate) consistency: Consistency,
    pub(crate) enforce: bool,
    /// How long the rule says that verdicts may be remembered.
    pub(crate) ttl: TtlSpec,
    pub(crate) needs: Needs,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct CheckPlan {
    pub(crate) user: Name,
    pub(crate) relation: Name,
    pub(crate) object: Name,
    /// Where it stands, such as `all[1]`; empty for the single one.
    pub(crate) place: Box<str>,
}

/// Which objects are listed.
#[derive(Clone, Debug)]
pub(crate) struct ListPlan {
    pub(crate) user: Name,
    pub(crate) relation: Name,
    pub(crate) type_name: Name,
}

/// A question as it is asked.
#[derive(Debug)]
pub(crate) struct Question {
    checks: Vec<Check>,
    wanted: Option<Wanted>,
    given: Given,
}

/// A question that is none. The message names places of the rule, never a value.
#[derive(Debug)]
pub(crate) struct Lost {
    code: ReasonCode,
    place: String,
    message: String,
}

/// What came of a question.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) state: FgaState,
    /// What it decides; nothing where the rule goes on.
    pub(crate) ruling: Option<Ruling>,
    /// How long the answer may be remembered.
    pub(crate) fresh_for: Duration,
}

impl FgaPlan {
    /// The question over `scope`.
    pub(crate) fn render(&self, scope: Scope<'_>) -> Result<Question, Lost> {
        let checks = self.checks.iter().map(|plan| plan.render(scope));
        let checks = checks.collect::<Result<_, _>>()?;
        let wanted = self.list.as_ref().map(|list| list.render(scope));
        Ok(Question {
            checks,
            wanted: wanted.transpose()?,
            given: Given {
                contextual_tuples: self.given.tuples(scope)?,
                context: self.given.context.render(scope)?,
                consistency: self.consistency,
            },
        })
    }

    /// Asks, and says what follows.
    pub(crate) async fn ask(
        &self,
        question: Question,
        clock: &dyn Clock,
        notes: &mut Notes<'_>,
    ) -> Asked {
        let begun = clock.monotonic();
        let mut report = Box::new(FgaReport {
            store: self.store.to_string(),
            checks: question.checks.len(),
            ..FgaReport::default()
        });
        let asked = self.ask_all(&question, &mut report, notes).await;
        report.latency = clock.monotonic().saturating_sub(begun);
        notes.fga = Some(report);
        asked
    }

    async fn ask_all(
        &self,
        question: &Question,
        report: &mut FgaReport,
        notes: &Notes<'_>,
    ) -> Asked {
        let mut asked = Asked {
            fresh_for: Duration::MAX,
            ..Asked::default()
        };
        asked.state.allowed = true;
        if !question.checks.is_empty() {
            let answers = self
                .authority
                .check(&question.checks, &question.given)
                .await;
            note(report, &answers.provenance);
            report.asked = notes.fga_checks(&question.checks, &answers.results);
            asked.take(self, &answers, report);
        }
        if let (Some(wanted), None) = (&question.wanted, &asked.ruling) {
            let listed = self.authority.list_objects(wanted, &question.given).await;
            asked.take_list(self, listed, report);
        }
        asked
    }

    /// How long a verdict of this `outcome` may be remembered: as long as the rule says, else as
    /// long as whoever answered says. A store of this process says not at all: its next write may
    /// change the answer, and asking again takes microseconds.
    pub(crate) fn fresh_for(&self, outcome: Outcome, answer: Duration) -> Duration {
        let own = match outcome {
            Outcome::Pass => self.ttl.pass,
            Outcome::Fail => self.ttl.fail,
            Outcome::Error => None,
        };
        own.map_or(answer, ztag_types::DurationSpec::get)
    }

    /// What rendering reads, local variables not followed.
    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        let list = self.list.iter();
        let list = list.flat_map(|list| [&list.user, &list.relation, &list.type_name]);
        let checks = self.checks.iter();
        let checks = checks.flat_map(|check| [&check.user, &check.relation, &check.object]);
        for name in checks.chain(list) {
            reads.extend(name.template().reads());
        }
        self.given.add_reads(reads);
    }

    /// Yes, no with the place of the check that says so, or why it cannot be told. A no of a check
    /// that must be answered with yes outweighs what cannot be told of others, and so does a yes
    /// among alternatives.
    fn judge(&self, results: &[Result<bool, Undecided>]) -> Result<Option<String>, Undecided> {
        let (all, any) = results.split_at_checked(self.all).unwrap_or((results, &[]));
        let mut denied = all.iter().zip(&self.checks);
        if let Some((_, check)) = denied.find(|(result, _)| **result == Ok(false)) {
            return Ok(Some(check.place.to_string()));
        }
        let undecided = |results: &[Result<bool, Undecided>]| {
            let mut errors = results.iter().filter_map(|result| result.as_ref().err());
            errors.next().cloned()
        };
        let granted = any.is_empty() || any.contains(&Ok(true));
        match (undecided(all), granted, undecided(any)) {
            (_, false, None) => Ok(Some("any".to_owned())),
            (Some(error), _, _) | (None, false, Some(error)) => Err(error),
            (None, true, _) => Ok(None),
        }
    }

    fn undecided(&self, error: &Undecided) -> Ruling {
        let outcome = match self.on_outage {
            OnOutage::Deny if error.is_unavailable() => Outcome::Fail,
            OnOutage::Deny | OnOutage::Error => Outcome::Error,
        };
        let detail = format!("store `{}`: {error}", self.store);
        let reason = Reason::with_detail(ReasonCode::FgaUndecided, detail);
        Ruling::new(outcome, reason)
    }
}

impl Asked {
    /// What follows from a question that is none: it was not asked.
    pub(crate) fn nothing(lost: &Lost) -> Self {
        let outcome = match lost.code {
            ReasonCode::FgaUnaskable => Outcome::Fail,
            _ => Outcome::Error,
        };
        let detail = format!("fga{}: {}", lost.place, lost.message);
        Self {
            ruling: Some(Ruling::new(outcome, Reason::with_detail(lost.code, detail))),
            // The same request makes the same question.
            fresh_for: Duration::MAX,
            ..Self::default()
        }
    }

    fn take(&mut self, plan: &FgaPlan, answers: &Answers, report: &mut FgaReport) {
        let results = &answers.results;
        self.fresh_for = self.fresh_for.min(answers.provenance.fresh_for);
        self.state.results = results
            .iter()
            .map(|one| one.as_ref().ok().copied())
            .collect();
        // INVARIANT: without an answer to each check nothing is allowed.
        let judged = if results.len() == plan.checks.len() {
            plan.judge(results)
        } else {
            Err(Undecided::unavailable("incomplete"))
        };
        self.state.allowed = matches!(judged, Ok(None));
        self.ruling = match judged {
            Ok(Some(place)) if plan.enforce => {
                let place = if place.is_empty() { "check" } else { &place };
                let detail = format!("store `{}`: {place}", plan.store);
                let reason = Reason::with_detail(ReasonCode::FgaDenied, detail);
                Some(Ruling::new(Outcome::Fail, reason))
            }
            Ok(_) => None,
            Err(error) => {
                report.error = Some(error.class().to_owned());
                Some(plan.undecided(&error))
            }
        };
    }

    fn take_list(
        &mut self,
        plan: &FgaPlan,
        listed: Result<Listed, Undecided>,
        report: &mut FgaReport,
    ) {
        match listed {
            Ok(listed) => {
                note(report, &listed.provenance);
                report.listed = Some(listed.objects.len());
                self.fresh_for = self.fresh_for.min(listed.provenance.fresh_for);
                let state = std::mem::take(&mut self.state);
                self.state = state.listing(&listed.objects, listed.is_truncated);
            }
            Err(error) => {
                report.error = Some(error.class().to_owned());
                self.ruling = Some(plan.undecided(&error));
                self.state.allowed = false;
            }
        }
    }
}

impl CheckPlan {
    fn render(&self, scope: Scope<'_>) -> Result<Check, Lost> {
        let name = |name: &Name, kind: NameKind| {
            let rendered = name.render(scope);
            rendered.map_err(|unfit| Lost::unfit(kind, unfit).below(&self.place))
        };
        Ok(Check {
            user: name(&self.user, NameKind::User)?,
            relation: name(&self.relation, NameKind::Relation)?,
            object: name(&self.object, NameKind::Object)?,
        })
    }
}

impl ListPlan {
    fn render(&self, scope: Scope<'_>) -> Result<Wanted, Lost> {
        let name = |name: &Name, kind: NameKind| {
            let rendered = name.render(scope);
            rendered.map_err(|unfit| Lost::unfit(kind, unfit).below("listObjects"))
        };
        Ok(Wanted {
            user: name(&self.user, NameKind::User)?,
            relation: name(&self.relation, NameKind::Relation)?,
            type_name: name(&self.type_name, NameKind::Type)?,
        })
    }
}

impl Lost {
    /// A name that cannot be rendered, or is none.
    fn unfit(kind: NameKind, unfit: Unfit) -> Self {
        match unfit {
            Unfit::Failed(source) => Self::failed(kind.as_str(), source),
            Unfit::Malformed(_) => Self {
                code: ReasonCode::FgaUnaskable,
                place: format!(".{}", kind.as_str()),
                message: unfit.to_string(),
            },
        }
    }

    fn failed(key: &str, source: EvalError) -> Self {
        Self::message(key, source)
    }

    fn message(key: &str, message: impl fmt::Display) -> Self {
        Self {
            code: ReasonCode::RenderFailed,
            place: format!(".{key}"),
            message: message.to_string(),
        }
    }

    /// The same in the item `index` of the list `key`.
    fn within(self, key: &str, index: usize) -> Self {
        Self {
            place: format!(".{key}[{index}]{}", self.place),
            ..self
        }
    }

    /// The same below `place`.
    fn below(self, place: &str) -> Self {
        if place.is_empty() {
            return self;
        }
        Self {
            place: format!(".{place}{}", self.place),
            ..self
        }
    }
}

fn note(report: &mut FgaReport, provenance: &Provenance) {
    report.source = provenance.source.as_str();
    report.revision = provenance.revision;
    report.remembered += provenance.remembered;
    report.age = report.age.max(provenance.age);
}
