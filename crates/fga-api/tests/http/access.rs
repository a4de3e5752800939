//! Who may call.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_fga::Limits;
use ztag_fga_api::{Access, AccessSpec};
use ztag_test_support::{Mint, Request, send, unix_time};
use ztag_token::{KeyStores, Places, Revocations, TokenCache, TokenCacheSpec};
use ztag_types::{ConfigPath, Findings, SystemClock};

use crate::world::{World, read};

const ISSUER: &str = "https://idp.example.com/";

/// Compiles what is written; the messages where something is wrong.
pub(crate) fn access(spec: &Json) -> Result<Access, Vec<String>> {
    let spec: AccessSpec = serde_json::from_value(spec.clone()).unwrap();
    let clock = Arc::new(SystemClock::new());
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
    let stores = KeyStores::new(Arc::new(client), clock.clone());
    let places = Places {
        cache: Arc::new(TokenCache::new(TokenCacheSpec::default())),
        revocations: Arc::new(Revocations::new(0)),
        clock,
    };
    let mut findings = Findings::new();
    let access = Access::compile(&spec, &stores, places, &ConfigPath::root(), &mut findings);
    let told = findings.as_slice().iter();
    access.ok_or_else(|| {
        told.map(|found| format!("{}: {}", found.path, found.message))
            .collect()
    })
}

fn world(spec: &Json) -> World {
    World::new(Limits::default(), access(spec).unwrap())
}

/// Status and code of an answer.
fn ask(world: &World, token: Option<&str>, method: &str, path: &str) -> (u16, String) {
    let response = world.send_as(token, method, path, r#"{"name": "a test"}"#);
    let code = read(&response)["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (response.status, code)
}

#[test]
fn preshared_keys() {
    let world =
        world(&json!({"keys": [{"key": "first-key-of-ours"}, {"key": "second-key-of-ours"}]}));
    let ask = |token| ask(&world, token, "GET", "/stores");
    assert_eq!(ask(None), (401, "bearer_token_missing".into()));
    assert_eq!(
        ask(Some("third-key-of-ours!")),
        (401, "unauthenticated".into())
    );
    assert_eq!(
        ask(Some("first-key-of-our")),
        (401, "unauthenticated".into())
    );
    assert_eq!(ask(Some("first-key-of-ours")), (200, String::new()));
    assert_eq!(ask(Some("second-key-of-ours")), (200, String::new()));
    assert_eq!(world.send("GET", "/healthz", "").status, 200);
}

#[test]
fn two_authorization_fields_are_none() {
    let world = world(&json!({"keys": [{"key": "first-key-of-ours"}]}));
    let request = Request::new("GET", "/stores")
        .header("Host: fga.example.com")
        .header("Authorization: Bearer first-key-of-ours")
        .header("Authorization: Bearer first-key-of-ours")
        .header("Connection: close")
        .body("");
    let reply = send(world.address(), &request).unwrap();
    assert_eq!(reply.status, 401);
}

#[test]
fn keys_bound_to_stores() {
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let world = world(&json!({"keys": [
        {"key": "the-key-of-everything"},
        {"key": "the-key-of-one-store", "stores": [id]},
    ]}));
    let (all, one) = (Some("the-key-of-everything"), Some("the-key-of-one-store"));
    let forbidden = (401, "forbidden".to_owned());
    assert_eq!(ask(&world, all, "POST", "/stores").0, 201);
    assert_eq!(ask(&world, one, "POST", "/stores"), forbidden);
    let listed = read(&world.send_as(all, "GET", "/stores", ""));
    assert_eq!(listed["stores"].as_array().unwrap().len(), 1);
    let listed_one = read(&world.send_as(one, "GET", "/stores", ""));
    assert_eq!(listed_one["stores"], json!([]));
    let other = format!("/stores/{}", listed["stores"][0]["id"].as_str().unwrap());
    for (method, path) in [
        ("GET", other.clone()),
        ("DELETE", other.clone()),
        ("POST", format!("{other}/check")),
        ("POST", format!("{other}/write")),
        ("POST", format!("{other}/read")),
        ("GET", format!("{other}/changes")),
        ("POST", format!("{other}/access/v1/evaluation")),
    ] {
        assert_eq!(
            ask(&world, one, method, &path),
            forbidden,
            "{method} {path}"
        );
    }
    // Its own store: not there, which only those may learn who may ask it.
    let path = format!("/stores/{id}");
    assert_eq!(
        ask(&world, one, "GET", &path),
        (404, "store_id_not_found".into())
    );
    assert_eq!(ask(&world, one, "DELETE", &path), forbidden);
}

#[test]
fn tokens_of_issuers() {
    let mint = Mint::new("key-1").unwrap();
    let world = world(&json!({
        "issuers": [{
            "issuer": ISSUER, "audiences": ["https://fga.example.com"], "profile": "lenient",
            "jwks": {"keys": json!({"keys": [mint.public()]}).to_string()},
        }],
        "clients": {"gateway": {}, "reader": {"stores": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}},
    }));
    let token = |client: &str, audience: &str, expires: u64| {
        mint.token(&json!({
            "iss": ISSUER, "aud": audience, "azp": client, "sub": "x",
            "iat": unix_time(), "exp": unix_time() + expires,
        }))
    };
    let ask = |token: &str| ask(&world, Some(token), "POST", "/stores");
    let own = "https://fga.example.com";
    assert_eq!(ask(&token("gateway", own, 60)).0, 201);
    assert_eq!(ask(&token("reader", own, 60)), (401, "forbidden".into()));
    assert_eq!(ask(&token("stranger", own, 60)), (401, "forbidden".into()));
    let refused = (401, "invalid_claims".to_owned());
    assert_eq!(
        ask(&token("gateway", "https://elsewhere.example.com", 60)),
        refused
    );
    let other = Mint::new("key-1").unwrap();
    let forged = other.token(&json!({"iss": ISSUER, "aud": own, "azp": "gateway"}));
    assert_eq!(ask(&forged), refused);
    assert_eq!(ask("not-a-token-at-all"), refused);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let found = |spec: Json| access(&spec).unwrap_err().join("; ");
    assert!(found(json!({})).contains("nobody could call"));
    let short = found(json!({"keys": [{"key": "short"}]}));
    assert_eq!(
        short,
        "keys[0].key: not 16 or more visible ASCII characters"
    );
    let broken = found(json!({"keys": [{"key": "first-key-of-ours", "stores": ["x"]}]}));
    assert_eq!(broken, "keys[0].stores[0]: `x` is not the id of a store");
}
