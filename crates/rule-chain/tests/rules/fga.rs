//! Rules that ask a store of relationships.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_fga::{Store, Tuple, WriteRequest, dsl};
use ztag_fga_remote::{Authority, Directory, Entry, LocalStore, OnOutage};
use ztag_types::{Code, Detail, Outcome, ReasonCode};

use crate::support::{Ask, Gate, PASSED, ended};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user]
type doc
  relations
    define owner: [user]
    define blocked: [user]
    define viewer: [user, user:*, group#member, user with in_time] or owner but not blocked

condition in_time(now: timestamp, until: timestamp) {
  now < until
}
";

fn store() -> Arc<Store> {
    let store = Store::default();
    let model = MODEL
        .replace("[user, user:*", "([user, user:*")
        .replace("or owner but", "or owner) but");
    store.write_model(dsl::parse(&model).unwrap()).unwrap();
    let until = json!({"until": "2026-06-01T00:00:00Z"});
    let tuples = [
        Tuple::new("user:ada", "owner", "doc:1"),
        Tuple::new("user:ben", "viewer", "doc:1"),
        Tuple::new("user:ada", "viewer", "doc:2"),
        Tuple::new("group:eng#member", "viewer", "doc:3"),
        Tuple::new("user:*", "viewer", "doc:4"),
        Tuple::new("user:eve", "blocked", "doc:4"),
        Tuple::new("user:tim", "viewer", "doc:5").when("in_time", until.as_object().cloned()),
    ];
    store.write(&WriteRequest::writes(tuples)).unwrap();
    Arc::new(store)
}

fn gate_over(store: &Arc<Store>, rule: Json) -> Gate {
    let local = LocalStore::new(Arc::clone(store), None);
    let entry = Entry {
        authority: Authority::Local(Arc::new(local)),
        model: store.model(None).ok(),
        on_outage: OnOutage::Error,
    };
    let stores = [("docs", Some(entry)), ("broken", None)];
    let stores = stores.map(|(name, entry)| (name.to_owned(), entry));
    let mut gate = Gate::one(rule);
    gate.stores = Directory::new(BTreeMap::from(stores));
    gate
}

fn gate(rule: Json) -> Gate {
    gate_over(&store(), rule)
}

/// The question of everybody named by the header `who` about the document in the query.
fn viewer() -> Json {
    json!({
        "store": "docs",
        "user": "user:{{ request.headers.who }}",
        "relation": "viewer",
        "object": "doc:{{ request.query.doc }}",
    })
}

fn asks(who: &str, doc: &str) -> Ask {
    Ask::to(&format!("/x?doc={doc}")).header("who", who)
}

const DENIED: (Outcome, ReasonCode) = (Outcome::Fail, ReasonCode::FgaDenied);
const UNASKABLE: (Outcome, ReasonCode) = (Outcome::Fail, ReasonCode::FgaUnaskable);
const UNDECIDED: (Outcome, ReasonCode) = (Outcome::Error, ReasonCode::FgaUndecided);

#[tokio::test]
async fn one_check_decides() {
    let gate = gate(json!({ "fga": viewer() }));
    for (who, doc, expected) in [
        ("ada", "1", PASSED),
        ("ben", "1", PASSED),
        ("eve", "1", DENIED),
        ("eve", "4", DENIED),
        ("eve", "none", DENIED),
        // A condition that lacks a parameter has no answer.
        ("tim", "5", UNDECIDED),
    ] {
        let (verdict, trace) = gate.ask(&asks(who, doc)).await;
        assert_eq!(ended(&verdict), expected, "{who} {doc}");
        let report = trace.rules[0].fga.as_deref().unwrap();
        assert_eq!((report.checks, report.source), (1, "local"));
        assert_eq!(report.revision, Some(7));
        assert!(report.asked.is_empty(), "only explanations keep names");
    }
}

#[tokio::test]
async fn attack_59_values_ask_no_other_question() {
    let gate = gate(json!({ "fga": viewer() }));
    for (who, doc) in [
        ("*", "4"),
        ("", "4"),
        ("a b", "4"),
        ("x:y", "4"),
        ("eng#member", "3"),
        ("ada", ""),
        ("ada", "*"),
        ("ada", "1%0a"),
        ("ada", "1%23viewer"),
    ] {
        let (verdict, trace) = gate.ask(&asks(who, doc)).await;
        assert_eq!(ended(&verdict), UNASKABLE, "{who} {doc}");
        assert!(trace.rules[0].fga.is_none(), "nothing was asked");
    }
    let detail = gate.ask(&asks("", "1")).await.0.reason;
    let expected = "fga.user: renders to something else than";
    assert!(detail.detail().unwrap().starts_with(expected), "{detail}");
}

#[tokio::test]
async fn a_no_outweighs_conditions() {
    let rule = json!({
        "fga": viewer(),
        "conditions": { "pass": ["true"] },
        "responses": { "fail": { "variables": { "seen": "string(fga.allowed)" } } },
    });
    let (verdict, _) = gate(rule).ask(&asks("eve", "1")).await;
    assert_eq!(ended(&verdict), DENIED);
    let seen = verdict
        .exports
        .merged
        .get("seen")
        .and_then(|seen| seen.as_str().map(str::to_owned));
    assert_eq!(seen.as_deref(), Some("false"));
}

#[tokio::test]
async fn conditions_judge_where_nothing_is_enforced() {
    let mut fga = viewer();
    fga["enforce"] = json!(false);
    let rule = json!({
        "fga": fga,
        "conditions": { "pass": ["fga.allowed || request.path == '/open'"] },
    });
    let gate = gate(rule);
    assert_eq!(ended(&gate.ask(&asks("ada", "1")).await.0), PASSED);
    let (verdict, _) = gate.ask(&asks("eve", "1")).await;
    assert_eq!(verdict.reason.code(), ReasonCode::PassConditionUnmet);
    let open = Ask::to("/open?doc=1").header("who", "eve");
    assert_eq!(ended(&gate.ask(&open).await.0), PASSED);
    // What cannot be told is an error all the same.
    assert_eq!(ended(&gate.ask(&asks("tim", "5")).await.0), UNDECIDED);
}

#[tokio::test]
async fn several_checks_are_one_question() {
    let check = |relation: &str, user: &str| json!({ "relation": relation, "user": user });
    let (all, any) = (
        |checks: &[Json]| json!({ "fga": { "store": "docs", "object": "doc:1", "all": checks } }),
        |checks: &[Json]| json!({ "fga": { "store": "docs", "object": "doc:1", "any": checks } }),
    );
    let (yes, no) = (check("owner", "user:ada"), check("owner", "user:eve"));
    let unknown = json!({ "relation": "viewer", "user": "user:tim", "object": "doc:5" });
    for (rule, expected) in [
        (all(&[yes.clone(), yes.clone()]), PASSED),
        (all(&[yes.clone(), no.clone()]), DENIED),
        (all(&[yes.clone(), unknown.clone()]), UNDECIDED),
        (all(&[unknown.clone(), no.clone()]), DENIED),
        (any(&[no.clone(), yes.clone()]), PASSED),
        (any(&[no.clone(), no.clone()]), DENIED),
        (any(&[unknown.clone(), yes.clone()]), PASSED),
        (any(&[unknown.clone(), no.clone()]), UNDECIDED),
    ] {
        let (verdict, trace) = gate(rule.clone()).ask(&Ask::get()).await;
        assert_eq!(ended(&verdict), expected, "{rule}");
        assert_eq!(trace.rules[0].fga.as_deref().unwrap().checks, 2);
    }
    let mut both = all(std::slice::from_ref(&yes));
    both["fga"]["any"] = json!([no.clone(), yes.clone()]);
    both["responses"]["pass"]["variables"] = json!({ "which": "fga.results" });
    let (verdict, _) = gate(both).ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), PASSED);
    let which = verdict.exports.merged.get("which").unwrap().to_json();
    assert_eq!(which, json!([true, false, true]));
    // A check without an answer is neither yes nor no.
    let mut reads = any(&[unknown, yes]);
    reads["conditions"]["fail"] = json!(["!fga.results[0]"]);
    let (verdict, _) = gate(reads).ask(&Ask::get()).await;
    assert_eq!(verdict.reason.code(), ReasonCode::ConditionFailed);
}

#[tokio::test]
async fn tuples_and_parameters_come_from_the_request() {
    let mut fga = viewer();
    fga["contextualTuples"] = json!([
        {
            "each": "request.headers.groups.split(',')",
            "user": "user:{{ request.headers.who }}",
            "relation": "member",
            "object": "group:{{ item }}",
        },
    ]);
    fga["context"] = json!({ "now": "now" });
    let gate = gate(json!({ "fga": fga }));
    for (who, doc, groups, expected) in [
        ("zoe", "3", "ops,eng", PASSED),
        ("zoe", "3", "ops", DENIED),
        // 2026-01-01, by the clock of the test.
        ("tim", "5", "ops", PASSED),
        ("zoe", "3", "a b", UNASKABLE),
        ("zoe", "3", "eng#member", UNASKABLE),
    ] {
        let ask = asks(who, doc).header("groups", groups);
        assert_eq!(ended(&gate.ask(&ask).await.0), expected, "{who} {groups}");
    }
    let many = vec!["g"; 101].join(",");
    let (verdict, _) = gate.ask(&asks("zoe", "3").header("groups", &many)).await;
    assert_eq!(ended(&verdict), (Outcome::Error, ReasonCode::RenderFailed));
}

#[tokio::test]
async fn objects_are_listed_for_exports() {
    let rule = json!({
        "fga": {
            "store": "docs",
            "user": "user:{{ request.headers.who }}",
            "listObjects": { "relation": "viewer", "type": "doc" },
        },
        "responses": { "pass": { "variables": {
            "ids": "fga.ids",
            "all": "{{ fga.objects | join(' ') }}",
            "more": "fga.truncated",
        } } },
    });
    let gate = gate(rule);
    let (verdict, trace) = gate.ask(&asks("ada", "")).await;
    assert_eq!(ended(&verdict), PASSED);
    let export = |name: &str| verdict.exports.merged.get(name).unwrap().to_json();
    assert_eq!(export("ids"), json!(["1", "2", "4"]));
    assert_eq!(export("all"), json!("doc:1 doc:2 doc:4"));
    assert_eq!(export("more"), json!(false));
    assert_eq!(trace.rules[0].fga.as_deref().unwrap().listed, Some(3));
    // One that may be seen under a condition that cannot be judged makes the list undecided.
    assert_eq!(ended(&gate.ask(&asks("tim", "")).await.0), UNDECIDED);
}

#[tokio::test]
async fn attack_42_what_is_taken_away_counts_with_the_next_request() {
    let store = store();
    let gate = gate_over(&store, json!({ "fga": viewer() }));
    let chain = gate.chain();
    let ask = asks("ben", "1");
    let (verdict, _) = gate.judge(&chain, &ask).await;
    assert_eq!(ended(&verdict), PASSED);
    assert_eq!(
        verdict.fresh_for,
        Some(Duration::ZERO),
        "nobody may remember it"
    );
    let tuple = Tuple::new("user:ben", "viewer", "doc:1");
    store.write(&WriteRequest::deletes([tuple])).unwrap();
    let (verdict, trace) = gate.judge(&chain, &ask).await;
    assert_eq!(ended(&verdict), DENIED);
    assert_eq!(trace.rules[0].fga.as_deref().unwrap().revision, Some(8));
}

#[tokio::test]
async fn a_rule_may_say_how_long_verdicts_are_remembered() {
    let rule = json!({ "fga": viewer(), "cache": { "ttl": { "pass": "5s" } } });
    let gate = gate(rule);
    for (who, expected) in [("ada", 5), ("eve", 0)] {
        let (verdict, _) = gate.ask(&asks(who, "1")).await;
        assert_eq!(
            verdict.fresh_for,
            Some(Duration::from_secs(expected)),
            "{who}"
        );
    }
}

#[tokio::test]
async fn explanations_show_what_was_asked_and_no_secret() {
    let mut fga = viewer();
    fga["any"] =
        json!([{ "relation": "viewer" }, { "user": "user:{{ auth.input.bearer.token }}" }]);
    let rule = json!({ "auth": [{ "match": [{ "type": "bearer" }] }], "fga": fga });
    let mut gate = gate(rule);
    gate.detail = Detail::Full;
    let (_, trace) = gate.ask(&asks("ben", "1").bearer("t0ken")).await;
    let report = trace.rules[0].fga.as_deref().unwrap();
    let shown: Vec<_> = report.asked.iter().map(|own| &own.check["user"]).collect();
    assert_eq!(shown, [&json!("user:ben"), &json!("[redacted]")]);
    let answers: Vec<_> = report.asked.iter().map(|own| own.allowed.clone()).collect();
    assert_eq!(answers, [Ok(true), Ok(false)]);
}

/// What is changed of a sound question, and where which mistake is told then.
fn mistakes() -> Vec<(Json, Code, &'static str)> {
    vec![
        (json!({ "store": "dogs" }), Code::UnknownDefinition, "store"),
        (
            json!({ "store": "broken" }),
            Code::BrokenDefinition,
            "store",
        ),
        (json!({ "store": "" }), Code::MissingKey, "store"),
        (json!({ "user": null }), Code::MissingKey, "user"),
        (json!({ "user": "ada" }), Code::InvalidValue, "user"),
        (json!({ "object": "doc:*" }), Code::InvalidValue, "object"),
        (json!({ "object": "dok:1" }), Code::UnknownName, "object"),
        (json!({ "user": "usr:1" }), Code::UnknownName, "user"),
        (
            json!({ "relation": "viewr" }),
            Code::UnknownName,
            "relation",
        ),
        (json!({ "relation": "a b" }), Code::InvalidValue, "relation"),
        (
            json!({ "object": "doc:{{ backend.body.id }}" }),
            Code::UnknownName,
            "object",
        ),
        (
            json!({ "any": [{ "relation": "nope" }] }),
            Code::UnknownName,
            "any[0].relation",
        ),
        (
            json!({ "contextualTuples": [{ "user": "user:a", "relation": "r" }] }),
            Code::MissingKey,
            "contextualTuples[0].object",
        ),
        (
            json!({ "contextualTuples": [{ "user": "user:{{ item }}", "relation": "r", "object": "doc:1" }] }),
            Code::UnknownName,
            "contextualTuples[0].user",
        ),
        (
            json!({ "context": { "x": "nope" } }),
            Code::UnknownName,
            "context.x",
        ),
        (
            json!({ "object": "doc:{{ variables.local.late }}" }),
            Code::UnknownName,
            "",
        ),
        (
            json!({ "relation": null, "object": null }),
            Code::MissingKey,
            "relation",
        ),
    ]
}

#[test]
fn mistakes_are_told_where_they_stand() {
    for (change, code, path) in mistakes() {
        let mut fga = viewer();
        for (key, value) in change.as_object().unwrap() {
            fga[key.as_str()] = value.clone();
        }
        let rule = json!({ "fga": fga, "variables": { "late": "backend.status" } });
        let path = match path {
            "" => "rules.r.fga".to_owned(),
            path => format!("rules.r.fga.{path}"),
        };
        assert_eq!(gate(rule).findings(), [(code, path)], "{change}");
    }
    let found = Gate::one(json!({ "conditions": { "pass": ["fga.allowed"] } })).findings();
    assert_eq!(
        found[0].0,
        Code::UnknownName,
        "only rules that ask read the answer"
    );
}
