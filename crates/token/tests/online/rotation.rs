//! Keys that their issuer publishes, and changes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use ztag_token::{IssuerSpec, JwksSpec, Profile, Refusal, TokenCacheSpec, Verifier};

use crate::idp::Idp;
use crate::mint::{AUDIENCE, Gate, Mint, START, key_set};

fn spec(issuer: &str) -> IssuerSpec {
    IssuerSpec {
        issuer: issuer.into(),
        audiences: vec![AUDIENCE.into()],
        profile: Profile::Lenient,
        ..IssuerSpec::default()
    }
}

fn token(mint: &Mint, idp: &Idp) -> String {
    let claims = json!({"iss": idp.origin, "aud": AUDIENCE, "exp": START + 36_000});
    mint.token(&claims)
}

/// An issuer with metadata, whose keys are those of `mints`.
async fn issuer(mints: &[&Mint]) -> Idp {
    let idp = Idp::start(|_| (500, String::new())).await;
    publish(&idp, mints);
    idp
}

fn publish(idp: &Idp, mints: &[&Mint]) {
    let (origin, keys) = (idp.origin.clone(), key_set(mints));
    idp.answer(move |asked| match asked.path.as_str() {
        "/.well-known/openid-configuration" => {
            let keys = format!("{origin}/keys");
            (200, json!({"issuer": origin, "jwks_uri": keys}).to_string())
        }
        "/keys" => (200, keys.clone()),
        _ => (404, String::new()),
    });
}

fn fetches(idp: &Idp) -> usize {
    idp.asked()
        .iter()
        .filter(|asked| asked.path == "/keys")
        .count()
}

#[tokio::test]
async fn keys_are_found_and_followed() {
    let (old, new) = (Mint::ec("old"), Mint::ec("new"));
    let idp = issuer(&[&old]).await;
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&idp.origin)]);
    assert_eq!(
        verifier.check(&token(&old, &idp)).err(),
        Some(Refusal::KeysUnavailable)
    );
    assert!(verifier.verify(&token(&old, &idp)).await.is_ok());
    assert_eq!(fetches(&idp), 1);
    // Used before it is published: refused, and fetched no more than allowed.
    gate.clock.advance(Duration::from_secs(31));
    let early = verifier.verify(&token(&new, &idp)).await;
    assert_eq!((early.err(), fetches(&idp)), (Some(Refusal::KeyUnknown), 2));
    publish(&idp, &[&old, &new]);
    assert!(verifier.verify(&token(&new, &idp)).await.is_err());
    assert_eq!(fetches(&idp), 2);
    gate.clock.advance(Duration::from_secs(61));
    assert!(verifier.verify(&token(&new, &idp)).await.is_ok());
    assert!(verifier.verify(&token(&old, &idp)).await.is_ok());
    assert_eq!(fetches(&idp), 3);
}

#[tokio::test]
async fn attack_31_a_withdrawn_key_is_no_longer_believed() {
    let (old, new) = (Mint::ec("old"), Mint::ec("new"));
    let idp = issuer(&[&old]).await;
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&idp.origin)]);
    verifier.verify(&token(&old, &idp)).await.unwrap();
    publish(&idp, &[&new]);
    gate.clock.advance(Duration::from_secs(601));
    // The set is due: this one still uses it, and starts the fetch.
    drop(verifier.verify(&token(&old, &idp)).await);
    verifier.verify(&token(&new, &idp)).await.unwrap();
    gate.places.cache.clear();
    let refused = verifier.verify(&token(&old, &idp)).await;
    assert_eq!(refused.err(), Some(Refusal::KeyUnknown));
}

/// The bound that is stated: `jwks.refresh`, and then the age of what is remembered.
#[tokio::test]
async fn attack_42_what_a_withdrawn_key_signed_is_not_remembered_for_long() {
    let (old, new) = (Mint::ec("old"), Mint::ec("new"));
    let idp = issuer(&[&old]).await;
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&idp.origin)]);
    let (withdrawn, current) = (token(&old, &idp), token(&new, &idp));
    verifier.verify(&withdrawn).await.unwrap();
    publish(&idp, &[&new]);
    let refresh = JwksSpec::default().refresh.get();
    let almost = refresh.saturating_sub(Duration::from_secs(1));
    gate.clock.advance(almost);
    // Just before the set is due it is verified once more, and remembered.
    verifier.verify(&withdrawn).await.unwrap();
    gate.clock.advance(Duration::from_secs(2));
    verifier.verify(&current).await.unwrap();
    gate.clock.advance(TokenCacheSpec::default().max_age.get());
    let refused = verifier.verify(&withdrawn).await;
    assert_eq!(refused.err(), Some(Refusal::KeyUnknown));
}

#[tokio::test]
async fn attack_29_a_flood_of_unknown_keys_is_one_fetch() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&idp.origin)]);
    verifier.verify(&token(&mint, &idp)).await.unwrap();
    gate.clock.advance(Duration::from_secs(31));
    for number in 0..500 {
        let header = format!(r#"{{"alg":"ES256","kid":"{number}"}}"#);
        let claims = json!({"iss": idp.origin, "aud": AUDIENCE, "exp": START + 600});
        let forged = mint.raw(&header, &claims.to_string());
        let refused = verifier.verify(&forged).await;
        assert_eq!(refused.err(), Some(Refusal::KeyUnknown));
        assert!(verifier.check(&token(&mint, &idp)).is_ok());
    }
    assert_eq!(fetches(&idp), 2);
}

#[tokio::test]
async fn attack_parallel_cold_requests_are_one_fetch() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let gate = Gate::new();
    let verifier = Arc::new(gate.verifier(&[spec(&idp.origin)]));
    idp.hold();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (verifier, token) = (Arc::clone(&verifier), token(&mint, &idp));
            tokio::spawn(async move { verifier.verify(&token).await.is_ok() })
        })
        .collect();
    idp.until_asked(1).await;
    // The first who asked goes away: the others are served all the same.
    tasks[0].abort();
    idp.release();
    for task in tasks.into_iter().skip(1) {
        assert!(task.await.unwrap());
    }
    assert_eq!(fetches(&idp), 1);
}

#[tokio::test]
async fn attack_29_a_dead_issuer_stops_nobody_else() {
    let (a, b) = (Mint::ec("a"), Mint::ec("b"));
    let (dead, alive) = (issuer(&[&a]).await, issuer(&[&b]).await);
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&dead.origin), spec(&alive.origin)]);
    dead.hold();
    verifier.warm();
    assert!(verifier.verify(&token(&b, &alive)).await.is_ok());
    assert_eq!(
        verifier.check(&token(&a, &dead)).err(),
        Some(Refusal::KeysUnavailable)
    );
    dead.release();
    assert!(verifier.verify(&token(&a, &dead)).await.is_ok());
}

/// Answers that are no keys must not replace those at hand, nor be believed at the start.
#[tokio::test]
async fn attack_29_bad_answers_keep_the_last_good_set() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(&idp.origin)]);
    verifier.verify(&token(&mint, &idp)).await.unwrap();
    let origin = idp.origin.clone();
    let mut private = mint.public.clone();
    private["d"] = "AAAA".into();
    let bad = [
        (404, String::new()),
        (500, "{}".into()),
        (302, key_set(&[&mint])),
        (200, "<html>".into()),
        (200, r#"{"keys":[]}"#.into()),
        (200, json!({"keys": [private]}).to_string()),
        (200, json!({"keys": vec![&mint.public; 2]}).to_string()),
        (
            200,
            format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300_000)),
        ),
        (200, mint.public.to_string()),
    ];
    for (number, answer) in bad.into_iter().enumerate() {
        let (origin, answer) = (origin.clone(), answer.clone());
        idp.answer(move |asked| match asked.path.as_str() {
            "/keys" => answer.clone(),
            _ => (
                200,
                json!({"issuer": origin, "jwks_uri": format!("{origin}/keys")}).to_string(),
            ),
        });
        gate.clock.advance(Duration::from_secs(61));
        let unknown = Mint::ec("unknown");
        let refused = verifier.verify(&token(&unknown, &idp)).await;
        assert_eq!(refused.err(), Some(Refusal::KeyUnknown));
        assert_eq!(fetches(&idp), number + 2);
        gate.places.cache.clear();
        assert!(verifier.check(&token(&mint, &idp)).is_ok(), "{number}");
        let cold = Gate::new().verifier(&[spec(&idp.origin)]);
        let refused = cold.verify(&token(&mint, &idp)).await;
        assert_eq!(refused.err(), Some(Refusal::KeysUnavailable), "{number}");
        let asked = fetches(&idp) - 1;
        assert_eq!(asked, number + 2);
        // What the cold one asked does not count above.
        idp.forget_last_of("/keys");
    }
}

#[tokio::test]
async fn attack_46_metadata_of_somebody_else_is_not_followed() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let other = issuer(&[&mint]).await;
    for (issuer, keys) in [
        (other.origin.clone(), format!("{}/keys", idp.origin)),
        (format!("{}/", idp.origin), format!("{}/keys", idp.origin)),
        (idp.origin.clone(), format!("{}/keys", other.origin)),
    ] {
        let document = json!({"issuer": issuer, "jwks_uri": keys}).to_string();
        idp.answer(move |_| (200, document.clone()));
        let verifier: Verifier = Gate::new().verifier(&[spec(&idp.origin)]);
        let refused = verifier.verify(&token(&mint, &idp)).await;
        assert_eq!(refused.err(), Some(Refusal::KeysUnavailable));
    }
    assert_eq!((fetches(&idp), fetches(&other)), (0, 0));
}

#[tokio::test]
async fn a_dead_issuer_is_believed_for_a_while() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let gate = Gate::new();
    let mut spec = spec(&idp.origin);
    spec.jwks.max_stale = "1h".parse().unwrap();
    let verifier = gate.verifier(&[spec]);
    let token = token(&mint, &idp);
    verifier.verify(&token).await.unwrap();
    idp.answer(|_| (503, String::new()));
    gate.clock.advance(Duration::from_secs(4_000));
    assert!(verifier.check(&token).is_ok());
    gate.places.cache.clear();
    gate.clock.advance(Duration::from_mins(5));
    assert_eq!(verifier.check(&token).err(), Some(Refusal::KeysUnavailable));
}

#[tokio::test]
async fn a_reload_keeps_the_keys() {
    let mint = Mint::ec("a");
    let idp = issuer(&[&mint]).await;
    let gate = Gate::new();
    let old = gate.verifier(&[spec(&idp.origin)]);
    old.verify(&token(&mint, &idp)).await.unwrap();
    let new = gate.verifier(&[spec(&idp.origin)]);
    drop(old);
    assert!(new.check(&token(&mint, &idp)).is_ok());
    assert_eq!(fetches(&idp), 1);
}
