//! Tokens and certificates, good and bad.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use ztag_token::client::Authentication;
use ztag_token::{Introspection, Introspector, Nonces};
use ztag_types::{ClientCertificate, Clock, Code, Detail, Reply, Secret, Timestamp};

use super::mint::{AUDIENCE, ISSUER, Issuers, Mint, START};
use super::*;
use crate::capture::capture;
use crate::capture::tests::hop;
use crate::spec::{ChallengeSpec, ClientCertificateSpec};

fn compile_with(
    tokens: &dyn TokenSources,
    adjust: impl FnOnce(&mut AdmissionSpec),
) -> Result<Compiled, Vec<Diagnostic>> {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.jwt = vec!["idp".into()];
    adjust(&mut spec);
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens,
    };
    Admission::compile(&spec, &ConfigPath::root(), deps)
}

fn compile(tokens: &dyn TokenSources) -> Compiled {
    compile_with(tokens, |_| {}).unwrap()
}

fn request(compiled: &Compiled, target: &str, fields: &[(&str, &str)]) -> Snapshot {
    let host = [("host", "api.example")];
    let fields: Vec<_> = host.iter().chain(fields).copied().collect();
    capture(hop("203.0.113.7:1", target, &fields), &compiled.capture).unwrap()
}

fn admit(compiled: &Compiled, fields: &[(&str, &str)]) -> Result<Admitted, Halt> {
    let snapshot = request(compiled, "/reports?page=2", fields);
    compiled.admission.admit(&snapshot)
}

async fn run(compiled: &Compiled, fields: &[(&str, &str)]) -> Result<Admitted, Halt> {
    let snapshot = request(compiled, "/reports?page=2", fields);
    let mut trace = Trace::new(Detail::Summary);
    compiled.admission.run(&snapshot, &mut trace).await
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

fn admit_bearer(compiled: &Compiled, token: &str) -> Result<Admitted, Halt> {
    let (name, value) = bearer(token);
    admit(compiled, &[(name, &value)])
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let mut found = reply.headers.iter().filter(|(own, _)| *own == name);
    let first = found.next().map(|(_, value)| value.to_str().unwrap());
    assert!(found.next().is_none(), "{name} stands there once");
    first
}

/// Status, class, detail and challenge.
fn told(halt: Result<Admitted, Halt>) -> (u16, ReasonCode, String, String) {
    let halt = halt.unwrap_err();
    let challenge = header(&halt.reply, WWW_AUTHENTICATE.as_str()).unwrap_or_default();
    let detail = halt.reason.detail().unwrap_or_default();
    (
        halt.reply.status.as_u16(),
        halt.reason.code(),
        detail.to_owned(),
        challenge.to_owned(),
    )
}

fn refused(detail: &str) -> (u16, ReasonCode, String, String) {
    let challenge = r#"Bearer realm="api", error="invalid_token""#;
    (
        401,
        ReasonCode::TokenRefused,
        detail.into(),
        challenge.into(),
    )
}

#[test]
fn a_token_admits_whom_its_issuer_names() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint));
    for scheme in ["Bearer", "bEARER"] {
        let token = mint.token(&json!({}));
        let admitted = admit(
            &compiled,
            &[("authorization", &format!("{scheme} {token}"))],
        );
        let admitted = admitted.unwrap();
        assert!(admitted.authenticated);
        let [
            Credential::Jwt {
                token: own,
                principal,
            },
        ] = admitted.credentials.as_slice()
        else {
            panic!("one token: {admitted:?}");
        };
        assert_eq!(own.expose().as_ref(), token);
        assert_eq!(principal.issuer(), ISSUER);
        assert_eq!(principal.expires(), Timestamp::from_seconds(START + 600));
    }
    assert_eq!(compiled.admission.issuers().collect::<Vec<_>>(), [ISSUER]);
    let names = compiled.admission.credential_names();
    assert_eq!(names.headers, ["authorization".into(), "dpop".into()]);
}

#[test]
fn without_a_token_the_challenge_names_no_error() {
    let compiled = compile(&Issuers::of(&Mint::new()));
    let halt = admit(&compiled, &[]).unwrap_err();
    assert_eq!(halt.reason.code(), ReasonCode::CredentialsMissing);
    assert_eq!(halt.reply.status, StatusCode::UNAUTHORIZED);
    let challenge = header(&halt.reply, WWW_AUTHENTICATE.as_str());
    assert_eq!(challenge, Some(r#"Bearer realm="api""#));
}

#[test]
fn challenges_are_in_the_configured_realm() {
    let mint = Mint::new();
    let compiled = compile_with(&Issuers::of(&mint), |spec| {
        spec.authentication.challenge = Some(ChallengeSpec {
            kind: "bearer".into(),
            realm: "a \"b\"".into(),
            charset: None,
        });
    });
    let (_, _, _, challenge) = told(admit_bearer(&compiled.unwrap(), "a.b.c"));
    assert_eq!(
        challenge,
        r#"Bearer realm="a \"b\"", error="invalid_token""#
    );
    let literal = compile_with(&Issuers::of(&mint), |spec| {
        let headers = &mut spec.authentication.response.headers;
        headers.insert("WWW-Authenticate".into(), "Own".into());
    });
    let (_, _, _, challenge) = told(admit_bearer(&literal.unwrap(), "a.b.c"));
    assert_eq!(challenge, "Own");
}

#[test]
fn attack_28_bad_tokens_are_refused_even_where_anybody_may_come() {
    let (mint, other) = (Mint::new(), Mint::new());
    let issuers = Issuers::of(&mint);
    let open = compile_with(&issuers, |spec| {
        spec.authentication.allow.none = true;
        spec.authentication.required = false;
    });
    for compiled in [compile(&issuers), open.unwrap()] {
        let check = |token: &str, detail: &str| {
            assert_eq!(
                told(admit_bearer(&compiled, token)),
                refused(detail),
                "{detail}"
            );
        };
        check("opaque", "malformed");
        check(&other.token(&json!({})), "signature_invalid");
        check(&mint.token(&json!({"exp": START - 60})), "expired");
        check(&mint.token(&json!({"nbf": START + 60})), "not_yet_valid");
        check(
            &mint.token(&json!({"aud": "https://other"})),
            "audience_refused",
        );
        check(
            &mint.token(&json!({"iss": "https://other/"})),
            "issuer_unknown",
        );
        check(&mint.token(&json!({"iss": [ISSUER]})), "issuer_unknown");
        check(&mint.token(&json!({"act": "bot"})), "claim_type");
        let identity = mint.sign(
            &json!({"typ": "JWT", "alg": "EdDSA"}),
            &json!({"iss": ISSUER}),
        );
        check(&identity, "type_refused");
        let proof = mint.proof("a", &json!({"iss": ISSUER}));
        check(&proof, "type_refused");
        check(
            &mint.token(&json!({"cnf": {"new": "a"}})),
            "binding_missing",
        );
        check(&mint.token(&json!({"cnf": "a"})), "claim_type");
    }
}

#[test]
fn attack_37_a_warm_token_lends_nothing_to_another() {
    let (mint, other) = (Mint::new(), Mint::new());
    let compiled = compile(&Issuers::of(&mint));
    let token = mint.token(&json!({}));
    assert!(admit_bearer(&compiled, &token).is_ok());
    let (head, _) = token.rsplit_once('.').unwrap();
    let foreign = other.token(&json!({}));
    let (_, signature) = foreign.rsplit_once('.').unwrap();
    let forged = format!("{head}.{signature}");
    assert_eq!(
        told(admit_bearer(&compiled, &forged)),
        refused("signature_invalid")
    );
    assert!(admit_bearer(&compiled, &token).is_ok());
}

#[test]
fn attack_19_no_other_field_carries_a_token() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint));
    let (_, value) = bearer(&mint.token(&json!({})));
    for name in ["proxy-authorization", "x-authorization", "cookie"] {
        let halt = admit(&compiled, &[(name, &value)]).unwrap_err();
        assert_eq!(halt.reason.code(), ReasonCode::CredentialsMissing, "{name}");
    }
}

#[test]
fn attack_27_unsigned_tokens_are_refused() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint));
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada"});
    for alg in ["none", "NONE", "HS256"] {
        let token = mint.sign(&json!({"typ": "at+jwt", "alg": alg}), &claims);
        let (head, _) = token.rsplit_once('.').unwrap();
        for token in [&token, head, &format!("{head}.")] {
            let (status, code, _, _) = told(admit_bearer(&compiled, token));
            assert_eq!((status, code), (401, ReasonCode::TokenRefused), "{token}");
        }
    }
}

#[test]
fn attack_56_why_a_token_is_refused_is_not_told_to_its_sender() {
    let mint = Mint::new();
    let compiled = compile_with(&Issuers::of(&mint), |spec| {
        spec.authentication.response.body = Some("{{ admission.reason }}".into());
    });
    let token = mint.token(&json!({"exp": START - 60}));
    let halt = admit_bearer(&compiled.unwrap(), &token).unwrap_err();
    assert_eq!(halt.reply.body, "the token was refused");
}

#[test]
fn attack_17_a_token_in_two_places_is_no_request() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint));
    let token = mint.token(&json!({}));
    let (name, value) = bearer(&token);
    for (target, fields) in [
        ("/reports?access_token=x", &[(name, value.as_str())][..]),
        ("/reports?access_token=x", &[]),
        ("/reports?access%5Ftoken=x", &[]),
        ("/reports", &[(name, &format!("{value}, {value}"))]),
        ("/reports", &[(name, "Bearer")]),
        ("/reports", &[(name, "Bearer a b")]),
        ("/reports", &[(name, "Bearer  a")]),
        ("/reports", &[(name, "Bearer\ta")]),
        ("/reports", &[(name, "Bearer a\"b")]),
        ("/reports", &[(name, "Bearer =")]),
    ] {
        let snapshot = request(&compiled, target, fields);
        let (status, code, _, challenge) = told(compiled.admission.admit(&snapshot));
        assert_eq!(
            (status, code),
            (400, ReasonCode::CredentialsMalformed),
            "{target} {fields:?}"
        );
        assert_eq!(challenge, r#"Bearer realm="api", error="invalid_request""#);
    }
    let own = compile_with(&Issuers::of(&mint), |spec| {
        spec.authentication.allow.query = vec!["access_token".into()];
    });
    let own = own.unwrap();
    let snapshot = request(&own, "/reports?access_token=x", &[]);
    assert_eq!(
        own.admission.admit(&snapshot).unwrap().credentials[0].kind(),
        "query"
    );
    let snapshot = request(&own, "/reports?access_token=x", &[(name, &value)]);
    assert!(own.admission.admit(&snapshot).is_err());
}

fn certificate(der: &[u8]) -> Arc<ClientCertificate> {
    Arc::new(ClientCertificate {
        fingerprint: ztag_token::certificate_thumbprint(der).into(),
        subject: "CN=billing,O=Example".into(),
        spiffe_id: Some("spiffe://example.org/ns/prod/billing".into()),
        dns: vec!["billing.example".into(), "b2.example".into()],
        expires: Timestamp::from_seconds(START + 60),
        ..ClientCertificate::default()
    })
}

fn admit_over(
    compiled: &Compiled,
    certificate: Option<Arc<ClientCertificate>>,
    fields: &[(&str, &str)],
) -> Result<Admitted, Halt> {
    let mut hop = hop("203.0.113.7:1", "/reports", &[("host", "api.example")]);
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        hop.headers.append(name, value.parse().unwrap());
    }
    hop.certificate = certificate;
    let snapshot = capture(hop, &compiled.capture).unwrap();
    compiled.admission.admit(&snapshot)
}

#[test]
fn attack_a_token_bound_to_a_certificate_needs_it() {
    let mint = Mint::new();
    let compiled = compile(&Issuers::of(&mint).proving(None));
    let hash = ztag_token::certificate_thumbprint(b"own");
    let (name, value) = bearer(&mint.token(&json!({"cnf": {"x5t#S256": hash}})));
    let check = |own: Option<&[u8]>| admit_over(&compiled, own.map(certificate), &[(name, &value)]);
    assert!(check(Some(b"own")).unwrap().authenticated);
    assert_eq!(told(check(Some(b"other"))), refused("binding_mismatch"));
    assert_eq!(told(check(None)), refused("binding_mismatch"));
}

fn admit_dpop(compiled: &Compiled, token: &str, proofs: &[&str]) -> Result<Admitted, Halt> {
    let value = format!("DPoP {token}");
    let mut fields = vec![("authorization", value.as_str())];
    fields.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    admit(compiled, &fields)
}

#[test]
fn attack_a_token_bound_to_a_proof_key_needs_a_proof() {
    let (mint, holder, thief) = (Mint::new(), Mint::new(), Mint::new());
    let compiled = compile(&Issuers::of(&mint).proving(None));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let proof = holder.proof(&token, &json!({}));
    assert!(
        admit_dpop(&compiled, &token, &[&proof])
            .unwrap()
            .authenticated
    );
    let check = |detail: &str, error: &str, result: Result<Admitted, Halt>| {
        let (status, code, found, challenge) = told(result);
        assert_eq!((status, code), (401, ReasonCode::TokenRefused), "{detail}");
        assert_eq!(found, detail);
        let expected = format!(r#"DPoP realm="api", error="{error}", algs="#);
        assert!(challenge.starts_with(&expected), "{challenge}");
    };
    let dpop = |proofs: &[&str]| admit_dpop(&compiled, &token, proofs);
    check("proof_replayed", "invalid_dpop_proof", dpop(&[&proof]));
    check("proof_invalid", "invalid_dpop_proof", dpop(&[]));
    let fresh = |changes: &Json| holder.proof(&token, changes);
    let two = (fresh(&json!({"jti": "2"})), fresh(&json!({"jti": "3"})));
    check(
        "proof_invalid",
        "invalid_dpop_proof",
        dpop(&[&two.0, &two.1]),
    );
    for (number, changes) in [
        json!({"htm": "POST"}),
        json!({"htu": "http://evil.example/reports"}),
        json!({"htu": "https://api.example/reports"}),
        json!({"htu": "http://api.example/reports?page=2"}),
        json!({"ath": "AAAA"}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut changes = changes;
        changes["jti"] = format!("other-{number}").into();
        check(
            "proof_invalid",
            "invalid_dpop_proof",
            dpop(&[&fresh(&changes)]),
        );
    }
    let stolen = thief.proof(&token, &json!({}));
    check("binding_mismatch", "invalid_token", dpop(&[&stolen]));
    let free = mint.token(&json!({}));
    let proof = holder.proof(&free, &json!({"jti": "free"}));
    check(
        "binding_missing",
        "invalid_token",
        admit_dpop(&compiled, &free, &[&proof]),
    );
    // RFC 9449 section 7.2: not even with a proof.
    let (name, value) = bearer(&token);
    let proof = fresh(&json!({"jti": "bearer"}));
    let downgraded = admit(&compiled, &[(name, &value), ("dpop", &proof)]);
    assert_eq!(told(downgraded), refused("binding_mismatch"));
}

#[test]
fn attack_without_proofs_bound_tokens_are_refused() {
    let (mint, holder) = (Mint::new(), Mint::new());
    let compiled = compile(&Issuers::of(&mint));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let proof = holder.proof(&token, &json!({}));
    let (_, code, detail, _) = told(admit_dpop(&compiled, &token, &[&proof]));
    assert_eq!(
        (code, detail.as_str()),
        (ReasonCode::TokenRefused, "proof_invalid")
    );
}

#[test]
fn a_nonce_is_asked_for() {
    let (mint, holder) = (Mint::new(), Mint::new());
    let nonces = Nonces::from_secret(b"secret", Duration::from_mins(1));
    let compiled = compile(&Issuers::of(&mint).proving(Some(nonces)));
    let token = mint.token(&json!({"cnf": {"jkt": holder.thumbprint()}}));
    let halt = admit_dpop(&compiled, &token, &[&holder.proof(&token, &json!({}))]);
    let halt = halt.unwrap_err();
    let challenge = header(&halt.reply, WWW_AUTHENTICATE.as_str()).unwrap();
    assert!(
        challenge.contains(r#"error="use_dpop_nonce""#),
        "{challenge}"
    );
    let nonce = header(&halt.reply, "dpop-nonce").unwrap();
    let proof = holder.proof(&token, &json!({"nonce": nonce}));
    assert!(admit_dpop(&compiled, &token, &[&proof]).is_ok());
}

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

async fn run_bearer(compiled: &Compiled, token: &str) -> Result<Admitted, Halt> {
    let (name, value) = bearer(token);
    run(compiled, &[(name, &value)]).await
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

fn certified(adjust: impl FnOnce(&mut ClientCertificateSpec)) -> Compiled {
    let mut own = ClientCertificateSpec::default();
    adjust(&mut own);
    let compiled = compile_with(&crate::NoTokens, |spec| {
        let allow = &mut spec.authentication.allow;
        allow.jwt.clear();
        allow.header = vec!["x-api-key".into()];
        allow.client_certificate = Some(own);
    });
    compiled.unwrap()
}

#[test]
fn certificates_are_credentials_when_they_fit_every_list() {
    let check = |adjust: fn(&mut ClientCertificateSpec), fits: bool| {
        let compiled = certified(adjust);
        let admitted = admit_over(&compiled, Some(certificate(b"own")), &[]);
        match admitted {
            Ok(admitted) => {
                assert!(fits);
                assert_eq!(admitted.credentials[0].kind(), "certificate");
            }
            Err(halt) => {
                assert!(!fits);
                assert_eq!(halt.reason.code(), ReasonCode::CertificateRefused);
            }
        }
    };
    check(|own| own.any = true, true);
    check(|own| own.dns = vec!["b2.example".into()], true);
    check(
        |own| own.dns = vec!["other".into(), "/b[0-9]\\.example/".into()],
        true,
    );
    check(|own| own.dns = vec!["/b/".into()], false);
    check(
        |own| own.spiffe_ids = vec!["/spiffe://example\\.org/ns/prod/.+/".into()],
        true,
    );
    check(
        |own| own.spiffe_ids = vec!["spiffe://example.org/ns".into()],
        false,
    );
    check(
        |own| own.subjects = vec!["CN=billing,O=Example".into()],
        true,
    );
    check(
        |own| own.fingerprints = vec![ztag_token::certificate_thumbprint(b"own")],
        true,
    );
    check(
        |own| own.fingerprints = vec![ztag_token::certificate_thumbprint(b"other")],
        false,
    );
    check(
        |own| {
            own.dns = vec!["b2.example".into()];
            own.subjects = vec!["CN=other".into()];
        },
        false,
    );
}

#[test]
fn a_certificate_that_is_not_accepted_is_overlooked_beside_a_credential() {
    let compiled = certified(|own| own.dns = vec!["other".into()]);
    let with_key = admit_over(&compiled, Some(certificate(b"own")), &[("x-api-key", "k")]);
    assert_eq!(with_key.unwrap().credentials.len(), 1);
    let missing = admit_over(&compiled, None, &[]).unwrap_err();
    assert_eq!(missing.reason.code(), ReasonCode::CredentialsMissing);
}

#[test]
fn attack_42_a_connection_does_not_outlive_its_certificate() {
    let compiled = certified(|own| own.any = true);
    let mut old = ClientCertificate::clone(&certificate(b"own"));
    old.expires = ztag_types::ManualClock::new().now();
    let halt = admit_over(&compiled, Some(Arc::new(old)), &[]).unwrap_err();
    assert_eq!(halt.reason.code(), ReasonCode::CertificateRefused);
}

/// Compiles what is wrong in one way.
fn check(adjust: &dyn Fn(&mut AdmissionSpec), code: Code, path: &str, hint: &str) {
    let found = compile_with(&Issuers::of(&Mint::new()), adjust).unwrap_err();
    let shown: Vec<_> = found
        .iter()
        .map(|own| (own.code, own.path.to_string()))
        .collect();
    let path = format!("authentication.allow.{path}");
    assert_eq!(shown, [(code, path)], "{found:?}");
    assert!(
        found[0].hint.clone().unwrap_or_default().contains(hint),
        "{found:?}"
    );
}

#[test]
fn issuers_that_cannot_serve_are_told() {
    check(
        &|spec| spec.authentication.allow.jwt = vec!["ipd".into()],
        Code::UnknownDefinition,
        "jwt[0]",
        "did you mean `idp`?",
    );
    check(
        &|spec| spec.authentication.allow.jwt = vec!["idp".into(), "idp".into()],
        Code::Duplicate,
        "jwt[1]",
        "",
    );
    check(
        &|spec| spec.authentication.allow.jwt = vec!["broken".into()],
        Code::BrokenDefinition,
        "jwt",
        "",
    );
    check(
        &|spec| spec.authentication.allow.introspection = vec!["idp".into()],
        Code::UnknownDefinition,
        "introspection[0]",
        "",
    );
    check(
        &|spec| spec.authentication.allow.authorization = vec!["basic".into(), "Bearer".into()],
        Code::Conflict,
        "authorization[1]",
        "leave out `bearer`",
    );
}

#[test]
fn certificates_that_cannot_serve_are_told() {
    let certificate = |spec: &mut AdmissionSpec, own| {
        spec.authentication.allow.client_certificate = Some(own);
    };
    check(
        &|spec| certificate(spec, ClientCertificateSpec::default()),
        Code::MissingKey,
        "clientCertificate",
        "any: true",
    );
    let own = ClientCertificateSpec {
        any: true,
        dns: vec!["a".into()],
        ..ClientCertificateSpec::default()
    };
    check(
        &|spec| certificate(spec, own.clone()),
        Code::Conflict,
        "clientCertificate.any",
        "",
    );
    let own = ClientCertificateSpec {
        fingerprints: vec!["abc".into()],
        ..ClientCertificateSpec::default()
    };
    check(
        &|spec| certificate(spec, own.clone()),
        Code::InvalidValue,
        "clientCertificate.fingerprints[0]",
        "64 hexadecimal",
    );
}
