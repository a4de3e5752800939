//! How a rule ends: every line of the decision table, over a real call.

use Outcome::{Error, Fail};
use serde_json::{Value as Json, json};
use ztag_types::{Outcome, ReasonCode};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

async fn check(answer: Answer, conditions: Json, expected: (Outcome, ReasonCode)) {
    let stub = Stub::fixed(answer.clone()).await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url },
        "conditions": conditions,
    }));
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), expected, "{answer:?} {conditions}");
    assert_eq!(trace.rules.len(), 1);
    assert_eq!(trace.rules[0].outcome, expected.0);
    let report = trace.rules[0].backend.as_ref().unwrap();
    assert_eq!(report.status, answer.status);
}

fn status(status: u16) -> Answer {
    Answer::json(status, "{}")
}

#[tokio::test]
async fn without_conditions_the_status_decides() {
    check(status(200), json!({}), PASSED).await;
    check(status(204), json!({}), PASSED).await;
    check(status(302), json!({}), (Fail, ReasonCode::BackendRefused)).await;
    check(status(404), json!({}), (Fail, ReasonCode::BackendRefused)).await;
    check(
        status(500),
        json!({}),
        (Error, ReasonCode::BackendUnavailable),
    )
    .await;
    check(
        status(503),
        json!({}),
        (Error, ReasonCode::BackendUnavailable),
    )
    .await;
}

#[tokio::test]
async fn conditions_outrank_the_status() {
    let pass = json!({ "pass": ["backend.status == 404"] });
    check(status(404), pass, PASSED).await;
    let fail = json!({ "fail": ["backend.status == 200"] });
    check(status(200), fail, (Fail, ReasonCode::FailCondition)).await;
    let fail = json!({ "fail": ["backend.status == 503"] });
    check(status(503), fail, (Fail, ReasonCode::FailCondition)).await;
    let error = json!({ "error": ["backend.status == 200"] });
    check(status(200), error, (Error, ReasonCode::ErrorCondition)).await;
}

#[tokio::test]
async fn error_comes_before_fail_comes_before_pass() {
    let all = json!({ "pass": ["true"], "fail": ["true"], "error": ["true"] });
    check(status(200), all, (Error, ReasonCode::ErrorCondition)).await;
    let two = json!({ "pass": ["true"], "fail": ["true"], "error": ["false"] });
    check(status(200), two, (Fail, ReasonCode::FailCondition)).await;
}

#[tokio::test]
async fn pass_needs_all_and_fail_needs_any() {
    let one = json!({ "pass": ["true", "false"] });
    check(status(200), one, (Fail, ReasonCode::PassConditionUnmet)).await;
    let both = json!({ "pass": ["true", "1 < 2"] });
    check(status(200), both, PASSED).await;
    let any = json!({ "fail": ["false", "true"] });
    check(status(200), any, (Fail, ReasonCode::FailCondition)).await;
    // Lists that leave the outcome open, and blank entries.
    check(
        status(200),
        json!({ "fail": ["false"], "pass": ["  "] }),
        PASSED,
    )
    .await;
}

#[tokio::test]
async fn an_evaluation_error_in_any_list_is_an_error() {
    for list in ["error", "fail", "pass"] {
        let broken = json!({ list: ["backend.body.absent == 1"] });
        check(status(200), broken, (Error, ReasonCode::ConditionFailed)).await;
    }
    // A false one before it does not save a fail list, but a true one has decided.
    let late = json!({ "fail": ["false", "backend.body.absent == 1"] });
    check(status(200), late, (Error, ReasonCode::ConditionFailed)).await;
    let decided = json!({ "fail": ["true", "backend.body.absent == 1"] });
    check(status(200), decided, (Fail, ReasonCode::FailCondition)).await;
}

#[tokio::test]
async fn a_body_that_is_not_the_json_it_claims_is_an_error() {
    let failed = (Error, ReasonCode::BackendFailed);
    let pass = || json!({ "pass": ["true"] });
    check(Answer::json(200, "{\"a\":"), pass(), failed).await;
    check(Answer::json(200, &"[".repeat(10_000)), pass(), failed).await;
    let text = Answer {
        headers: vec![("content-type", "text/plain".to_owned())],
        ..Answer::json(200, "plain")
    };
    let reads = json!({ "pass": ["!has(backend.body.a)", "backend.bodyText == 'plain'"] });
    check(text, reads, PASSED).await;
    check(
        Answer::json(200, ""),
        json!({ "pass": ["!has(backend.body.a)"] }),
        PASSED,
    )
    .await;
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_is_an_error_whatever_the_conditions_say() {
    let gate = Gate::one(json!({
        // Port 1 of the loopback interface: nobody listens there.
        "backendApi": { "url": "http://127.0.0.1:1/" },
        "conditions": { "pass": ["true"], "fail": ["backend.status == 0"] },
        "responses": { "error": { "variables": { "why": "backend.error" } } },
    }));
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Error, ReasonCode::BackendFailed));
    let why = verdict.exports.merged.get("why").unwrap();
    assert_eq!(why.as_str(), Some("connect"));
    let report = trace.rules[0].backend.as_ref().unwrap();
    assert_eq!(report.error.as_deref(), Some("connect"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_an_error() {
    let stub = Stub::fixed(Answer::json(200, &format!("\"{}\"", "a".repeat(100)))).await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url, "maxBodyBytes": 50 },
        "conditions": { "pass": ["true"] },
    }));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Error, ReasonCode::BackendFailed));
}

#[tokio::test]
async fn accepted_statuses_replace_any_2xx() {
    for (status, expected) in [(201, PASSED), (200, (Fail, ReasonCode::BackendRefused))] {
        let stub = Stub::fixed(Answer::json(status, "{}")).await;
        let gate = Gate::one(json!({
            "backendApi": { "url": stub.url, "acceptedStatuses": [201, 404] },
        }));
        let (verdict, _) = gate.ask(&Ask::get()).await;
        assert_eq!(ended(&verdict), expected, "{status}");
    }
}

#[tokio::test]
async fn an_empty_chain_and_an_empty_rule_pass() {
    let (verdict, _) = Gate::many([]).ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Outcome::Pass, ReasonCode::NoRules));
    assert_eq!(verdict.rule, None);
    let (verdict, trace) = Gate::one(json!({})).ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), PASSED);
    assert_eq!(trace.rules[0].reason.code(), ReasonCode::RulePassed);
}

#[tokio::test]
async fn the_first_rule_that_does_not_pass_ends_the_chain() {
    let gate = Gate::many([
        (
            "first",
            json!({ "responses": { "pass": { "variables": { "x": "1", "y": "'a'" } } } }),
        ),
        (
            "second",
            json!({
                "conditions": { "fail": ["variables.rule.first.x == 1 && response.y == 'a'"] },
                "responses": { "fail": { "variables": { "y": "chain[0].name + rule.name" } } },
            }),
        ),
        ("third", json!({})),
    ]);
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Fail, ReasonCode::FailCondition));
    assert_eq!(verdict.rule.as_ref().unwrap().as_str(), "second");
    assert_eq!(trace.rules.len(), 2);
    // The later export wins, and both stay under the names of their rules.
    let merged = &verdict.exports.merged;
    assert_eq!(merged.get("y").unwrap().as_str(), Some("firstsecond"));
    assert_eq!(merged.get("x"), Some(&ztag_types::Value::Int(1)));
    assert_eq!(verdict.exports.by_rule.len(), 2);
}

#[tokio::test]
async fn locals_are_evaluated_only_when_read() {
    let rule = |conditions: Json| {
        json!({
            "variables": { "broken": "request.headers['absent']", "b": "variables.local.a + 1", "a": "1" },
            "conditions": conditions,
        })
    };
    let check = async |conditions: Json, expected| {
        let (verdict, _) = Gate::one(rule(conditions)).ask(&Ask::get()).await;
        assert_eq!(ended(&verdict), expected);
    };
    // In any order of names, through each other.
    check(json!({ "pass": ["variables.local.b == 2"] }), PASSED).await;
    check(
        json!({ "pass": ["variables.local.b == 2 || variables.local.broken == ''"] }),
        PASSED,
    )
    .await;
    let failed = (Error, ReasonCode::ConditionFailed);
    check(json!({ "pass": ["variables.local.broken == ''"] }), failed).await;
    // A condition that decides first wins over a local that fails.
    let decided = json!({ "fail": ["true"], "pass": ["variables.local.broken == ''"] });
    check(decided, (Fail, ReasonCode::FailCondition)).await;
}

#[tokio::test]
async fn a_failed_endpoint_variable_satisfies_no_condition() {
    let mut gate = Gate::one(json!({
        "conditions": { "pass": ["variables.endpoint.tenant != 'blocked'"] },
    }));
    gate.facts.variables.insert("tenant".to_owned());
    gate.vars
        .failed
        .push(("tenant".into(), "no such key".into()));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Error, ReasonCode::ConditionFailed));
}

#[tokio::test]
async fn an_export_that_fails_undoes_a_pass_and_nothing_else() {
    for (ruled, expected) in [
        ("pass", (Error, ReasonCode::RenderFailed)),
        ("fail", (Fail, ReasonCode::FailCondition)),
        ("error", (Error, ReasonCode::ErrorCondition)),
    ] {
        let gate = Gate::one(json!({
            "conditions": { ruled: ["true"] },
            "responses": { ruled: { "variables": { "a": "1", "b": "request.headers['absent']" } } },
        }));
        let (verdict, _) = gate.ask(&Ask::get()).await;
        assert_eq!(ended(&verdict), expected, "{ruled}");
        assert!(verdict.exports.merged.is_empty(), "{ruled}");
    }
}

#[tokio::test]
async fn a_pass_undone_by_its_exports_has_those_of_an_error() {
    let gate = Gate::one(json!({
        "responses": {
            "pass": { "variables": { "user": "request.headers['absent']" } },
            "error": { "variables": { "why": "request.method" } },
        },
    }));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Error, ReasonCode::RenderFailed));
    let why = verdict.exports.merged.get("why").unwrap();
    assert_eq!(why.as_str(), Some("GET"));
    assert_eq!(verdict.exports.merged.len(), 1);
}

#[tokio::test]
async fn pages_are_read_together() {
    let stub = Stub::start(|seen| {
        if seen.target.contains("page=2") {
            Answer::json(200, r#"{"groups":["b"]}"#)
        } else {
            Answer::json(200, r#"{"groups":["a"]}"#).header("link", "</check?page=2>; rel=\"next\"")
        }
    })
    .await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url, "pagination": { "type": "link-header", "maxPages": 5 } },
        "conditions": { "pass": ["backend.pages.exists(p, 'a' in p.body.groups)", "size(backend.pages) == 2",
                                 "backend.body.groups == ['b']"] },
    }));
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
    assert_eq!(trace.rules[0].backend.as_ref().unwrap().pages, 2);
}
