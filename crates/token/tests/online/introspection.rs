//! Opaque tokens.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use url::Url;
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::Authentication;
use ztag_token::{Introspection, Introspector, Refusal};
use ztag_types::Secret;

use crate::idp::Idp;
use crate::mint::{AUDIENCE, Gate, ISSUER, START};

fn introspector(idp: &Idp, gate: &Gate) -> Arc<Introspector> {
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
    let policy = Introspection {
        issuer: ISSUER.into(),
        address: Url::parse(&format!("{}/introspect", idp.origin))
            .unwrap()
            .into(),
        audiences: vec![AUDIENCE.into()],
        allow_no_audience: false,
        authentication: Authentication::Basic {
            id: "g w".into(),
            secret: Secret::new("p:w".into()),
        },
        timeout: Duration::from_secs(5),
        max_age: Duration::from_mins(1),
        max_age_inactive: Duration::from_secs(10),
    };
    Introspector::new(policy, Arc::new(client), gate.places.clone())
}

async fn idp(answer: Json) -> Idp {
    Idp::start(move |_| (200, answer.to_string())).await
}

#[tokio::test]
async fn the_issuer_is_asked_and_remembered() {
    let idp = idp(json!({"active": true, "aud": AUDIENCE, "sub": "ada", "exp": START + 40})).await;
    let gate = Gate::new();
    let introspector = introspector(&idp, &gate);
    let accepted = introspector.verify("opaque-1").await.unwrap();
    assert_eq!(accepted.claims().text("sub"), Ok(Some("ada")));
    introspector.verify("opaque-1").await.unwrap();
    let asked = idp.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].field("token").as_deref(), Some("opaque-1"));
    // `g+w:p%3Aw`
    assert!(
        asked[0].head.contains("Basic Zyt3OnAlM0F3"),
        "{}",
        asked[0].head
    );
    gate.clock.advance(Duration::from_secs(41));
    assert_eq!(
        introspector.verify("opaque-1").await.err(),
        Some(Refusal::Expired)
    );
}

#[tokio::test]
async fn attack_28_answers_that_do_not_vouch_are_refused() {
    for (answer, expected) in [
        (json!({"active": false}), Refusal::Inactive),
        (
            json!({"active": "true", "aud": AUDIENCE}),
            Refusal::Inactive,
        ),
        (json!({"active": 1, "aud": AUDIENCE}), Refusal::Inactive),
        (json!({"aud": AUDIENCE}), Refusal::Inactive),
        (json!({"active": true}), Refusal::AudienceRefused),
        (
            json!({"active": true, "aud": "other"}),
            Refusal::AudienceRefused,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "iss": "other"}),
            Refusal::IssuerUnknown,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "exp": START}),
            Refusal::Expired,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "exp": "x"}),
            Refusal::ClaimType,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "nbf": START + 11}),
            Refusal::NotYetValid,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "cnf": {"kid": 1}}),
            Refusal::ClaimType,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "sub": 7}),
            Refusal::ClaimType,
        ),
        (
            json!({"active": true, "aud": AUDIENCE, "jti": 7}),
            Refusal::ClaimType,
        ),
        (json!([true]), Refusal::IssuerUnavailable),
    ] {
        let idp = idp(answer.clone()).await;
        let judged = introspector(&idp, &Gate::new()).verify("opaque").await;
        assert_eq!(judged.err(), Some(expected), "{answer}");
    }
}

#[tokio::test]
async fn attack_an_issuer_that_is_down_vouches_for_nobody() {
    let idp = Idp::start(|_| (500, json!({"active": true, "aud": AUDIENCE}).to_string())).await;
    let introspector = introspector(&idp, &Gate::new());
    let unavailable = Refusal::IssuerUnavailable;
    assert_eq!(introspector.verify("opaque").await.err(), Some(unavailable));
    assert!(unavailable.is_transient() && unavailable.challenge_error().is_none());
    // And nobody remembers that.
    idp.answer(|_| (200, json!({"active": true, "aud": AUDIENCE}).to_string()));
    assert!(introspector.verify("opaque").await.is_ok());
}

#[tokio::test]
async fn attack_parallel_cold_requests_are_one_question() {
    let idp = idp(json!({"active": true, "aud": AUDIENCE})).await;
    let introspector = introspector(&idp, &Gate::new());
    idp.hold();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let introspector = Arc::clone(&introspector);
            tokio::spawn(async move { introspector.verify("opaque").await.is_ok() })
        })
        .collect();
    idp.until_asked(1).await;
    tasks[0].abort();
    idp.release();
    for task in tasks.into_iter().skip(1) {
        assert!(task.await.unwrap());
    }
    assert_eq!(idp.asked().len(), 1);
}

#[tokio::test]
async fn attack_inactive_tokens_are_asked_about_once_in_a_while() {
    let idp = idp(json!({"active": false})).await;
    let gate = Gate::new();
    let introspector = introspector(&idp, &gate);
    for _ in 0..20 {
        assert_eq!(
            introspector.verify("bad").await.err(),
            Some(Refusal::Inactive)
        );
    }
    assert_eq!(idp.asked().len(), 1);
    gate.clock.advance(Duration::from_secs(11));
    assert!(introspector.verify("bad").await.is_err());
    assert_eq!(idp.asked().len(), 2);
    for bad in ["", "a b", "a,b", "a\n", "=", "\u{e9}"] {
        assert_eq!(
            introspector.verify(bad).await.err(),
            Some(Refusal::Malformed)
        );
    }
    assert_eq!(
        introspector.verify(&"a".repeat(5_000)).await.err(),
        Some(Refusal::TooLarge)
    );
    assert_eq!(idp.asked().len(), 2);
}

#[tokio::test]
async fn attack_29_tokens_made_up_do_not_flood_the_issuer() {
    let idp = Idp::start(|asked| {
        let known = asked.field("token").is_some_and(|token| token == "known");
        let answer = json!({"active": known, "aud": AUDIENCE, "sub": "ada"});
        (200, answer.to_string())
    })
    .await;
    let introspector = introspector(&idp, &Gate::new());
    let [attacker, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
    let mut throttled = 0;
    for number in 0..300 {
        match introspector
            .verify_for(&format!("made-up-{number}"), attacker)
            .await
        {
            Err(Refusal::Throttled) => throttled += 1,
            judged => assert_eq!(judged.err(), Some(Refusal::Inactive)),
        }
    }
    assert_eq!((idp.asked().len(), throttled), (100, 200));
    // Others are asked about, and what is known is told to everybody.
    assert!(introspector.verify_for("known", other).await.is_ok());
    assert!(introspector.verify_for("known", attacker).await.is_ok());
    assert_eq!(idp.asked().len(), 101);
}

#[tokio::test]
async fn attack_29_questions_at_a_time_are_few() {
    let idp = idp(json!({"active": true, "aud": AUDIENCE})).await;
    let introspector = introspector(&idp, &Gate::new());
    idp.hold();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let introspector = Arc::clone(&introspector);
            let token = format!("token-{number}");
            tokio::spawn(async move { introspector.verify(&token).await.is_ok() })
        })
        .collect();
    idp.until_asked(64).await;
    assert_eq!(idp.asked().len(), 64);
    idp.release();
    for task in tasks {
        assert!(task.await.unwrap(), "whoever waited is answered");
    }
    assert_eq!(idp.asked().len(), 200);
}
