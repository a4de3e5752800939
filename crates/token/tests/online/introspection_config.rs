//! Introspection as configured: discovered endpoints, signed answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_token::client::{ClientIdentity, ClientIdentitySpec, KeyFiles};
use ztag_token::{IntrospectionDeps, IntrospectionSpec, Introspector, Refusal};
use ztag_types::{ConfigPath, Findings, Secret};

use crate::idp::Idp;
use crate::mint::{AUDIENCE, Gate, Mint, START, key_set};

fn compile(spec: &Json, gate: &Gate) -> Result<Arc<Introspector>, Vec<String>> {
    let spec: IntrospectionSpec = serde_json::from_value(spec.clone()).unwrap();
    let identity = ClientIdentitySpec {
        client_id: "gw".into(),
        secret: Some(Secret::new("pw".into())),
        ..ClientIdentitySpec::default()
    };
    let (files, at) = (KeyFiles::default(), ConfigPath::root());
    let mut findings = Findings::new();
    let identity = ClientIdentity::compile(&identity, &files, &at, &mut findings).unwrap();
    let deps = IntrospectionDeps {
        stores: &gate.stores,
        places: &gate.places,
        identity: Some(&identity),
        files: &files,
    };
    Introspector::compile(&spec, deps, &at, &mut findings).ok_or_else(|| {
        let found = findings.as_slice().iter();
        found
            .map(|found| format!("{} {}: {}", found.code, found.path, found.message))
            .collect()
    })
}

/// A server with metadata, keys of `mint`, and this answer to every question.
async fn idp(mint: &Mint, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Idp {
    let idp = Idp::start(|_| (404, String::new())).await;
    let (origin, keys) = (idp.origin.clone(), key_set(&[mint]));
    idp.answer(move |asked| {
        let text = match asked.path.as_str() {
            "/keys" => keys.clone(),
            "/introspect" => answer(&origin),
            _ => json!({
                "issuer": origin, "introspection_endpoint": format!("{origin}/introspect"),
                "jwks_uri": format!("{origin}/keys"),
            })
            .to_string(),
        };
        (200, text)
    });
    idp
}

fn signed(mint: &Mint, typ: Option<&str>, iss: &str, change: &Json) -> String {
    let mut claims = json!({
        "iss": iss, "aud": "gw", "iat": START,
        "token_introspection": {"active": true, "aud": AUDIENCE, "sub": "ada"},
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    mint.typed(typ, &claims)
}

#[tokio::test]
async fn the_endpoint_is_found_and_plain_answers_are_read() {
    let mint = Mint::ec("a");
    let answer = json!({"active": true, "aud": AUDIENCE, "sub": "ada"}).to_string();
    let idp = idp(&mint, move |_| answer.clone()).await;
    let gate = Gate::new();
    let spec = json!({"issuer": idp.origin, "audiences": [AUDIENCE]});
    let introspector = compile(&spec, &gate).unwrap();
    assert!(introspector.verify("opaque").await.is_ok());
    assert!(introspector.verify("opaque").await.is_ok());
    assert!(introspector.verify("another").await.is_ok());
    let asked = idp.asked();
    let read = |path: &str| asked.iter().filter(|asked| asked.path == path).count();
    assert_eq!((asked.len(), read("/introspect")), (3, 2));
}

#[tokio::test]
async fn signed_answers_are_checked() {
    let gate = Gate::new();
    let mint = Arc::new(Mint::ec("a"));
    let typ = Some("token-introspection+jwt");
    let ask = async |mint: &Arc<Mint>, answer: Box<dyn Fn(&str) -> String + Send + Sync>| {
        let idp = idp(mint, answer).await;
        let spec = json!({"issuer": idp.origin, "audiences": [AUDIENCE], "jwks": {}});
        let judged = compile(&spec, &gate).unwrap().verify("opaque").await;
        let question = idp.asked();
        let question = question.iter().find(|own| own.path == "/introspect");
        let head = question.unwrap().head.to_ascii_lowercase();
        assert!(head.contains("accept: application/token-introspection+jwt"));
        judged.map(|accepted| accepted.claims().to_json())
    };
    let signer = Arc::clone(&mint);
    let good = ask(
        &mint,
        Box::new(move |iss| signed(&signer, typ, iss, &json!({}))),
    );
    let accepted = good.await.unwrap();
    assert!(accepted.contains("ada") && !accepted.contains("token_introspection"));
    let plain = json!({"active": true, "aud": AUDIENCE}).to_string();
    let refused = ask(&mint, Box::new(move |_| plain.clone())).await;
    assert_eq!(refused, Err(Refusal::IssuerUnavailable), "unsigned");
    let signer = Arc::new(Mint::ec("a"));
    let forged = ask(
        &mint,
        Box::new(move |iss| signed(&signer, typ, iss, &json!({}))),
    );
    assert_eq!(forged.await, Err(Refusal::IssuerUnavailable), "forged");
    for (typ, change) in [
        (Some("at+jwt"), json!({})),
        (None, json!({})),
        (typ, json!({"iss": "https://evil.example"})),
        (typ, json!({"aud": "somebody else"})),
        (typ, json!({"aud": null})),
        (typ, json!({"iat": START - 121})),
        (typ, json!({"iat": START + 61})),
        (typ, json!({"iat": "now"})),
        (typ, json!({"token_introspection": "active"})),
        (typ, json!({"token_introspection": null})),
    ] {
        let (signer, shown) = (Arc::clone(&mint), format!("{typ:?} {change}"));
        let answer = Box::new(move |iss: &str| signed(&signer, typ, iss, &change));
        let refused = ask(&mint, answer).await;
        assert_eq!(refused, Err(Refusal::IssuerUnavailable), "{shown}");
    }
    // Signed, and it says no.
    let signer = Arc::clone(&mint);
    let change = json!({"token_introspection": {"active": false}});
    let inactive = ask(
        &mint,
        Box::new(move |iss| signed(&signer, typ, iss, &change)),
    );
    assert_eq!(inactive.await, Err(Refusal::Inactive));
}

#[tokio::test]
async fn attack_42_a_revoked_token_is_refused_within_the_stated_time() {
    let mint = Mint::ec("a");
    let active = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let own = Arc::clone(&active);
    let idp = idp(&mint, move |_| {
        let active = own.load(std::sync::atomic::Ordering::Relaxed);
        json!({"active": active, "aud": AUDIENCE}).to_string()
    })
    .await;
    let gate = Gate::new();
    let spec = json!({"issuer": idp.origin, "audiences": [AUDIENCE], "maxAge": "30s"});
    let introspector = compile(&spec, &gate).unwrap();
    assert!(introspector.verify("opaque").await.is_ok());
    active.store(false, std::sync::atomic::Ordering::Relaxed);
    gate.clock.advance(Duration::from_secs(29));
    assert!(introspector.verify("opaque").await.is_ok());
    gate.clock.advance(Duration::from_secs(1));
    let judged = introspector.verify("opaque").await;
    assert_eq!(judged.err(), Some(Refusal::Inactive));
}

#[test]
fn every_mistake_is_found() {
    let gate = Gate::new();
    for (spec, expected) in [
        (
            json!({}),
            &[
                "C005 audiences: `audiences` is required: without it, tokens for others would be accepted",
                "C005 issuer: `issuer` is required",
            ][..],
        ),
        (
            json!({
                "issuer": "http://idp.example", "audiences": [""], "timeout": "0s",
                "maxAge": "2h", "maxAgeInactive": "2h", "jwks": {"refresh": "1s", "uri": "x"},
            }),
            &[
                "C006 maxAge: `maxAge` is not between 1 second and 1 hour",
                "C006 maxAgeInactive: `maxAgeInactive` is more than 1 hour",
                "C006 audiences[0]: an audience is empty",
                "C006 timeout: `timeout` is not between 1 millisecond and 60 seconds",
                "C032 issuer: `http://idp.example` is not an https URL without user and fragment",
                "C006 jwks.refresh: `refresh` is not between 30 seconds and 24 hours",
                "C032 jwks.uri: `x` is not an https URL without user and fragment",
            ],
        ),
        (
            json!({
                "issuer": "any", "endpoint": "https://idp.example/i", "allowNoAudience": true,
                "client": {"clientId": ""},
            }),
            &[
                "C005 client.clientId: `clientId` is required",
                "C005 client: one of `key`, `keyFile` and `secret` is required",
            ],
        ),
    ] {
        assert_eq!(compile(&spec, &gate).unwrap_err(), expected, "{spec}");
    }
}
