//! What a full trace shows, and what it never does.

use serde_json::json;
use ztag_types::{Detail, Outcome};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

#[tokio::test]
async fn a_full_trace_shows_conditions_with_what_they_read() {
    let mut gate = Gate::one(json!({
        "variables": { "area": "request.path.startsWith('/x') ? 'x' : 'y'" },
        "conditions": { "fail": ["request.method == 'POST'"], "pass": ["variables.local.area == 'x'"] },
        "responses": { "pass": { "variables": { "n": "1" } } },
    }));
    gate.detail = Detail::Full;
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), PASSED);
    let report = &trace.rules[0];
    let [fail, pass] = &report.conditions[..] else {
        panic!("{:?}", report.conditions);
    };
    assert_eq!(
        (fail.list, fail.index, &fail.result),
        (Outcome::Fail, 0, &Ok(false))
    );
    assert_eq!(fail.reads, [("request.method".to_owned(), json!("GET"))]);
    assert_eq!(
        pass.reads,
        [("variables.local.area".to_owned(), json!("x"))]
    );
    let variables = [
        ("variables.local.area".to_owned(), json!("x")),
        ("response.n".to_owned(), json!(1)),
    ];
    assert_eq!(report.variables, variables);
}

#[tokio::test]
async fn a_summary_keeps_neither() {
    let gate = Gate::one(json!({ "conditions": { "pass": ["true"] } }));
    let (_, trace) = gate.ask(&Ask::get()).await;
    assert!(trace.rules[0].conditions.is_empty() && trace.rules[0].variables.is_empty());
}

#[tokio::test]
async fn no_secret_is_shown_wherever_it_went() {
    let body = r#"{"access_token":"hunter-body","name":"ann"}"#;
    let stub = Stub::fixed(Answer::json(200, body).header("set-cookie", "hunter-cookie")).await;
    let mut gate = Gate::many([
        (
            "first",
            json!({
                "auth": [{ "match": [{ "type": "bearer" }, { "type": "header", "name": "X-Api-Key" }, { "type": "query", "name": "key" }] }],
                "backendApi": { "url": format!("{}?plain=hunter-url", stub.url) },
                "variables": { "copy": "'<' + auth.input.bearer.token + '>'", "all": "request.headers", "vault": "variables.secrets.db" },
                "conditions": { "pass": ["variables.local.copy != ''", "size(variables.local.all) > 0", "variables.local.vault != ''",
                                         "request.uri != ''", "auth.input.query['key'] != ''", "backend.body.access_token != ''",
                                         "backend.bodyText != ''", "backend.headers['set-cookie'] != ''", "size(auth.input) > 0",
                                         "backend.body.name == 'ann'"] },
                "responses": { "pass": { "variables": { "exported": "auth.input.bearer.token" } } },
            }),
        ),
        (
            "second",
            json!({ "conditions": { "pass": ["response.exported != ''", "variables.rule.first.exported != ''"] } }),
        ),
    ]);
    gate.detail = Detail::Full;
    gate.facts.secrets.insert("db".to_owned());
    gate.globals
        .secrets
        .insert("db".into(), "hunter-vault".into());
    let ask = Ask::to("/x?key=hunter-query&a=b")
        .header("authorization", "Bearer hunter-token")
        .header("cookie", "s=hunter-session")
        .bearer("hunter-token")
        .key_header("x-api-key", "hunter-key")
        .key_query("key", "hunter-query");
    let (verdict, trace) = gate.ask(&ask).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
    let shown = format!(
        "{trace:?} {:?} {:?}",
        verdict.reason,
        gate.chain().describe()
    );
    assert!(!shown.contains("hunter"), "{shown}");
    assert!(
        shown.contains("ann") && shown.contains("[redacted]"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_cached_rule_names_what_makes_up_its_key() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let mut gate = Gate::one(json!({
        "backendApi": { "url": stub.url },
        "conditions": { "pass": ["request.method == 'GET'"] },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    gate.detail = Detail::Full;
    let (_, trace) = gate.ask(&Ask::get()).await;
    let names = &trace.rules[0].cache.key_inputs;
    assert!(names.contains(&"request.method".to_owned()), "{names:?}");
    assert!(names.contains(&"credentials".to_owned()), "{names:?}");
}
