//! Issuers that cannot be had, or are asked.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use ztag_token::client::Authentication;
use ztag_token::{Introspection, Introspector};
use ztag_types::{Code, Secret};

use super::asking::{
    admit, bearer, check_broken, compile_with, header, refused, run, run_bearer, told,
};
use super::mint::{AUDIENCE, Issuers, Mint, START};
use crate::admission::*;

#[tokio::test]
async fn attack_29_without_keys_nothing_is_decided() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let issuers = Issuers::with(|spec| spec.jwks.uri = Some(format!("http://{closed}/jwks")));
    let compiled = compile_with(&issuers, |spec| spec.authentication.allow.none = true).unwrap();
    let (name, value) = bearer(&Mint::new().token(&json!({})));
    let fields = [(name, value.as_str())];
    for halt in [admit(&compiled, &fields), run(&compiled, &fields).await] {
        let halt = halt.unwrap_err();
        assert_eq!(halt.outcome, Outcome::Error);
        assert_eq!(halt.reason.code(), ReasonCode::TokenUndecided);
        assert_eq!(halt.reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&halt.reply, WWW_AUTHENTICATE.as_str()), None);
    }
}

/// An issuer that knows the tokens in `active`, and how often it was asked.
async fn asked_issuer(active: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/introspect", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = Vec::new();
            let mut piece = [0; 4096];
            while !String::from_utf8_lossy(&question).contains("token=") {
                let read = stream.read(&mut piece).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                question.extend_from_slice(&piece[..read]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            let known = String::from_utf8_lossy(&question).contains(&format!("token={active}"));
            let answer = json!({"active": known, "aud": AUDIENCE, "sub": "ada"}).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let reply = format!("{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    (address, asked)
}

fn introspecting(issuers: &mut Issuers, name: &'static str, address: &str) {
    let policy = Introspection {
        issuer: format!("https://{name}.example").into(),
        address: address.parse::<url::Url>().unwrap().into(),
        audiences: vec![AUDIENCE.into()],
        allow_no_audience: false,
        authentication: Authentication::Basic {
            id: "gate".into(),
            secret: Secret::new("secret".into()),
        },
        timeout: Duration::from_secs(5),
        max_age: Duration::from_mins(1),
        max_age_inactive: Duration::from_secs(10),
    };
    let client = Arc::clone(&issuers.client);
    let introspector = Introspector::new(policy, client, issuers.places.clone());
    issuers.introspectors.push((name, introspector));
}

#[tokio::test]
async fn attack_38_only_foreign_tokens_are_asked_about_and_the_one_who_knows_vouches() {
    let mint = Mint::new();
    let mut issuers = Issuers::of(&mint);
    let (first, second) = (asked_issuer("one").await, asked_issuer("two").await);
    introspecting(&mut issuers, "first", &first.0);
    introspecting(&mut issuers, "second", &second.0);
    let compiled = compile_with(&issuers, |spec| {
        spec.authentication.allow.introspection = vec!["first".into(), "second".into()];
    });
    let compiled = compiled.unwrap();
    for (token, issuer) in [
        ("one", "https://first.example"),
        ("two", "https://second.example"),
    ] {
        let admitted = run_bearer(&compiled, token).await.unwrap();
        let [Credential::Introspected { principal, .. }] = admitted.credentials.as_slice() else {
            panic!("{admitted:?}");
        };
        assert_eq!(principal.issuer(), issuer);
    }
    let asked = || first.1.load(Ordering::SeqCst) + second.1.load(Ordering::SeqCst);
    assert_eq!(asked(), 3);
    let expired = mint.token(&json!({"exp": START - 60}));
    assert_eq!(
        told(run_bearer(&compiled, &expired).await),
        refused("expired")
    );
    assert_eq!(asked(), 3);
    assert_eq!(
        told(run_bearer(&compiled, "three").await),
        refused("inactive")
    );
    assert_eq!(asked(), 5);
}

#[tokio::test]
async fn attack_20_an_issuer_that_cannot_be_asked_decides_nothing() {
    let mut issuers = Issuers::of(&Mint::new());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (open, _) = asked_issuer("one").await;
    introspecting(&mut issuers, "closed", &format!("http://{closed}/"));
    introspecting(&mut issuers, "open", &open);
    let compiled = compile_with(&issuers, |spec| {
        spec.authentication.allow.jwt.clear();
        spec.authentication.allow.introspection = vec!["closed".into(), "open".into()];
    });
    let compiled = compiled.unwrap();
    assert!(run_bearer(&compiled, "one").await.is_ok());
    let (status, code, detail, _) = told(run_bearer(&compiled, "other").await);
    assert_eq!((status, code), (503, ReasonCode::TokenUndecided));
    assert_eq!(detail, "issuer_unavailable");
}

#[test]
fn issuers_that_cannot_serve_are_told() {
    check_broken(
        &|spec| spec.authentication.allow.jwt = vec!["ipd".into()],
        Code::UnknownDefinition,
        "jwt[0]",
        "did you mean `idp`?",
    );
    check_broken(
        &|spec| spec.authentication.allow.jwt = vec!["idp".into(), "idp".into()],
        Code::Duplicate,
        "jwt[1]",
        "",
    );
    check_broken(
        &|spec| spec.authentication.allow.jwt = vec!["broken".into()],
        Code::BrokenDefinition,
        "jwt",
        "",
    );
    check_broken(
        &|spec| spec.authentication.allow.introspection = vec!["idp".into()],
        Code::UnknownDefinition,
        "introspection[0]",
        "",
    );
    check_broken(
        &|spec| spec.authentication.allow.authorization = vec!["basic".into(), "Bearer".into()],
        Code::Conflict,
        "authorization[1]",
        "leave out `bearer`",
    );
}
