//! Remembered verdicts.

use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_expr::{Template, TemplateFiles, Vocabulary};
use ztag_types::{Code, Key, Outcome, Participation, Root};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

/// Whether two requests share one verdict of a rule whose parts are changed by `change`.
async fn shared(rule: Json, first: Ask, second: Ask) -> bool {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let mut rule = rule;
    rule["backendApi"]["url"] = json!(stub.url);
    rule["cache"]["ttl"] = json!({ "pass": "1h", "fail": "1h" });
    let gate = Gate::one(rule).cached();
    let chain = gate.chain();
    let (before, _) = gate.judge(&chain, &first).await;
    assert_eq!(ended(&before), PASSED, "{:?}", before.reason);
    let (_, trace) = gate.judge(&chain, &second).await;
    let hit = trace.rules[0].cache.participation == Participation::Hit;
    assert_eq!(stub.calls(), if hit { 1 } else { 2 });
    hit
}

#[tokio::test]
async fn what_the_rule_does_not_read_does_not_matter() {
    let plain = || json!({ "conditions": { "pass": ["backend.status == 200"] } });
    assert!(
        shared(
            plain(),
            Ask::to("/a?x=1"),
            Ask::to("/b?x=2").header("x-other", "1")
        )
        .await
    );
}

#[tokio::test]
async fn every_input_of_the_request_and_of_the_judgement_matters() {
    let header = json!({ "backendApi": { "headers": { "x-tenant": null } } });
    let ask = |value| Ask::get().header("x-tenant", value);
    assert!(shared(header.clone(), ask("a"), ask("a")).await);
    assert!(!shared(header.clone(), ask("a"), ask("b")).await);
    assert!(!shared(header, ask("a"), Ask::get()).await);
    let query = json!({ "backendApi": { "query": { "q": null } } });
    assert!(!shared(query.clone(), Ask::to("/?q=1"), Ask::to("/?q=2")).await);
    // An absent parameter and an empty one are sent alike.
    assert!(shared(query, Ask::to("/"), Ask::to("/?q=")).await);
    let body = json!({ "backendApi": { "method": "POST", "body": "{{ request.path }}" } });
    assert!(!shared(body, Ask::to("/a"), Ask::to("/b")).await);
    let local = json!({ "variables": { "p": "request.path" }, "conditions": { "pass": ["variables.local.p != ''"] } });
    assert!(!shared(local, Ask::to("/a"), Ask::to("/b")).await);
    let export = json!({ "responses": { "pass": { "variables": { "p": "{{ request.path }}" } } } });
    assert!(!shared(export, Ask::to("/a"), Ask::to("/b")).await);
    let bearer = json!({ "auth": [{ "match": [{ "type": "bearer" }] }] });
    assert!(
        shared(
            bearer.clone(),
            Ask::get().bearer("a"),
            Ask::get().bearer("a")
        )
        .await
    );
    assert!(!shared(bearer, Ask::get().bearer("a"), Ask::get().bearer("b")).await);
    let groups = json!({ "auth": [{ "match": [{ "type": "bearer", "value": "a" }] }, { "match": [{ "type": "bearer" }] }] });
    assert!(!shared(groups, Ask::get().bearer("a"), Ask::get().bearer("b")).await);
}

#[tokio::test]
async fn correlation_and_trace_headers_do_not_matter() {
    let rule =
        json!({ "backendApi": { "headers": { "traceparent": null, "x-b3-traceid": null } } });
    let ask = |id: &str| {
        let mut ask = Ask::get()
            .header("traceparent", id)
            .header("x-b3-traceid", id);
        ask.snapshot.correlation = id.into();
        ask
    };
    assert!(shared(rule, ask("1"), ask("2")).await);
}

#[tokio::test]
async fn proxy_headers_matter_unless_left_out() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    for (include, calls) in [(true, 2), (false, 1)] {
        let mut gate = Gate::one(json!({
            "backendApi": { "url": stub.url, "forwardProxyHeaders": true },
            "cache": { "ttl": { "pass": "1h" }, "includeProxyHeaders": include },
        }))
        .cached();
        gate.facts.forward_proxy_headers = true;
        let chain = gate.chain();
        let before = stub.calls();
        for client in ["1.1.1.1", "2.2.2.2"] {
            gate.curated
                .headers
                .insert(Key::from("x-forwarded-for"), client.into());
            gate.judge(&chain, &Ask::get()).await;
        }
        assert_eq!(stub.calls() - before, calls, "{include}");
    }
}

#[tokio::test]
async fn strict_keys_hold_the_exports_of_earlier_rules() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    for (strict, calls) in [(true, 2), (false, 1)] {
        let gate = Gate::many([
            (
                "first",
                json!({ "responses": { "pass": { "variables": { "p": "request.path" } } } }),
            ),
            (
                "second",
                json!({
                    "backendApi": { "url": stub.url },
                    "cache": { "ttl": { "pass": "1h" }, "strict": strict },
                }),
            ),
        ])
        .cached();
        let chain = gate.chain();
        let before = stub.calls();
        for path in ["/a", "/b", "/a"] {
            gate.judge(&chain, &Ask::to(path)).await;
        }
        assert_eq!(stub.calls() - before, calls, "{strict}");
    }
}

#[tokio::test]
async fn verdicts_are_forgotten_in_time() {
    let stub = Stub::fixed(Answer::json(403, "{}")).await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url },
        "cache": { "ttl": { "pass": "1h", "fail": "10s" } },
    }))
    .cached();
    let chain = gate.chain();
    for (advance, participation) in [
        (0, Participation::Stored),
        (9, Participation::Hit),
        (2, Participation::Stored),
    ] {
        gate.clock.advance(Duration::from_secs(advance));
        let (verdict, trace) = gate.judge(&chain, &Ask::get()).await;
        assert_eq!(verdict.outcome, Outcome::Fail);
        assert_eq!(trace.rules[0].cache.participation, participation);
    }
}

#[tokio::test]
async fn the_backend_may_say_how_long() {
    let follow = json!({ "followCacheControl": true, "ttl": { "pass": "1h" } });
    for (control, cache, expected) in [
        ("no-store", follow.clone(), Participation::Miss),
        ("max-age=5", follow, Participation::Stored),
        (
            "no-store",
            json!({ "ttl": { "pass": "1h" } }),
            Participation::Stored,
        ),
    ] {
        let stub = Stub::fixed(Answer::json(200, "{}").header("cache-control", control)).await;
        let gate = Gate::one(json!({ "backendApi": { "url": stub.url }, "cache": cache })).cached();
        let (verdict, trace) = gate.ask(&Ask::get()).await;
        assert_eq!(trace.rules[0].cache.participation, expected, "{control}");
        let bound = match control {
            "max-age=5" => Some(Duration::from_secs(5)),
            _ if expected == Participation::Miss => Some(Duration::ZERO),
            _ => None,
        };
        assert_eq!(verdict.fresh_for, bound, "{control}");
    }
}

#[tokio::test]
async fn a_hit_keeps_what_replies_read_of_the_backend_and_nothing_else() {
    let body = r#"{"user":{"id":7,"token":"t"}}"#;
    let stub = Stub::fixed(Answer::json(200, body).header("x-role", "admin")).await;
    let rule = json!({ "backendApi": { "url": stub.url }, "cache": { "ttl": { "pass": "1h" } } });
    let mut gate = Gate::one(rule).cached();
    gate.facts.response_reads =
        reads("{{ backend.status }} {{ backend.headers['x-role'] }} {{ backend.body.user.id }}");
    let chain = gate.chain();
    gate.judge(&chain, &Ask::get()).await;
    let (hit, _) = gate.judge(&chain, &Ask::get()).await;
    let kept = serde_json::to_value(
        ztag_types::Value::from(hit.backend.remembered.clone().unwrap()).to_json(),
    )
    .unwrap();
    assert_eq!(
        kept,
        json!({ "status": 200, "headers": { "x-role": "admin" }, "body": { "user": { "id": 7 } } })
    );
}

#[tokio::test]
async fn rules_whose_verdicts_cannot_be_remembered_say_so() {
    let rule = |condition: &str| {
        json!({
            "backendApi": { "url": "http://127.0.0.1:1/" },
            "conditions": { "pass": [condition] },
            "cache": { "ttl": { "pass": "1h" } },
        })
    };
    let expected = [(Code::Uncacheable, "rules.r.cache".to_owned())];
    let volatile = Gate::one(rule("now > timestamp('2026-01-01T00:00:00Z')")).cached();
    assert_eq!(volatile.findings(), expected);
    for template in [
        "{{ backend }}",
        "{{ backend.body }}",
        "{{ backend.bodyText }}",
        "{{ backend.pages[0].status }}",
    ] {
        let mut gate = Gate::one(rule("true")).cached();
        gate.facts.response_reads = reads(template);
        assert_eq!(gate.findings(), expected, "{template}");
        let mut gate = Gate::one(rule("true"));
        gate.facts.response_reads = reads(template);
        assert_eq!(gate.findings(), [], "without a cache");
    }
}

#[tokio::test]
async fn identical_questions_under_way_are_asked_once() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let rule = json!({ "backendApi": { "url": stub.url }, "cache": { "ttl": { "pass": "1h" } } });
    let gate = Gate::one(rule).cached();
    let chain = gate.chain();
    let (one, two) = (Ask::get(), Ask::get());
    let ((a, _), (b, _)) = tokio::join!(gate.judge(&chain, &one), gate.judge(&chain, &two));
    assert_eq!((ended(&a), ended(&b)), (PASSED, PASSED));
    assert_eq!(stub.calls(), 1);
}

fn reads(template: &str) -> ztag_types::Reads {
    let words = Vocabulary::policy(&[Root::Backend]);
    let template = Template::compile(template, &words, &TemplateFiles::empty());
    template.unwrap().reads().clone()
}
