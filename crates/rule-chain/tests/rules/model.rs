//! The chain against a naive model of the decision table, over generated rules and requests.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use ztag_types::{Outcome, ReasonCode};

use crate::support::{Ask, Gate, ended};

/// A condition as the model knows it, with its source.
#[derive(Clone, Copy, Debug)]
enum Truth {
    True,
    False,
    Fails,
    /// Reads a local variable that fails.
    FailingLocal,
    /// Holds for requests with the header.
    Header,
}

impl Truth {
    fn source(self) -> &'static str {
        match self {
            Self::True => "request.path == '/x'",
            Self::False => "request.path == '/y'",
            Self::Fails => "request.query['absent'] == ''",
            Self::FailingLocal => "variables.local.broken == 1",
            Self::Header => "has(request.headers.flag) && variables.local.fine == 'fine'",
        }
    }

    fn holds(self, flagged: bool) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Fails | Self::FailingLocal => None,
            Self::Header => Some(flagged),
        }
    }
}

#[derive(Clone, Debug)]
struct Model {
    /// Whether the rule wants a bearer token of this value; any when empty.
    token: Option<&'static str>,
    error: Vec<Truth>,
    fail: Vec<Truth>,
    pass: Vec<Truth>,
    broken_export: bool,
}

impl Model {
    fn rule(&self) -> Json {
        let sources =
            |list: &[Truth]| -> Vec<&str> { list.iter().map(|own| own.source()).collect() };
        let auth: Json = match self.token {
            None => json!([]),
            Some("") => json!([{ "match": [{ "type": "bearer" }] }]),
            Some(token) => json!([{ "match": [{ "type": "bearer", "value": token }] }]),
        };
        let export = if self.broken_export {
            "request.query['absent']"
        } else {
            "'fine'"
        };
        json!({
            "auth": auth,
            "variables": { "broken": "request.query['absent']", "fine": "'fine'" },
            "conditions": { "error": sources(&self.error), "fail": sources(&self.fail), "pass": sources(&self.pass) },
            "responses": { "pass": { "variables": { "x": export } } },
        })
    }

    /// The outcome of the decision table, written as plainly as can be.
    fn judge(&self, token: Option<&str>, flagged: bool) -> (Outcome, ReasonCode) {
        if let Some(wanted) = self.token
            && !token.is_some_and(|token| wanted.is_empty() || wanted == token)
        {
            return (Outcome::Fail, ReasonCode::CredentialsUnmatched);
        }
        for (list, outcome, code) in [
            (&self.error, Outcome::Error, ReasonCode::ErrorCondition),
            (&self.fail, Outcome::Fail, ReasonCode::FailCondition),
        ] {
            for truth in list {
                match truth.holds(flagged) {
                    None => return (Outcome::Error, ReasonCode::ConditionFailed),
                    Some(true) => return (outcome, code),
                    Some(false) => {}
                }
            }
        }
        for truth in &self.pass {
            match truth.holds(flagged) {
                None => return (Outcome::Error, ReasonCode::ConditionFailed),
                Some(true) => {}
                Some(false) => return (Outcome::Fail, ReasonCode::PassConditionUnmet),
            }
        }
        if self.broken_export {
            return (Outcome::Error, ReasonCode::RenderFailed);
        }
        (Outcome::Pass, ReasonCode::RulePassed)
    }
}

fn truths() -> impl Strategy<Value = Vec<Truth>> {
    let truth = prop_oneof![
        4 => Just(Truth::True),
        4 => Just(Truth::False),
        1 => Just(Truth::Fails),
        1 => Just(Truth::FailingLocal),
        2 => Just(Truth::Header),
    ];
    prop::collection::vec(truth, 0..3)
}

fn models() -> impl Strategy<Value = Model> {
    let token = prop_oneof![3 => Just(None), 1 => Just(Some("")), 1 => Just(Some("t"))];
    let lists = (truths(), truths(), truths());
    (token, lists, prop::bool::weighted(0.1)).prop_map(
        |(token, (error, fail, pass), broken_export)| Model {
            token,
            error,
            fail,
            pass,
            broken_export,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_passes_only_if_every_rule_passes(
        models in prop::collection::vec(models(), 0..4),
        token in prop_oneof![Just(None), Just(Some("t")), Just(Some("u"))],
        flagged in any::<bool>(),
    ) {
        let names = ["a", "b", "c"];
        let gate = Gate::many(names.into_iter().zip(models.iter().map(Model::rule)));
        let mut ask = Ask::get();
        if flagged {
            ask = ask.header("flag", "1");
        }
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (verdict, trace) = runtime.block_on(gate.ask(&ask));

        let judged: Vec<_> = models.iter().map(|model| model.judge(token, flagged)).collect();
        let first = judged.iter().position(|(outcome, _)| *outcome != Outcome::Pass);
        let expected = match first {
            Some(index) => judged[index],
            None if models.is_empty() => (Outcome::Pass, ReasonCode::NoRules),
            None => (Outcome::Pass, ReasonCode::RulesPassed),
        };
        prop_assert_eq!(ended(&verdict), expected);
        let reports: Vec<_> = trace.rules.iter().map(|report| (report.outcome, report.reason.code())).collect();
        let count = first.map_or(models.len(), |index| index + 1);
        prop_assert_eq!(&reports[..], &judged[..count]);
        if verdict.outcome == Outcome::Pass {
            prop_assert!(reports.iter().all(|(outcome, _)| *outcome == Outcome::Pass));
        }
    }
}
