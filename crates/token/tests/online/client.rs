//! Tokens for upstreams.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use url::Url;
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::{
    Assertion, Authentication, ClientCredentials, CredentialsRequest, ExchangeRequest, Signer,
    TokenEndpoint, TokenError, TokenExchange,
};
use ztag_token::{Algorithm, AlgorithmSet, KeySet, Purpose, verify};
use ztag_types::{Clock, Secret};

use crate::idp::{Asked, Idp};
use crate::mint::{Gate, ISSUER, Mint, START};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn endpoint(idp: &Idp, gate: &Gate, mint: &Mint) -> TokenEndpoint {
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
    let private = Secret::new(mint.private.clone());
    let signer = Signer::parse(&private, mint.signer.algorithm(), None).unwrap();
    TokenEndpoint {
        address: Url::parse(&format!("{}/token", idp.origin)).unwrap().into(),
        authentication: Authentication::Assertion(Arc::new(Assertion::new(
            "gw",
            ISSUER,
            Arc::new(signer),
        ))),
        timeout: Duration::from_secs(5),
        client: Arc::new(client),
        clock: Arc::clone(&gate.clock) as Arc<dyn Clock>,
    }
}

fn answer(token: &str, expires_in: u64) -> Json {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})
}

/// The claims of the assertion, whose signature is checked.
fn assertion(asked: &Asked, mint: &Mint) -> Json {
    let keys = KeySet::parse(&mint.public.to_string(), Purpose::Signature).unwrap();
    let token = asked.field("client_assertion").unwrap();
    let signed = verify(&token, &keys, AlgorithmSet::ASYMMETRIC, 2_048).unwrap();
    assert!(signed.header().is_type("client-authentication+jwt"));
    serde_json::from_slice(signed.payload()).unwrap()
}

#[tokio::test]
async fn an_own_token_is_renewed_ahead_of_its_end() {
    let idp = Idp::start(|_| (200, answer("t1", 100).to_string())).await;
    let (gate, mint) = (Gate::new(), Mint::ec("a"));
    let request = CredentialsRequest {
        scope: Some("read".into()),
        resources: vec!["https://up.example/".into()],
        audience: None,
    };
    let own = ClientCredentials::new(endpoint(&idp, &gate, &mint), request);
    assert_eq!(own.token().await.unwrap().token.expose(), "t1");
    let asked = idp.asked();
    assert_eq!(
        asked[0].field("grant_type").as_deref(),
        Some("client_credentials")
    );
    assert_eq!(
        asked[0].field("resource").as_deref(),
        Some("https://up.example/")
    );
    let claims = assertion(&asked[0], &mint);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("gw"), &json!("gw"))
    );
    assert_eq!(
        (&claims["aud"], &claims["exp"]),
        (&json!(ISSUER), &json!(START + 60))
    );
    idp.answer(|_| (200, answer("t2", 100).to_string()));
    gate.clock.advance(Duration::from_secs(79));
    assert_eq!(own.token().await.unwrap().token.expose(), "t1");
    assert_eq!(idp.asked().len(), 1);
    gate.clock.advance(Duration::from_secs(1));
    assert_eq!(own.token().await.unwrap().token.expose(), "t1");
    idp.until_asked(2).await;
    while own.token().await.unwrap().token.expose() == "t1" {
        tokio::task::yield_now().await;
    }
    let asked = idp.asked();
    let ids: Vec<_> = asked
        .iter()
        .map(|asked| assertion(asked, &mint)["jti"].clone())
        .collect();
    assert_ne!(ids[0], ids[1], "an assertion is used once");
}

#[tokio::test]
async fn attack_35_an_assertion_is_for_one_server_and_one_use() {
    let idp = Idp::start(|_| (200, answer("t1", 100).to_string())).await;
    let (gate, mint) = (Gate::new(), Mint::ec("a"));
    let endpoint = endpoint(&idp, &gate, &mint);
    for _ in 0..10 {
        let grant = [("grant_type", "client_credentials")];
        endpoint.request(&grant).await.unwrap();
    }
    let made: Vec<_> = idp
        .asked()
        .iter()
        .map(|asked| assertion(asked, &mint))
        .collect();
    let ids: std::collections::BTreeSet<_> = made.iter().map(|own| own["jti"].as_str()).collect();
    assert_eq!(ids.len(), 10);
    for own in made {
        // One text, the issuer: neither a list nor the address that was called.
        assert_eq!(own["aud"], ISSUER);
        assert_eq!(
            own["exp"].as_i64().unwrap() - own["iat"].as_i64().unwrap(),
            60
        );
    }
}

#[tokio::test]
async fn attack_a_dead_server_is_not_stormed() {
    let idp = Idp::start(|_| (503, String::new())).await;
    let (gate, mint) = (Gate::new(), Mint::ec("a"));
    let own = ClientCredentials::new(endpoint(&idp, &gate, &mint), CredentialsRequest::default());
    for _ in 0..50 {
        assert_eq!(own.token().await.err(), Some(TokenError::Status(503)));
    }
    assert_eq!(idp.asked().len(), 1);
    idp.answer(|_| (200, answer("t1", 100).to_string()));
    gate.clock.advance(Duration::from_secs(5));
    assert!(own.token().await.is_ok());
    idp.answer(|_| (503, String::new()));
    gate.clock.advance(Duration::from_secs(90));
    assert!(own.token().await.is_ok());
    gate.clock.advance(Duration::from_secs(6));
    assert!(own.token().await.is_err());
}

#[tokio::test]
async fn attack_answers_that_are_no_tokens_are_refused() {
    let (gate, mint) = (Gate::new(), Mint::ed("a"));
    let good = answer("t", 60);
    let with = |name: &str, value: Json| {
        let mut changed = good.clone();
        changed[name] = value;
        changed.to_string()
    };
    for (status, body, expected) in [
        (200, "<html>".to_owned(), TokenError::Answer),
        (200, "[]".to_owned(), TokenError::Answer),
        (200, with("access_token", json!("")), TokenError::Answer),
        (200, with("access_token", json!("a b")), TokenError::Answer),
        (
            200,
            with("access_token", json!("a\r\nx: y")),
            TokenError::Answer,
        ),
        (
            200,
            with("access_token", json!("x".repeat(20_000))),
            TokenError::Answer,
        ),
        (200, with("access_token", json!(7)), TokenError::Answer),
        (200, with("token_type", json!("mac")), TokenError::Answer),
        (200, with("token_type", json!("DPoP")), TokenError::Answer),
        (200, with("token_type", json!(null)), TokenError::Answer),
        (200, with("expires_in", json!("60")), TokenError::Answer),
        (200, with("expires_in", json!(-1)), TokenError::Answer),
        (200, with("scope", json!("read admin")), TokenError::Widened),
        (302, good.to_string(), TokenError::Status(302)),
        (
            401,
            json!({"error": "invalid_client"}).to_string(),
            TokenError::Refused("invalid_client".into()),
        ),
        (
            400,
            json!({"error": "<script>"}).to_string(),
            TokenError::Status(400),
        ),
        (429, String::new(), TokenError::Status(429)),
    ] {
        let text = body.clone();
        let idp = Idp::start(move |_| (status, text.clone())).await;
        let request = CredentialsRequest {
            scope: Some("read".into()),
            ..Default::default()
        };
        let own = ClientCredentials::new(endpoint(&idp, &gate, &mint), request);
        assert_eq!(own.token().await.err(), Some(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn attack_37_exchanged_tokens_never_cross_users() {
    let idp = Idp::start(|asked| {
        let subject = asked.field("subject_token").unwrap();
        let mut answer = answer(&format!("for-{subject}"), 60);
        answer["issued_token_type"] = ACCESS_TOKEN.into();
        (200, answer.to_string())
    })
    .await;
    let (gate, mint) = (Gate::new(), Mint::ec("a"));
    let exchange = TokenExchange::new(endpoint(&idp, &gate, &mint), 1 << 20);
    let users: Vec<_> = (0..10).map(|user| format!("user{user}")).collect();
    let audiences = ["up".to_owned()];
    let request = |user: usize| ExchangeRequest {
        subject: Secret::new(users[user].as_str()),
        subject_expires: gate.clock.now().plus(Duration::from_mins(10)),
        actor: Some(Secret::new("bot")),
        audiences: &audiences,
        resources: &[],
        scope: None,
    };
    for round in 0..1_000 {
        let issued = exchange.exchange(&request(round % 10)).await.unwrap();
        assert_eq!(issued.token.expose(), &format!("for-user{}", round % 10));
    }
    assert_eq!(idp.asked().len(), 10);
    let asked = &idp.asked()[0];
    assert_eq!(asked.field("actor_token").as_deref(), Some("bot"));
    assert_eq!(
        asked.field("actor_token_type").as_deref(),
        Some(ACCESS_TOKEN)
    );
    let other = ExchangeRequest {
        actor: None,
        ..request(0)
    };
    exchange.exchange(&other).await.unwrap();
    assert_eq!(idp.asked().len(), 11);
    gate.clock.advance(Duration::from_secs(55));
    exchange.exchange(&request(0)).await.unwrap();
    assert_eq!(idp.asked().len(), 12);
}

#[tokio::test]
async fn attack_an_exchange_gives_no_more_than_was_asked() {
    let (gate, mint) = (Gate::new(), Mint::ec("a"));
    let resources = ["https://up.example/".to_owned()];
    let request = ExchangeRequest {
        subject: Secret::new("user"),
        subject_expires: gate.clock.now().plus(Duration::from_secs(20)),
        actor: None,
        audiences: &[],
        resources: &resources,
        scope: Some("read write"),
    };
    for (scope, issued, expected) in [
        (json!("read"), json!(ACCESS_TOKEN), None),
        (
            json!("read admin"),
            json!(ACCESS_TOKEN),
            Some(TokenError::Widened),
        ),
        (
            json!("read:all"),
            json!(ACCESS_TOKEN),
            Some(TokenError::Widened),
        ),
        (
            json!("read"),
            json!("urn:ietf:params:oauth:token-type:id_token"),
            Some(TokenError::Answer),
        ),
        (json!("read"), json!(null), Some(TokenError::Answer)),
    ] {
        let mut text = answer("t", 3_600);
        text["scope"] = scope;
        text["issued_token_type"] = issued;
        let idp = Idp::start(move |_| (200, text.to_string())).await;
        let exchange = TokenExchange::new(endpoint(&idp, &gate, &mint), 1 << 20);
        assert_eq!(exchange.exchange(&request).await.err(), expected);
    }
    // Nothing is used longer than the token it was obtained with.
    let idp = Idp::start(|_| {
        let mut text = answer("t", 3_600);
        text["issued_token_type"] = ACCESS_TOKEN.into();
        (200, text.to_string())
    })
    .await;
    let exchange = TokenExchange::new(endpoint(&idp, &gate, &mint), 1 << 20);
    exchange.exchange(&request).await.unwrap();
    gate.clock.advance(Duration::from_secs(15));
    exchange.exchange(&request).await.unwrap();
    assert_eq!(idp.asked().len(), 2);
}

#[tokio::test]
async fn keys_of_every_form_sign() {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
    use base64::Engine;
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let pem = |label: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let private = Secret::new(pem("PRIVATE KEY", private.as_ref()));
    let public = pair.public_key().as_der().unwrap();
    let keys = KeySet::parse(&pem("PUBLIC KEY", public.as_ref()), Purpose::Signature).unwrap();
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let algorithm = Algorithm::from_name(name).unwrap();
        let signer = Signer::parse(&private, algorithm, Some("k")).unwrap();
        let token = signer.sign(None, &json!({"a": 1})).unwrap();
        let signed = verify(token.expose(), &keys, algorithm.into(), 2_048).unwrap();
        assert_eq!(signed.header().key_id(), Some("k"));
        let others = AlgorithmSet::ASYMMETRIC
            .iter()
            .filter(|own| *own != algorithm)
            .collect();
        assert!(verify(token.expose(), &keys, others, 2_048).is_err());
        assert!(!format!("{signer:?}").contains("PRIVATE"));
    }
    for wrong in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        assert!(Signer::parse(&private, wrong, None).is_err());
    }
}
