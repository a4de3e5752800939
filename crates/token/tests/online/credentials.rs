//! Credentials for upstreams, from the configuration to the header field.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::{
    ClientIdentity, ClientIdentitySpec, KeyFiles, OutboundCredential, OutboundDeps, TokenError,
    TokenStores, UpstreamCredentialSpec,
};
use ztag_token::{AcceptedToken, AlgorithmSet, FetchError, KeySet, Purpose, verify};
use ztag_types::{Clock, ConfigPath, Findings, Principal, Secret};

use crate::idp::{Asked, Idp};
use crate::mint::{Gate, Mint, claims, key_set, spec};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

struct Bench {
    idp: Idp,
    gate: Gate,
    stores: TokenStores,
}

impl Bench {
    /// A server whose metadata is its own and whose tokens are those of `answer`.
    async fn start(answer: impl Fn(&Asked) -> (u16, Json) + Send + Sync + 'static) -> Self {
        let idp = Idp::start(|_| (404, String::new())).await;
        let origin = idp.origin.clone();
        idp.answer(move |asked| {
            if asked.path.contains("well-known") {
                let endpoint = format!("{origin}/token");
                let document = json!({"issuer": origin, "token_endpoint": endpoint});
                return (200, document.to_string());
            }
            let (status, answer) = answer(asked);
            (status, answer.to_string())
        });
        let gate = Gate::new();
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
        let clock = Arc::clone(&gate.clock) as Arc<dyn Clock>;
        let stores = TokenStores::new(Arc::new(client), clock);
        Self { idp, gate, stores }
    }

    fn compile(&self, spec: Json, mint: &Mint) -> OutboundCredential {
        let spec: UpstreamCredentialSpec = serde_json::from_value(spec).unwrap();
        let identity = ClientIdentitySpec {
            client_id: "gw".into(),
            key: Some(Secret::new(mint.private.clone())),
            ..ClientIdentitySpec::default()
        };
        let (files, at) = (KeyFiles::default(), ConfigPath::root());
        let mut findings = Findings::new();
        let identity = ClientIdentity::compile(&identity, &files, &at, &mut findings).unwrap();
        let deps = OutboundDeps {
            stores: &self.stores,
            identity: Some(&identity),
            files: &files,
        };
        let compiled = OutboundCredential::compile(&spec, deps, &at, &mut findings);
        compiled.unwrap_or_else(|| panic!("{:?}", findings.as_slice()))
    }

    fn own(&self, mint: &Mint) -> OutboundCredential {
        let issuer = &self.idp.origin;
        let spec = json!({"clientCredentials": {"issuer": issuer, "audience": "up"}});
        self.compile(spec, mint)
    }

    fn exchange(&self, actor: Option<Json>) -> OutboundCredential {
        let issuer = &self.idp.origin;
        let mut spec =
            json!({"exchange": {"issuer": issuer, "audience": "up", "scopes": ["a", "b"]}});
        if let Some(actor) = actor {
            spec["exchange"]["actor"] = actor;
        }
        self.compile(spec, &Mint::ec("a"))
    }

    fn tokens(&self) -> Vec<Asked> {
        let asked = self.idp.asked().into_iter();
        asked.filter(|asked| asked.path == "/token").collect()
    }
}

async fn sent(credential: &OutboundCredential) -> Result<String, TokenError> {
    let field = credential.authorize(None).await?.unwrap();
    assert!(field.is_sensitive());
    Ok(field.to_str().unwrap().to_owned())
}

fn bearer(token: &str) -> Json {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": 100})
}

fn exchanged(token: &str) -> Json {
    let mut answer = bearer(token);
    answer["issued_token_type"] = ACCESS_TOKEN.into();
    answer
}

/// A token that was verified, with its text.
fn shown(gate: &Gate, sub: &str) -> (Arc<AcceptedToken>, String) {
    let mint = Mint::ed("u");
    let mut claims = claims();
    claims["sub"] = sub.into();
    let token = mint.token(&claims);
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    (verifier.check(&token).unwrap(), token)
}

#[tokio::test]
async fn an_own_token_is_found_fetched_and_kept() {
    let bench = Bench::start(|_| (200, bearer("t1"))).await;
    let credential = bench.own(&Mint::ec("a"));
    for _ in 0..10 {
        assert_eq!(sent(&credential).await.unwrap(), "Bearer t1");
    }
    let asked = bench.tokens();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].field("audience").as_deref(), Some("up"));
    assert_eq!(
        asked[0].field("grant_type").as_deref(),
        Some("client_credentials")
    );
    // What every request to an upstream carries.
    assert!(size_of_val(&credential.authorize(None)) < 256);
    let none = bench.compile(json!({"none": true}), &Mint::ec("a"));
    assert_eq!(none.authorize(None).await, Ok(None));
}

#[tokio::test]
async fn a_new_key_and_a_reload_keep_the_token_at_hand() {
    let bench = Bench::start(|_| (200, bearer("t1"))).await;
    let (old, new) = (Mint::ec("old"), Mint::ed("new"));
    let before = bench.own(&old);
    sent(&before).await.unwrap();
    let after = bench.own(&new);
    drop(before);
    sent(&after).await.unwrap();
    assert_eq!(bench.tokens().len(), 1);
    // The next one is asked for with the new key.
    bench.gate.clock.advance(Duration::from_secs(101));
    sent(&after).await.unwrap();
    let asked = bench.tokens();
    let signed_by = |asked: &Asked, mint: &Mint| {
        let keys = KeySet::parse(&mint.public.to_string(), Purpose::Signature).unwrap();
        let assertion = asked.field("client_assertion").unwrap();
        verify(&assertion, &keys, AlgorithmSet::ASYMMETRIC, 2_048).is_ok()
    };
    assert!(signed_by(&asked[0], &old) && !signed_by(&asked[0], &new));
    assert!(signed_by(&asked[1], &new));
}

#[tokio::test]
async fn attack_46_a_token_endpoint_elsewhere_gets_no_assertion() {
    let thief = Idp::start(|_| (200, bearer("t").to_string())).await;
    let bench = Bench::start(|_| (200, bearer("t"))).await;
    let (origin, elsewhere) = (bench.idp.origin.clone(), thief.origin.clone());
    bench.idp.answer(move |_| {
        let document = json!({"issuer": origin, "token_endpoint": format!("{elsewhere}/token")});
        (200, document.to_string())
    });
    let denied = sent(&bench.own(&Mint::ec("a"))).await;
    assert_eq!(denied, Err(TokenError::Metadata(FetchError::Origin)));
    assert!(thief.asked().is_empty());
}

#[tokio::test]
async fn attack_51_the_token_that_was_shown_is_exchanged_and_never_sent() {
    let bench = Bench::start(|asked| {
        let subject = asked.field("subject_token");
        (
            200,
            subject.map_or_else(|| bearer("me"), |_| exchanged("theirs")),
        )
    })
    .await;
    let credential = bench.exchange(Some(json!({"audience": "idp"})));
    let (principal, token) = shown(&bench.gate, "ada");
    for _ in 0..5 {
        let principal = &*principal as &dyn Principal;
        let field = credential.authorize(Some((principal, &token))).await;
        assert_eq!(field.unwrap().unwrap(), "Bearer theirs");
    }
    let asked = bench.tokens();
    assert_eq!(asked.len(), 2, "one for the actor, one for the exchange");
    assert_eq!(asked[1].field("subject_token"), Some(token));
    assert_eq!(asked[1].field("actor_token").as_deref(), Some("me"));
    assert_eq!(asked[1].field("scope").as_deref(), Some("a b"));
    assert_eq!(asked[1].field("audience").as_deref(), Some("up"));
    assert_eq!(
        credential.authorize(None).await,
        Err(TokenError::NoSubject),
        "nobody is acted for"
    );
}

#[tokio::test]
async fn attack_37_two_users_never_share_an_exchanged_token() {
    let bench = Bench::start(|asked| {
        let subject = asked.field("subject_token").unwrap();
        (200, exchanged(&subject))
    })
    .await;
    let credential = bench.exchange(None);
    let users = ["ada", "bob", "eve"].map(|sub| shown(&bench.gate, sub));
    for round in 0..300 {
        let (principal, token) = &users[round % 3];
        let field = credential.authorize(Some((&**principal, token))).await;
        assert_eq!(field.unwrap().unwrap(), format!("Bearer {token}"));
    }
    assert_eq!(bench.tokens().len(), 3);
}

#[tokio::test]
async fn attack_42_a_refused_exchange_is_no_storm_and_no_pass() {
    let bench = Bench::start(|_| (400, json!({"error": "invalid_target"}))).await;
    let credential = bench.exchange(None);
    let (principal, token) = shown(&bench.gate, "ada");
    let ask = || credential.authorize(Some((&*principal, &token)));
    for _ in 0..50 {
        let refused = TokenError::Refused("invalid_target".into());
        assert_eq!(ask().await, Err(refused));
    }
    assert_eq!(bench.tokens().len(), 1);
    bench.gate.clock.advance(Duration::from_secs(6));
    assert!(ask().await.is_err());
    assert_eq!(bench.tokens().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_well_is_left_alone() {
    for status in [429, 500, 503] {
        let bench = Bench::start(move |_| (status, json!({}))).await;
        let credential = bench.exchange(None);
        let (principal, token) = shown(&bench.gate, "ada");
        let ask = || credential.authorize(Some((&*principal, &token)));
        assert_eq!(ask().await, Err(TokenError::Status(status)));
        for _ in 0..20 {
            assert_eq!(ask().await, Err(TokenError::TooEarly));
        }
        assert_eq!(bench.tokens().len(), 1);
        bench.gate.clock.advance(Duration::from_secs(2));
        assert_eq!(ask().await, Err(TokenError::Status(status)));
    }
}

#[tokio::test]
async fn parallel_exchanges_for_one_user_are_one_question() {
    let bench = Bench::start(|_| (200, exchanged("t"))).await;
    let credential = bench.exchange(None);
    let (principal, token) = shown(&bench.gate, "ada");
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (credential, principal) = (credential.clone(), Arc::clone(&principal));
            let token = token.clone();
            tokio::spawn(async move {
                let asked = credential.authorize(Some((&*principal, &token))).await;
                asked.is_ok()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(bench.tokens().len(), 1);
}
