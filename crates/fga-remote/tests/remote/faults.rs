//! What a remote store does when its server misbehaves, and how seldom it asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_fga::Tuple;
use ztag_fga_remote::{Authority, Consistency, Given};
use ztag_test_support::{MockServer, Reply};
use ztag_types::{Clock, Code, ManualClock};

use crate::support::{STORE, ada, ask, check, compile, remote, reply, scripted, shown};

fn manual() -> (Arc<ManualClock>, Arc<dyn Clock>) {
    let clock = Arc::new(ManualClock::new());
    let shared: Arc<dyn Clock> = clock.clone();
    (clock, shared)
}

fn over(server: &MockServer, change: Json) -> Authority {
    remote(server.address(), STORE, change, &manual().1)
}

#[tokio::test]
async fn what_is_asked_together_travels_together_and_once() {
    let server = scripted(ada);
    let store = over(&server, json!({ "maxBatch": 10 }));
    let checks: Vec<_> = (0..25)
        .map(|n| check("user:ada", &format!("doc:{n}")))
        .collect();
    let twice = [checks.clone(), checks].concat();
    let answers = ask(&store, &twice).await;
    assert!(answers.results.iter().all(|own| *own == Ok(true)));
    let sizes: Vec<_> = server
        .recorded()
        .iter()
        .map(|own| serde_json::from_slice::<Json>(&own.body).unwrap())
        .map(|body| body["checks"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 25);
    assert!(
        sizes.iter().all(|size| *size <= 10) && sizes.len() <= 4,
        "{sizes:?}"
    );
}

#[tokio::test]
async fn equal_questions_of_different_callers_are_one() {
    let server = scripted(ada);
    let store = over(&server, json!({}));
    let asked = [check("user:ada", "doc:1")];
    let (a, b, c) = tokio::join!(
        ask(&store, &asked),
        ask(&store, &asked),
        ask(&store, &asked)
    );
    assert!([a, b, c].iter().all(|own| shown(own) == [Ok(true)]));
    assert_eq!(server.recorded().len(), 1);
    // Whoever wants the latest answer joins nobody.
    let latest = Given {
        consistency: Consistency::HigherConsistency,
        ..Given::default()
    };
    server.take_recorded();
    tokio::join!(store.check(&asked, &latest), store.check(&asked, &latest));
    let bodies = server.recorded();
    let text = String::from_utf8_lossy(&bodies[0].body).into_owned();
    assert!(text.contains("HIGHER_CONSISTENCY"), "{text}");
    let one: Json = serde_json::from_slice(&bodies[0].body).unwrap();
    assert_eq!(one["checks"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn attack_40_answers_are_remembered_for_exactly_their_question() {
    let server = scripted(ada);
    let (clock, shared) = manual();
    let cache = json!({ "cache": { "ttl": "8s" } });
    let store = remote(server.address(), STORE, cache, &shared);
    let asked = [check("user:ada", "doc:1"), check("user:ben", "doc:1")];
    let first = ask(&store, &asked).await;
    assert_eq!(shown(&first), [Ok(true), Ok(false)]);
    assert_eq!(
        first.provenance.fresh_for,
        Duration::from_secs(2),
        "that of the no"
    );
    clock.advance(Duration::from_secs(1));
    let again = ask(&store, &asked).await;
    let known = again.provenance;
    assert_eq!((known.remembered, known.age), (2, Duration::from_secs(1)));
    assert_eq!(known.fresh_for, Duration::from_secs(1));
    assert_eq!(server.take_recorded().len(), 1);
    // Other tuples, parameters and models are other questions.
    let given = Given {
        contextual_tuples: vec![Tuple::new("user:x", "viewer", "doc:9")],
        ..Given::default()
    };
    assert_eq!(store.check(&asked, &given).await.provenance.remembered, 0);
    let given = Given {
        context: json!({"n": 1}).as_object().cloned().unwrap(),
        ..Given::default()
    };
    assert_eq!(store.check(&asked, &given).await.provenance.remembered, 0);
    let latest = Given {
        consistency: Consistency::HigherConsistency,
        ..Given::default()
    };
    assert_eq!(store.check(&asked, &latest).await.provenance.remembered, 0);
    clock.advance(Duration::from_secs(3));
    let later = ask(&store, &asked).await.provenance;
    assert_eq!(later.remembered, 1, "the no is forgotten sooner");
    clock.advance(Duration::from_mins(1));
    assert_eq!(ask(&store, &asked).await.provenance.remembered, 0);
}

#[tokio::test]
async fn attack_20_what_is_no_answer_is_no_yes() {
    let odd: [(u16, &str, &str); 9] = [
        (200, "", "answer"),
        (200, "{}", "answer"),
        (200, "yes", "answer"),
        (200, r#"{"allowed":1}"#, "answer"),
        (204, "", "status"),
        (302, "", "status"),
        (401, r#"{"allowed":true}"#, "unauthorized"),
        (500, r#"{"allowed":true}"#, "status_5xx"),
        (
            400,
            r#"{"code":"validation_error","message":"m","allowed":true}"#,
            "validation_error",
        ),
    ];
    for (status, body, class) in odd {
        let server = scripted(move |_, _| Reply::text(status, body));
        let answers = ask(&over(&server, json!({})), &[check("user:ada", "doc:1")]).await;
        assert_eq!(shown(&answers), [Err(class)], "{status} {body}");
        assert_eq!(answers.provenance.fresh_for, Duration::ZERO);
        let asked = [check("user:ada", "doc:1"), check("user:ada", "doc:2")];
        let answers = ask(&over(&server, json!({})), &asked).await;
        assert!(
            answers.results.iter().all(Result::is_err),
            "{status} {body}"
        );
    }
    let server = scripted(|_, _| Reply {
        abort: true,
        ..Reply::text(200, "")
    });
    let answers = ask(&over(&server, json!({})), &[check("user:ada", "doc:1")]).await;
    assert!(answers.results[0].as_ref().unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_server_without_batches_is_asked_one_by_one() {
    let server = scripted(|call, body| match call {
        "batch-check" => Reply::text(404, "page not found"),
        _ => ada(call, body),
    });
    let store = over(&server, json!({}));
    let checks: Vec<_> = (0..30)
        .map(|n| check("user:ada", &format!("doc:{n}")))
        .collect();
    for _ in 0..2 {
        let answers = ask(&store, &checks).await;
        assert!(answers.results.iter().all(|own| *own == Ok(true)));
    }
    let tried = server.recorded();
    let batches = tried
        .iter()
        .filter(|own| own.path().ends_with("batch-check"));
    assert_eq!((batches.count(), tried.len()), (1, 61));
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = scripted(
        move |call, body| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => reply(429, &json!({})).header("Retry-After", "0"),
            2 => reply(429, &json!({})).header("Retry-After", "20"),
            _ => ada(call, body),
        },
    );
    let (clock, shared) = manual();
    let store = remote(server.address(), STORE, json!({}), &shared);
    let asked = [check("user:ada", "doc:1")];
    assert_eq!(
        shown(&ask(&store, &asked).await),
        [Ok(true)],
        "asked again at once"
    );
    assert_eq!(shown(&ask(&store, &asked).await), [Err("throttled")]);
    clock.advance(Duration::from_secs(19));
    assert_eq!(shown(&ask(&store, &asked).await), [Err("left_alone")]);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    clock.advance(Duration::from_secs(1));
    assert_eq!(shown(&ask(&store, &asked).await), [Ok(true)]);
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone() {
    let broken = Arc::new(AtomicUsize::new(1));
    let is_broken = Arc::clone(&broken);
    let server = scripted(move |call, body| match is_broken.load(Ordering::SeqCst) {
        0 => ada(call, body),
        _ => Reply::text(500, ""),
    });
    let (clock, shared) = manual();
    let store = remote(server.address(), STORE, json!({}), &shared);
    let asked = [check("user:ada", "doc:1")];
    for _ in 0..5 {
        assert_eq!(shown(&ask(&store, &asked).await), [Err("status_5xx")]);
    }
    assert_eq!(shown(&ask(&store, &asked).await), [Err("left_alone")]);
    assert_eq!(server.recorded().len(), 5);
    broken.store(0, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    assert_eq!(shown(&ask(&store, &asked).await), [Ok(true)]);
}

#[tokio::test]
async fn a_server_that_hangs_costs_no_more_than_the_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = remote(address, STORE, json!({ "timeout": "50ms" }), &manual().1);
    let answers = ask(&store, &[check("user:ada", "doc:1")]).await;
    assert_eq!(shown(&answers), [Err("timeout")]);
}

#[tokio::test]
async fn keys_are_shown_and_asked_for() {
    let server = scripted(ada);
    let store = over(&server, json!({ "auth": { "token": "a-preshared-key" } }));
    ask(&store, &[check("user:ada", "doc:1")]).await;
    let sent = server.take_recorded();
    let shown = sent[0].headers.value("authorization");
    assert_eq!(shown.as_deref(), Some("Bearer a-preshared-key"));
    assert_eq!(sent[0].target, format!("/stores/{STORE}/check"));
    let shows = format!("{store:?}");
    assert!(!shows.contains("preshared"), "{shows}");
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let clock = manual().1;
    let sound = json!({ "url": "https://api.fga.example/", "storeId": STORE });
    assert!(compile(sound.clone(), &clock).is_ok());
    for (change, code, path) in [
        (json!({ "url": "" }), Code::MissingKey, "url"),
        (json!({ "url": "ftp://x" }), Code::InvalidUrl, "url"),
        (json!({ "url": "https://a:b@x" }), Code::InvalidUrl, "url"),
        (json!({ "url": "https://x?y" }), Code::InvalidUrl, "url"),
        (json!({ "storeId": "nope" }), Code::InvalidValue, "storeId"),
        (json!({ "modelId": "../x" }), Code::InvalidValue, "modelId"),
        (json!({ "timeout": "0s" }), Code::InvalidValue, "timeout"),
        (json!({ "maxBatch": 51 }), Code::InvalidValue, "maxBatch"),
        (
            json!({ "cache": { "ttl": "1s", "denialTtl": "2s" } }),
            Code::InvalidValue,
            "cache",
        ),
        (json!({ "auth": {} }), Code::MissingKey, "auth"),
        (
            json!({ "auth": { "token": "a b" } }),
            Code::InvalidValue,
            "auth.token",
        ),
    ] {
        let mut spec = sound.clone();
        for (key, value) in change.as_object().unwrap() {
            spec[key.as_str()] = value.clone();
        }
        let found = compile(spec, &clock).unwrap_err();
        let found: Vec<_> = found
            .iter()
            .map(|own| (own.code, own.path.to_string()))
            .collect();
        assert_eq!(found, [(code, path.to_owned())], "{change}");
    }
}
