//! Tokens, good and bad.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::json;
use ztag_types::Timestamp;

use super::asking::{
    admit, admit_bearer, bearer, compile, compile_with, header, refused, request, told,
};
use super::mint::{AUDIENCE, ISSUER, Issuers, Mint, START};
use crate::admission::*;
use crate::spec::ChallengeSpec;

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
