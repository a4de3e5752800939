//! Match groups and what is forwarded.

use serde_json::{Value as Json, json};
use ztag_types::{Outcome, ReasonCode};

use crate::stub::{Answer, Seen, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

/// What a backend receives of a rule with this `auth` block.
async fn forwarded(auth: Json, ask: Ask) -> Seen {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = Gate::one(json!({ "auth": auth, "backendApi": { "url": stub.url } }));
    let (verdict, _) = gate.ask(&ask).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
    stub.last()
}

async fn check_match(auth: Json, ask: Ask, matched: bool) {
    let gate = Gate::one(json!({ "auth": auth }));
    let (verdict, _) = gate.ask(&ask).await;
    let unmatched = (Outcome::Fail, ReasonCode::CredentialsUnmatched);
    assert_eq!(
        ended(&verdict),
        if matched { PASSED } else { unmatched },
        "{auth} {ask:?}"
    );
}

#[tokio::test]
async fn groups_are_or_and_matchers_are_and() {
    let auth = || {
        json!([
            { "match": [{ "type": "bearer" }, { "type": "header", "name": "X-Api-Key" }] },
            { "match": [{ "type": "Basic" }] },
        ])
    };
    check_match(auth(), Ask::get(), false).await;
    check_match(auth(), Ask::get().bearer("t"), false).await;
    check_match(
        auth(),
        Ask::get().bearer("t").key_header("x-api-key", "k"),
        true,
    )
    .await;
    check_match(auth(), Ask::get().basic("u", "p"), true).await;
}

#[tokio::test]
async fn values_are_exact_or_patterns() {
    let bearer = |value: Json| json!([{ "match": [{ "type": "bearer", "value": value }] }]);
    for (value, token, matched) in [
        (json!("abc"), "abc", true),
        (json!("abc"), "abcd", false),
        (json!("abc"), "ab", false),
        (json!("/^a.c$/"), "abc", true),
        (json!("/b/"), "abc", true),
        (json!("/(?i)ABC/"), "abc", true),
        (json!("//"), "//", true),
        (json!(["x", "/^y/"]), "yes", true),
        (json!(["x", "/^y/"]), "no", false),
    ] {
        check_match(bearer(value), Ask::get().bearer(token), matched).await;
    }
    let basic = |user: &str, password: &str| json!([{ "match": [{ "type": "basic", "username": user, "password": password }] }]);
    check_match(basic("u", "p"), Ask::get().basic("u", "p"), true).await;
    check_match(basic("u", "p"), Ask::get().basic("u", "q"), false).await;
    check_match(basic("u", "p"), Ask::get().basic("v", "p"), false).await;
    let query = json!([{ "match": [{ "type": "query", "name": "key", "value": "v" }] }]);
    check_match(query.clone(), Ask::get().key_query("key", "v"), true).await;
    check_match(query, Ask::get().key_query("Key", "v"), false).await;
}

#[tokio::test]
async fn none_matches_only_where_the_endpoint_admits_nobody() {
    let rule = json!({ "auth": [{ "match": [{ "type": "none" }] }] });
    let mut gate = Gate::one(rule);
    assert_eq!(ended(&gate.ask(&Ask::get()).await.0), PASSED);
    gate.facts.admitted.none = false;
    let unmatched = (Outcome::Fail, ReasonCode::CredentialsUnmatched);
    assert_eq!(ended(&gate.ask(&Ask::get()).await.0), unmatched);
}

#[tokio::test]
async fn what_matched_is_passed_through() {
    let any = |kind: &str, name: &str| match name {
        "" => json!([{ "match": [{ "type": kind }] }]),
        name => json!([{ "match": [{ "type": kind, "name": name }] }]),
    };
    let seen = forwarded(any("bearer", ""), Ask::get().bearer("t")).await;
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
    let seen = forwarded(any("basic", ""), Ask::get().basic("user", "pass")).await;
    assert_eq!(seen.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    let seen = forwarded(
        any("header", "X-Api-Key"),
        Ask::get().key_header("x-api-key", "k"),
    )
    .await;
    assert_eq!(seen.header("x-api-key"), Some("k"));
    let seen = forwarded(any("query", "key"), Ask::get().key_query("key", "a b&c")).await;
    assert_eq!(seen.target, "/check?key=a+b%26c");
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn forwards_replace_what_matched() {
    let auth = |forward: Json| json!([{ "match": [{ "type": "bearer" }], "forwardAs": forward }]);
    let ask = || Ask::get().bearer("t");
    let seen = forwarded(auth(json!([{ "type": "none" }])), ask()).await;
    assert_eq!(seen.header("authorization"), None);
    let seen = forwarded(
        auth(json!([
            { "type": "header", "name": "X-Token", "value": "{{ auth.input.bearer.token }}!" },
            { "type": "basic", "user": "svc", "password": "{{ auth.input.bearer.token }}" },
            { "type": "query", "name": "q", "value": "{{ auth.selected }}" },
        ])),
        ask(),
    )
    .await;
    assert_eq!(seen.header("x-token"), Some("t!"));
    assert_eq!(seen.header("authorization"), Some("Basic c3ZjOnQ="));
    assert_eq!(seen.target, "/check?q=bearer");
}

#[tokio::test]
async fn an_empty_forward_is_an_error_and_nothing_is_called() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    for forward in [
        json!({ "type": "bearer", "token": "{{ auth.input.header['absent'] }}" }),
        json!({ "type": "header", "name": "x-a", "value": "{{ auth.input.header['absent'] }}" }),
        json!({ "type": "basic", "user": "{{ auth.input.query['absent'] }}" }),
    ] {
        let gate = Gate::one(json!({
            "auth": [{ "match": [{ "type": "bearer" }], "forwardAs": [forward] }],
            "backendApi": { "url": stub.url },
        }));
        let (verdict, _) = gate.ask(&Ask::get().bearer("t")).await;
        assert_eq!(ended(&verdict), (Outcome::Error, ReasonCode::RenderFailed));
    }
    assert_eq!(stub.calls(), 0);
}

#[tokio::test]
async fn expressions_see_the_first_forward_as_a_flat_map() {
    let gate = Gate::one(json!({
        "auth": [{ "match": [{ "type": "bearer" }], "forwardAs": [{ "type": "header", "name": "X-A", "value": "v" }] }],
        "conditions": { "pass": ["auth.forward.type == 'header'", "auth.forward.name == 'x-a'",
                                 "auth.forward.value == 'v'", "!has(auth.forward.token)"] },
    }));
    let (verdict, _) = gate.ask(&Ask::get().bearer("t")).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
}

#[tokio::test]
async fn requests_hold_what_the_rule_names_and_nothing_else() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let mut gate = Gate::one(json!({
        "backendApi": {
            "url": format!("{}?fixed=1", stub.url),
            "method": "post",
            "headers": { "X-Tenant": null, "x-absent": null, "x-made": "{{ request.method | lower }}", "x-empty": "{{ request.headers['absent'] }}",
                         "content-type": "application/json" },
            "query": { "page": null, "made": "a {{ request.path }}", "fixed": "2" },
            "body": "{\"path\": {{ request.path | tojson }}}",
            "forwardProxyHeaders": true,
        },
    }));
    gate.facts.forward_proxy_headers = true;
    gate.curated
        .headers
        .insert("x-forwarded-host".into(), "app.test".into());
    gate.curated.headers.insert("x-own".into(), "no".into());
    let ask = Ask::to("/x?page=3&secret=s")
        .header("x-tenant", "acme")
        .header("x-other", "no")
        .header("cookie", "no");
    let (verdict, _) = gate.ask(&ask).await;
    assert_eq!(ended(&verdict), PASSED, "{:?}", verdict.reason);
    let seen = stub.last();
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.target, "/check?fixed=1&made=a+%2Fx&page=3");
    assert_eq!(seen.body, r#"{"path": "/x"}"#);
    let mut names: Vec<_> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let sent = [
        "content-length",
        "content-type",
        "host",
        "x-forwarded-host",
        "x-made",
        "x-request-id",
        "x-tenant",
    ];
    assert_eq!(names, sent);
    assert_eq!(seen.header("x-request-id"), Some("c-1"));
}

#[tokio::test]
async fn a_reply_may_say_why_even_when_no_credential_matched() {
    for (who, exported) in [("'nobody'", 2), ("auth.input.bearer.token", 0)] {
        let gate = Gate::one(json!({
            "auth": [{ "match": [{ "type": "bearer" }] }],
            "responses": { "fail": { "variables": { "why": "'no token'", "who": who } } },
        }));
        let (verdict, trace) = gate.ask(&Ask::get().basic("u", "hunter2")).await;
        let unmatched = (Outcome::Fail, ReasonCode::CredentialsUnmatched);
        assert_eq!(ended(&verdict), unmatched, "{who}");
        assert_eq!(verdict.exports.merged.len(), exported, "{who}");
        assert_eq!(trace.rules.len(), 1);
    }
}
