//! Attack classes of the threat model that meet the rule chain, one test each, by number.

use serde_json::json;
use ztag_types::{Outcome, Participation, ReasonCode};

use crate::stub::{Answer, Stub};
use crate::support::{Ask, Gate, PASSED, ended};

#[tokio::test]
async fn attack_12_aliases_of_proxy_headers_are_never_copied() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = Gate::one(json!({ "backendApi": {
        "url": stub.url,
        "headers": { "x_forwarded_for": null, "x-forwarded-host": null, "x-original-url": null },
    } }));
    let ask = Ask::get()
        .header("x_forwarded_for", "1.1.1.1")
        .header("x-forwarded-host", "evil")
        .header("x-original-url", "/admin");
    assert_eq!(ended(&gate.ask(&ask).await.0), PASSED);
    let seen = stub.last();
    for name in ["x_forwarded_for", "x-forwarded-host", "x-original-url"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn attack_20_a_backend_killed_in_its_answer_opens_nothing() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let start = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
            stream.write_all(start).await.unwrap();
        }
    });
    let gate = Gate::one(json!({
        "backendApi": { "url": url },
        "conditions": { "pass": ["true"] },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    let (verdict, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Outcome::Error, ReasonCode::BackendFailed));
    assert!(trace.rules[0].backend.as_ref().unwrap().error.is_some());
}

#[tokio::test]
async fn attack_25_deep_json_is_an_error_not_a_crash() {
    let body = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let stub = Stub::fixed(Answer::json(200, &body)).await;
    let gate = Gate::one(json!({ "backendApi": { "url": stub.url } }));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(ended(&verdict), (Outcome::Error, ReasonCode::BackendFailed));
}

#[tokio::test]
async fn attack_37_a_verdict_for_one_token_is_not_one_for_another() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    // The backend does not even get the token.
    let gate = Gate::one(json!({
        "auth": [{ "match": [{ "type": "bearer" }], "forwardAs": [{ "type": "none" }] }],
        "backendApi": { "url": stub.url },
        "cache": { "ttl": { "pass": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    for (token, calls) in [("a", 1), ("b", 2), ("a", 2)] {
        gate.judge(&chain, &Ask::get().bearer(token)).await;
        assert_eq!(stub.calls(), calls, "{token}");
    }
}

#[tokio::test]
async fn attack_38_a_verdict_of_one_backend_is_not_one_of_another() {
    let lax = Stub::fixed(Answer::json(200, "{}")).await;
    let strict = Stub::fixed(Answer::json(403, "{}")).await;
    let rule = |url: &str| {
        json!({
            "auth": [{ "match": [{ "type": "bearer" }] }],
            "backendApi": { "url": url },
            "cache": { "ttl": { "pass": "1h", "fail": "1h" } },
        })
    };
    let first = Gate::one(rule(&lax.url)).cached();
    let mut second = Gate::one(rule(&strict.url));
    second.cache.clone_from(&first.cache);
    assert_eq!(ended(&first.ask(&Ask::get().bearer("t")).await.0), PASSED);
    assert_eq!(
        second.ask(&Ask::get().bearer("t")).await.0.outcome,
        Outcome::Fail
    );
}

#[tokio::test]
async fn attack_39_a_remembered_reply_does_not_skip_a_stricter_rule() {
    let stub = Stub::fixed(Answer::json(200, r#"{"role":"user"}"#)).await;
    let rule = |condition: &str| {
        json!({
            "backendApi": { "url": stub.url },
            "conditions": { "pass": [condition] },
            "cache": { "ttl": { "pass": "1h", "fail": "1h" } },
        })
    };
    let gate = Gate::many([
        ("lax", rule("backend.body.role != ''")),
        ("strict", rule("backend.body.role == 'admin'")),
    ])
    .cached();
    let chain = gate.chain();
    for _ in 0..2 {
        let (verdict, _) = gate.judge(&chain, &Ask::get()).await;
        assert_eq!(
            ended(&verdict),
            (Outcome::Fail, ReasonCode::PassConditionUnmet)
        );
    }
}

#[tokio::test]
async fn attack_41_keys_hold_the_host_where_it_is_read() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let gate = Gate::one(json!({
        "backendApi": { "url": stub.url },
        "conditions": { "pass": ["request.host == 'app.test'"] },
        "cache": { "ttl": { "pass": "1h", "fail": "1h" } },
    }))
    .cached();
    let chain = gate.chain();
    assert_eq!(ended(&gate.judge(&chain, &Ask::get()).await.0), PASSED);
    let mut other = Ask::get();
    other.snapshot.line.host = "other.test".into();
    let (verdict, _) = gate.judge(&chain, &other).await;
    assert_eq!(verdict.outcome, Outcome::Fail);
}

#[tokio::test]
async fn attack_42_another_configuration_forgets_what_was_allowed() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let rule = json!({ "backendApi": { "url": stub.url }, "cache": { "ttl": { "pass": "1h" } } });
    let mut gate = Gate::one(rule).cached();
    gate.ask(&Ask::get()).await;
    gate.fingerprint = ztag_result_cache::Fingerprint::of(b"after a reload");
    let (_, trace) = gate.ask(&Ask::get()).await;
    assert_eq!(trace.rules[0].cache.participation, Participation::Stored);
    assert_eq!(stub.calls(), 2);
}

#[tokio::test]
async fn attack_58_a_deny_condition_over_a_missing_field_does_not_open() {
    let gate =
        Gate::one(json!({ "conditions": { "fail": ["request.headers['x-blocked'] == 'yes'"] } }));
    let (verdict, _) = gate.ask(&Ask::get()).await;
    assert_eq!(
        ended(&verdict),
        (Outcome::Error, ReasonCode::ConditionFailed)
    );
}

#[tokio::test]
async fn attack_59_line_breaks_reach_no_header_and_templates_no_second_pass() {
    let stub = Stub::fixed(Answer::json(200, "{}")).await;
    let rule =
        |value: &str| json!({ "backendApi": { "url": stub.url, "headers": { "x-a": value } } });
    let gate = Gate::one(rule("{{ request.query.a }}"));
    for evil in ["a%0d%0aX-Admin:%201", "a%0ab", "a%00b", "a%7fb"] {
        let (verdict, _) = gate.ask(&Ask::to(&format!("/?a={evil}"))).await;
        assert_eq!(
            ended(&verdict),
            (Outcome::Error, ReasonCode::RenderFailed),
            "{evil}"
        );
    }
    assert_eq!(stub.calls(), 0);
    let ask = Ask::to("/?a=%7B%7B%20variables.secrets.x%20%7D%7D");
    assert_eq!(ended(&gate.ask(&ask).await.0), PASSED);
    assert_eq!(stub.last().header("x-a"), Some("{{ variables.secrets.x }}"));
}
