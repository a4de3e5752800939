//! What is refused when the configuration is loaded, and where it is said to stand.

use serde_json::{Value as Json, json};
use ztag_types::Code;

use crate::support::Gate;

fn check(rule: Json, expected: &[(Code, &str)]) {
    let shown = rule.to_string();
    let found = Gate::one(rule).findings();
    let found: Vec<_> = found
        .iter()
        .map(|(code, path)| (*code, path.as_str()))
        .collect();
    assert_eq!(found, expected, "{shown}");
}

fn group(group: &Json) -> Json {
    json!({ "auth": [group] })
}

fn backend(api: Json) -> Json {
    let mut api = api;
    if api.get("url").is_none() {
        api["url"] = json!("http://127.0.0.1:1/x?fixed=1");
    }
    json!({ "backendApi": api })
}

#[test]
fn a_plain_rule_has_no_findings() {
    check(json!({}), &[]);
    check(backend(json!({})), &[]);
}

#[test]
fn matchers_are_checked() {
    let matched = |matcher: Json| group(&json!({ "match": [matcher] }));
    let at = "rules.r.auth[0].match[0]";
    check(
        group(&json!({})),
        &[(Code::MissingKey, "rules.r.auth[0].match")],
    );
    check(
        matched(json!({})),
        &[(Code::MissingKey, &format!("{at}.type"))],
    );
    check(
        matched(json!({ "type": "baerer" })),
        &[(Code::InvalidValue, &format!("{at}.type"))],
    );
    check(
        matched(json!({ "type": "header" })),
        &[(Code::MissingKey, &format!("{at}.name"))],
    );
    check(
        matched(json!({ "type": "bearer", "name": "x" })),
        &[(Code::Conflict, &format!("{at}.name"))],
    );
    check(
        matched(json!({ "type": "basic", "value": "x" })),
        &[(Code::Conflict, &format!("{at}.value"))],
    );
    check(
        matched(json!({ "type": "bearer", "username": "x" })),
        &[(Code::Conflict, &format!("{at}.username"))],
    );
    check(
        matched(json!({ "type": "none", "value": "x" })),
        &[(Code::Conflict, &format!("{at}.value"))],
    );
    check(
        matched(json!({ "type": "bearer", "value": [] })),
        &[(Code::InvalidValue, &format!("{at}.value"))],
    );
    check(
        matched(json!({ "type": "bearer", "value": "/(/" })),
        &[(Code::Pattern, &format!("{at}.value"))],
    );
    check(
        matched(json!({ "type": "bearer", "value": ["a", "/(/"] })),
        &[(Code::Pattern, &format!("{at}.value[1]"))],
    );
    check(
        group(&json!({ "match": [{ "type": "none" }, { "type": "bearer" }] })),
        &[(Code::Conflict, "rules.r.auth[0].match")],
    );
    check(
        matched(json!({ "type": "header", "name": "x-unknown" })),
        &[(Code::NoCredentialSource, "rules.r.auth")],
    );
}

#[test]
fn forwards_are_checked() {
    let forward =
        |forwards: Json| group(&json!({ "match": [{ "type": "bearer" }], "forwardAs": forwards }));
    let at = "rules.r.auth[0].forwardAs";
    check(
        forward(json!([{ "type": "bearer" }])),
        &[(Code::MissingKey, &format!("{at}[0].token"))],
    );
    check(
        forward(json!([{ "type": "basic" }])),
        &[(Code::MissingKey, &format!("{at}[0]"))],
    );
    check(
        forward(json!([{ "type": "header", "name": "a b", "value": "v" }])),
        &[(Code::InvalidName, &format!("{at}[0].name"))],
    );
    check(
        forward(json!([{ "type": "header", "name": "Host", "value": "v" }])),
        &[(Code::InvalidName, &format!("{at}[0].name"))],
    );
    check(
        forward(json!([{ "type": "bearer", "token": "a" }, { "type": "basic", "user": "u" }])),
        &[(Code::DuplicateForward, &format!("{at}[1]"))],
    );
    check(
        forward(
            json!([{ "type": "header", "name": "X-A", "value": "1" }, { "type": "header", "name": "x-a", "value": "2" }]),
        ),
        &[(Code::DuplicateForward, &format!("{at}[1]"))],
    );
    check(
        forward(json!([{ "type": "none" }, { "type": "bearer", "token": "t" }])),
        &[(Code::Conflict, &format!("{at}[0]"))],
    );
    check(
        forward(json!([{ "type": "bearer", "token": "{{ auth.forward.token }}" }])),
        &[(Code::UnknownName, &format!("{at}[0].token"))],
    );
}

#[test]
fn backends_are_checked() {
    let at = "rules.r.backendApi";
    for url in [
        "http://a/{{ request.path }}",
        "ftp://a/",
        "/relative",
        "http://u:p@a/",
        "http://",
    ] {
        check(
            backend(json!({ "url": url })),
            &[(Code::InvalidUrl, &format!("{at}.url"))],
        );
    }
    check(
        json!({ "backendApi": { "body": "x" } }),
        &[(Code::MissingKey, &format!("{at}.url"))],
    );
    check(
        backend(json!({ "method": "TRACE" })),
        &[(Code::InvalidValue, &format!("{at}.method"))],
    );
    check(
        backend(json!({ "headers": { " Authorization ": null } })),
        &[(
            Code::CredentialHeader,
            &format!("{at}.headers. Authorization "),
        )],
    );
    check(
        backend(json!({ "headers": { "content-length": "1" } })),
        &[(Code::InvalidName, &format!("{at}.headers.content-length"))],
    );
    check(
        backend(json!({ "headers": { "X-A": "1", "x-a": "2" } })),
        &[(Code::Duplicate, &format!("{at}.headers.x-a"))],
    );
    check(
        backend(json!({ "headers": { "x-a": "a\nb" } })),
        &[(Code::InvalidValue, &format!("{at}.headers.x-a"))],
    );
    check(
        backend(json!({ "headers": { "x-api-key": null } })),
        &[(Code::CredentialHeader, &format!("{at}.headers.x-api-key"))],
    );
}

#[test]
fn limits_and_pages_of_backends_are_checked() {
    let at = "rules.r.backendApi";
    check(
        backend(json!({ "retries": 11 })),
        &[(Code::InvalidValue, &format!("{at}.retries"))],
    );
    check(
        backend(json!({ "pagination": { "maxPages": 1001 } })),
        &[(Code::InvalidValue, &format!("{at}.pagination.maxPages"))],
    );
    check(
        backend(json!({ "query": { "fixed": "2" } })),
        &[(Code::Conflict, &format!("{at}.query.fixed"))],
    );
    check(
        backend(json!({ "body": "a", "bodyFile": "b" })),
        &[(Code::Conflict, &format!("{at}.bodyFile"))],
    );
    check(
        backend(json!({ "acceptedStatuses": [99] })),
        &[(Code::InvalidValue, &format!("{at}.acceptedStatuses[0]"))],
    );
    check(
        backend(json!({ "timeout": "0" })),
        &[(Code::InvalidValue, &format!("{at}.timeout"))],
    );
    check(
        backend(json!({ "maxBodyBytes": 0 })),
        &[(Code::InvalidValue, &format!("{at}.maxBodyBytes"))],
    );
    check(
        backend(json!({ "pagination": { "type": "link" } })),
        &[(Code::InvalidValue, &format!("{at}.pagination.type"))],
    );
    check(
        backend(json!({ "pagination": { "type": "cursor" } })),
        &[(Code::MissingKey, &format!("{at}.pagination.cursor"))],
    );
}

#[test]
fn expressions_are_checked() {
    let at = "rules.r";
    check(
        json!({ "conditions": { "pass": ["true", "1 +"] } }),
        &[(Code::ExpressionSyntax, &format!("{at}.conditions.pass[1]"))],
    );
    check(
        json!({ "conditions": { "fail": ["nobody.knows"] } }),
        &[(Code::UnknownName, &format!("{at}.conditions.fail[0]"))],
    );
    check(
        json!({ "conditions": { "error": ["variables.local.typo"] }, "variables": { "type": "1" } }),
        &[(Code::UnknownName, &format!("{at}.conditions.error[0]"))],
    );
    check(
        json!({ "conditions": { "pass": ["'text'"] } }),
        &[(Code::ExpressionType, &format!("{at}.conditions.pass[0]"))],
    );
    check(
        json!({ "responses": { "fail": { "variables": { "x": "subscription check failed" } } } }),
        &[(
            Code::ExpressionSyntax,
            &format!("{at}.responses.fail.variables.x"),
        )],
    );
    check(
        json!({ "variables": { "a": "variables.local.b", "b": "variables.local.c", "c": "{{ variables.local.a }}" } }),
        &[(Code::VariableCycle, &format!("{at}.variables.a"))],
    );
    // The reply is not there yet when the request is written.
    check(
        backend(json!({ "headers": { "x-a": "{{ backend.status }}" } })),
        &[(Code::UnknownName, &format!("{at}.backendApi.headers.x-a"))],
    );
}

#[test]
fn every_finding_is_reported_at_once() {
    let (chain, findings) = Gate::one(json!({
        "auth": [{ "match": [{ "type": "x" }] }],
        "backendApi": { "url": "nowhere", "method": "CONNECT" },
        "conditions": { "pass": ["1 +"], "fail": ["nobody"] },
    }))
    .compile();
    assert!(chain.is_none());
    assert_eq!(findings.len(), 5, "{findings:#?}");
}

#[test]
fn later_rules_read_only_what_a_pass_exports() {
    let rules = |condition: &str| {
        Gate::many([
            (
                "first",
                json!({ "responses": { "pass": { "variables": { "p": "1" } }, "fail": { "variables": { "f": "1" } } } }),
            ),
            ("second", json!({ "conditions": { "pass": [condition] } })),
        ])
    };
    assert_eq!(rules("variables.rule.first.p == response.p").findings(), []);
    for unknown in [
        "variables.rule.first.f == 1",
        "response.f == 1",
        "variables.rule.second.p == 1",
    ] {
        let (chain, findings) = rules(unknown).compile();
        assert!(chain.is_none(), "{unknown}");
        assert_eq!(findings[0].code, Code::UnknownName, "{unknown}");
    }
}

#[test]
fn debug_output_of_a_spec_shows_no_value_that_may_be_a_secret() {
    let spec: ztag_rule_chain::RuleSpec = serde_json::from_value(group(&json!({
        "match": [{ "type": "header", "name": "x-api-key", "value": ["hunter2", "/hunter3/"] }],
        "forwardAs": [{ "type": "basic", "user": "svc", "password": "hunter4" }],
    })))
    .unwrap();
    let shown = format!("{spec:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn attack_17_reads_name_every_copy_so_that_doubled_headers_can_be_refused() {
    let mut gate = Gate::one(json!({
        "auth": [{ "match": [{ "type": "bearer" }],
                   "forwardAs": [{ "type": "header", "name": "x-t", "value": "{{ request.headers['x-forwarded'] }}" }] }],
        "backendApi": {
            "url": "http://127.0.0.1:1/",
            "headers": { "X-Copied": null, "x-made": "{{ request.headers['x-source'] }}" },
            "query": { "q": null },
            "body": "{{ request.body.id }}",
            "forwardProxyHeaders": true,
        },
        "variables": { "v": "request.headers['x-local']", "unread": "request.headers['x-unread']" },
        "conditions": { "pass": ["variables.local.v == request.method"] },
        "responses": { "pass": { "variables": { "e": "{{ request.headers['x-export'] }}" } } },
    }));
    gate.facts.forward_proxy_headers = true;
    let chain = gate.chain();
    for path in [
        &["request", "headers", "x-forwarded"][..],
        &["request", "headers", "x-copied"],
        &["request", "headers", "x-source"],
        &["request", "headers", "x-local"],
        &["request", "headers", "x-unread"],
        &["request", "headers", "x-export"],
        &["request", "query", "q"],
        &["request", "body", "id"],
        &["request", "method"],
        &["forward", "headers"],
    ] {
        assert!(chain.reads().touches(path), "{path:?}");
    }
    assert!(!chain.reads().touches(&["request", "headers", "x-other"]));
    assert!(!chain.reads().touches(&["request", "path"]));
}
