//! The chain: rules in order, to the first that does not pass.

use std::ops::ControlFlow;

use ztag_types::{
    Admitted, BackendState, Curated, EndpointName, Exports, Globals, Halt, Outcome, Reads, Reason,
    ReasonCode, RuleReport, Run, Snapshot, Stage, StageName, Trace, Vars, Verdict,
};

use crate::judged::{Judged, shorter};
use crate::rule::Rule;

/// The rules of an endpoint, in order.
#[derive(Clone, Debug)]
pub struct RuleChain {
    rules: Box<[Rule]>,
    reads: Reads,
    /// Whether no rule asks anybody.
    asks_nobody: bool,
}

/// The evidence that rules are judged over.
#[derive(Clone, Copy, Debug)]
pub struct ChainInput<'a> {
    /// The request.
    pub snapshot: &'a Snapshot,
    /// The proof of admission.
    pub admitted: &'a Admitted,
    /// The curated proxy headers.
    pub curated: &'a Curated,
    /// Variables of the endpoint.
    pub vars: &'a Vars,
    /// Variables of the server.
    pub globals: &'a Globals,
    /// The endpoint asked for.
    pub endpoint: &'a EndpointName,
}

impl RuleChain {
    /// A chain of `rules`.
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut reads = Reads::nothing();
        for rule in &rules {
            reads.extend(rule.reads());
        }
        Self {
            asks_nobody: rules.iter().all(Rule::asks_nobody),
            rules: rules.into(),
            reads,
        }
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the rules read, all together.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Judges the rules in order; the first that does not pass decides. Without rules everything
    /// passes: admission was the whole decision.
    pub async fn judge(&self, input: ChainInput<'_>, trace: &mut Trace) -> Verdict {
        let mut verdict = unjudged();
        for rule in &self.rules {
            let (exports, earlier) = (&verdict.exports, &trace.rules);
            let judged = if rule.asks_nobody() {
                rule.judge_at_once(input, exports, earlier, trace.detail)
            } else {
                rule.judge(input, exports, earlier, trace.detail).await
            };
            if take(rule, judged, &mut verdict, trace).is_break() {
                break;
            }
        }
        verdict
    }

    /// The same, where no rule asks anybody.
    fn judge_at_once(&self, input: ChainInput<'_>, trace: &mut Trace) -> Verdict {
        let mut verdict = unjudged();
        for rule in &self.rules {
            let (exports, earlier) = (&verdict.exports, &trace.rules);
            let judged = rule.judge_at_once(input, exports, earlier, trace.detail);
            if take(rule, judged, &mut verdict, trace).is_break() {
                break;
            }
        }
        verdict
    }
}

impl Default for RuleChain {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// The verdict before the first rule.
fn unjudged() -> Verdict {
    Verdict {
        outcome: Outcome::Pass,
        reason: Reason::new(ReasonCode::NoRules),
        rule: None,
        exports: Exports::default(),
        backend: BackendState::default(),
        fresh_for: None,
        challenge: None,
        masked: None,
    }
}

/// Takes what `rule` judged into the verdict, and says whether the next rule is asked.
fn take(
    rule: &Rule,
    (judged, report): (Judged, RuleReport),
    verdict: &mut Verdict,
    trace: &mut Trace,
) -> ControlFlow<()> {
    trace.rules.push(report);
    verdict.exports.add(rule.name(), &judged.exports);
    verdict.fresh_for = shorter(verdict.fresh_for, judged.fresh_for);
    verdict.backend = judged.backend;
    verdict.rule = Some(rule.name().clone());
    // INVARIANT: only a pass goes on to the next rule, and only the end of the chain passes.
    if judged.outcome != Outcome::Pass {
        verdict.outcome = judged.outcome;
        verdict.reason = judged.reason;
        verdict.challenge = judged.challenge;
        verdict.masked = None;
        return ControlFlow::Break(());
    }
    verdict.masked = judged.masked.or(verdict.masked.take());
    verdict.reason = Reason::new(ReasonCode::RulesPassed);
    ControlFlow::Continue(())
}

impl Stage for RuleChain {
    const NAME: StageName = StageName::RuleChain;

    type Input<'a> = ChainInput<'a>;
    type Output = Verdict;

    /// Never halts: whatever happens is a verdict.
    fn run<'a>(
        &'a self,
        input: ChainInput<'a>,
        trace: &mut Trace,
    ) -> Run<Result<Verdict, Halt>, impl Future<Output = Result<Verdict, Halt>> + Send> {
        if self.asks_nobody {
            Run::Done(Ok(self.judge_at_once(input, trace)))
        } else {
            Run::Waits(async move { Ok(self.judge(input, trace).await) })
        }
    }
}
