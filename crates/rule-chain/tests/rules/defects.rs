//! Known defects of an earlier implementation of the same contract, each with the test that keeps
//! it out. The names follow the numbering of the contract's defect list.

use serde_json::json;
use ztag_types::{Code, Outcome, ReasonCode, Value};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

#[tokio::test]
async fn defect_03_05_template_failures_never_leak_source_text() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    // Undefined renders empty, and an empty header is not sent.
    let gate = Gate::one(json!({ "backendApi": {
        "url": stub.url,
        "headers": { "x-trace-id": "{{ request.headers['x-absent'] }}" },
        "query": { "q": "{{ request.query.absent }}" },
    } }));
    assert_eq!(ended(&gate.ask(&Ask::get()).await.0), PASSED);
    assert_eq!(stub.last().header("x-trace-id"), None);
    assert_eq!(stub.last().target, "/check");
    // One that fails while rendering: nothing is sent at all.
    let endless =
        "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}";
    let gate = Gate::one(json!({ "backendApi": {
        "url": stub.url,
        "headers": { "x-broken": endless },
    } }));
    let calls = stub.calls();
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Outcome::Error, ReasonCode::RenderFailed));
    assert!(!verdict.reason.to_string().contains("range"));
    assert_eq!(stub.calls(), calls);
}

#[tokio::test]
async fn defect_03_06_cache_keys_hold_everything_a_verdict_depends_on() {
    let stub = Stub::start(|seen| {
        Answer::json(
            if seen.target.contains("public") {
                200
            } else {
                403
            },
            "{}",
        )
    })
    .await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url, "query": { "res": null } },
        "conditions": { "fail": ["request.method == 'POST' && request.path == '/admin'"] },
        "cache": { "ttl": { "pass": "1h", "fail": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    let outcome = async |ask: &Ask| gate.judge(&chain, ask).await.0.outcome;
    assert_eq!(outcome(&Ask::to("/pub?res=public")).await, Outcome::Pass);
    assert_eq!(outcome(&Ask::to("/pub?res=secret")).await, Outcome::Fail);
    let post = Ask::to("/admin?res=public").method(http::Method::POST);
    assert_eq!(outcome(&post).await, Outcome::Fail);
    assert_eq!(stub.calls(), 3);
}

#[tokio::test]
async fn defect_03_07_exports_survive_a_cache_hit_with_their_types() {
    let stub = Stub::fixed(Answer::json(200, r#"{"id":7,"tags":["a","b"],"ok":true}"#)).await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url },
        "responses": { "pass": { "variables": {
            "id": "backend.body.id", "tags": "backend.body.tags", "ok": "backend.body.ok", "text": "{{ backend.body.id }}",
        } } },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    let (fresh, _) = gate.judge(&chain, &Ask::get()).await;
    let (hit, trace) = gate.judge(&chain, &Ask::get()).await;
    assert_eq!(
        trace.rules[0].cache.participation,
        ztag_types::Participation::Hit
    );
    assert_eq!(stub.calls(), 1);
    assert_eq!(fresh.exports, hit.exports);
    assert_eq!(hit.exports.merged.get("id"), Some(&Value::Int(7)));
    assert_eq!(hit.exports.merged.get("text"), Some(&Value::text("7")));
}

#[tokio::test]
async fn defect_03_08_credentials_are_stripped_and_isolated() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let rule = |forward: serde_json::Value| {
        json!({
            "auth": [{ "match": [{ "type": "header", "name": "X-Api-Key" }], "forwardAs": forward }],
            "backendApi": { "url": stub.url, "headers": { "x-api-key": null, "X-Second": null }, "query": { "key": null } },
            "conditions": { "pass": ["auth.input.header['x-api-key'] == 'raw'", "!has(auth.input.bearer)",
                                     "!('x-second' in auth.input.header)"] },
        })
    };
    let ask = || {
        Ask::to("/?key=k")
            .bearer("other")
            .key_header("x-api-key", "raw")
            .key_header("x-second", "second")
            .key_query("key", "k")
    };
    let gate = Gate::one(rule(json!([{ "type": "none" }])));
    let (verdict, _) = gate.ask(&ask()).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
    let seen = stub.last();
    for name in ["x-api-key", "x-second", "authorization"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.target, "/check");
    let codes: Vec<_> = gate.findings().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [Code::CredentialHeader; 3]);
    // With a forward of the same name the forward wins, every time.
    let forward = json!([{ "type": "header", "name": "X-Api-Key", "value": "made" }]);
    let gate = Gate::one(rule(forward));
    for _ in 0..20 {
        assert_eq!(ended(&gate.ask(&ask()).await.0), PASSED);
        assert_eq!(stub.last().header("x-api-key"), Some("made"));
    }
}

#[tokio::test]
async fn defect_03_10_a_broken_backend_is_an_error_and_never_cached() {
    let stub = Stub::fixed(Answer::json(500, "{}")).await;
    for conditions in [
        json!({}),
        json!({ "fail": ["backend.status == 500"] }),
        json!({ "pass": ["false"] }),
    ] {
        let gate = Gate::one(json!({
            "backendApi": { "url": stub.url },
            "conditions": conditions,
            "cache": { "ttl": { "pass": "1h", "fail": "1h" } },
        }))
        .cached();
        let chain = gate.chain();
        let before = stub.calls();
        for _ in 0..2 {
            let (verdict, _) = gate.judge(&chain, &Ask::get()).await;
            assert_ne!(verdict.outcome, Outcome::Pass);
            assert_eq!(verdict.fresh_for, Some(std::time::Duration::ZERO));
        }
        assert_eq!(stub.calls(), before + 2);
    }
    let gate = Gate::one(json!({ "backendApi": { "url": stub.url } }));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(
        ended(&verdict),
        (Outcome::Error, ReasonCode::BackendUnavailable)
    );
}

#[tokio::test]
async fn defect_03_13_reasons_hold_no_source_and_no_value() {
    let gate = Gate::one(json!({
        "variables": { "v": "auth.input.header['absent'] + 'top secret source'" },
        "conditions": { "pass": ["variables.local.v == auth.input.bearer.token"] },
    }));
    let (verdict, _) = gate.ask(&Ask::get().bearer("hunter2")).await;
    assert_eq!(
        ended(&verdict),
        (Outcome::Error, ReasonCode::ConditionFailed)
    );
    let reason = verdict.reason.to_string();
    assert!(
        !reason.contains("hunter2") && !reason.contains("top secret"),
        "{reason}"
    );
    assert!(reason.contains("conditions.pass[0]"), "{reason}");
}

#[tokio::test]
async fn defect_03_15_json_injection_is_prevented_by_tojson_and_warned_about() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = |body: &str| {
        Gate::one(json!({
            "auth": [{ "match": [{ "type": "bearer" }] }],
            "backendApi": { "url": stub.url, "method": "POST", "body": body },
        }))
    };
    let evil = Ask::get().bearer(r#"a","admin":"1"#);
    let safe = gate(r#"{"token":{{ auth.input.bearer.token | tojson }}}"#);
    assert_eq!(safe.findings(), []);
    assert_eq!(ended(&safe.ask(&evil).await.0), PASSED);
    let sent: serde_json::Value = serde_json::from_str(&stub.last().body).unwrap();
    assert_eq!(sent, json!({ "token": "a\",\"admin\":\"1" }));
    let raw = gate(r#"{"token":"{{ auth.input.bearer.token }}"}"#);
    let warned = (Code::RawJson, "rules.r.backendApi.body".to_owned());
    assert_eq!(raw.findings(), [warned]);
}

#[tokio::test]
async fn defect_12_basic_credentials_with_an_empty_part_are_forwarded() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let rule = |forward: serde_json::Value| {
        let mut group = json!({ "match": [{ "type": "basic" }] });
        if !forward.is_null() {
            group["forwardAs"] = json!([forward]);
        }
        json!({ "auth": [group], "backendApi": { "url": stub.url } })
    };
    let gate = Gate::one(rule(json!(null)));
    assert_eq!(
        ended(&gate.ask(&Ask::get().basic("token", "")).await.0),
        PASSED
    );
    assert_eq!(stub.last().header("authorization"), Some("Basic dG9rZW46"));
    assert_eq!(
        ended(&gate.ask(&Ask::get().basic("", "token")).await.0),
        PASSED
    );
    assert_eq!(stub.last().header("authorization"), Some("Basic OnRva2Vu"));
    let gate = Gate::one(rule(
        json!({ "type": "basic", "user": "{{ auth.input.basic.user }}" }),
    ));
    assert_eq!(
        ended(&gate.ask(&Ask::get().basic("token", "")).await.0),
        PASSED
    );
    assert_eq!(stub.last().header("authorization"), Some("Basic dG9rZW46"));
}
