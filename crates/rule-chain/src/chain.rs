//! The chain: rules in order, to the first that does not pass.

use ztag_types::{
    Admitted, BackendState, Curated, EndpointName, Exports, Globals, Halt, Outcome, Reads, Reason,
    ReasonCode, Snapshot, Stage, StageName, Trace, Vars, Verdict,
};

use crate::judged::shorter;
use crate::rule::Rule;

/// The rules of an endpoint, in order.
#[derive(Clone, Debug, Default)]
pub struct RuleChain {
    rules: Box<[Rule]>,
    reads: Reads,
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
        let mut verdict = Verdict {
            outcome: Outcome::Pass,
            reason: Reason::new(ReasonCode::NoRules),
            rule: None,
            exports: Exports::default(),
            backend: BackendState::default(),
            fresh_for: None,
            challenge: None,
            masked: None,
        };
        for rule in &self.rules {
            let (exports, earlier) = (&verdict.exports, &trace.rules);
            let (judged, report) = rule.judge(input, exports, earlier, trace.detail).await;
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
                return verdict;
            }
            verdict.masked = judged.masked.or(verdict.masked);
            verdict.reason = Reason::new(ReasonCode::RulesPassed);
        }
        verdict
    }
}

impl Stage for RuleChain {
    const NAME: StageName = StageName::RuleChain;

    type Input<'a> = ChainInput<'a>;
    type Output = Verdict;

    /// Never halts: whatever happens is a verdict.
    async fn run<'a>(&'a self, input: ChainInput<'a>, trace: &mut Trace) -> Result<Verdict, Halt> {
        Ok(self.judge(input, trace).await)
    }
}
