//! What each profile asks of header and claims.

use std::time::Duration;

use serde_json::{Value as Json, json};
use ztag_token::{IssuerSpec, Profile, Refusal, certificate_thumbprint};

use crate::mint::{AUDIENCE, Gate, ISSUER, Mint, START, claims, key_set, spec};

type Judged = Result<(), Refusal>;

/// Judges claims with `changes` made: null takes a claim away.
fn check(profile: Profile, typ: Option<&str>, changes: &Json, expected: Judged) {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let spec = IssuerSpec {
        profile,
        ..spec(key_set(&[&mint]))
    };
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let judged = gate.verifier(&[spec]).check(&mint.typed(typ, &claims));
    assert_eq!(
        judged.map(|_| ()),
        expected,
        "{profile:?} {typ:?} {changes}"
    );
}

#[test]
fn rfc_9068_asks_for_its_type_and_claims() {
    let profile = Profile::Rfc9068;
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        check(profile, Some(typ), &json!({}), Ok(()));
    }
    for typ in [
        None,
        Some("JWT"),
        Some("dpop+jwt"),
        Some("logout+jwt"),
        Some("secevent+jwt"),
        Some(""),
    ] {
        check(profile, typ, &json!({}), Err(Refusal::TypeRefused));
    }
    for absent in ["exp", "sub", "client_id", "iat", "jti", "aud"] {
        check(
            profile,
            Some("at+jwt"),
            &json!({absent: null}),
            Err(Refusal::ClaimMissing),
        );
    }
    check(
        profile,
        Some("at+jwt"),
        &json!({"iss": null}),
        Err(Refusal::IssuerUnknown),
    );
    check(
        profile,
        Some("at+jwt"),
        &json!({"scope": ["read"]}),
        Err(Refusal::ClaimType),
    );
}

#[test]
fn auth0_and_lenient_take_untyped_tokens() {
    for profile in [Profile::Auth0, Profile::Lenient] {
        for typ in [None, Some("JWT"), Some("at+jwt")] {
            check(
                profile,
                typ,
                &json!({"client_id": null, "jti": null}),
                Ok(()),
            );
        }
        check(
            profile,
            Some("dpop+jwt"),
            &json!({}),
            Err(Refusal::TypeRefused),
        );
        check(
            profile,
            Some("client-authentication+jwt"),
            &json!({}),
            Err(Refusal::TypeRefused),
        );
    }
    check(
        Profile::Auth0,
        None,
        &json!({"sub": null}),
        Err(Refusal::ClaimMissing),
    );
    check(
        Profile::Lenient,
        None,
        &json!({"sub": null, "iat": null}),
        Ok(()),
    );
    check(
        Profile::Lenient,
        None,
        &json!({"exp": null}),
        Err(Refusal::ClaimMissing),
    );
    check(
        Profile::Lenient,
        None,
        &json!({"aud": null}),
        Err(Refusal::ClaimMissing),
    );
}

#[test]
fn attack_28_an_identity_or_logout_token_is_no_access_token() {
    for profile in [Profile::Auth0, Profile::Lenient] {
        for claim in ["at_hash", "c_hash", "s_hash"] {
            check(
                profile,
                None,
                &json!({claim: "x"}),
                Err(Refusal::TypeRefused),
            );
        }
        let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        check(
            profile,
            None,
            &json!({"events": logout}),
            Err(Refusal::TypeRefused),
        );
    }
}

#[test]
fn fapi_2_asks_for_a_binding() {
    let profile = Profile::Fapi2;
    let hash = certificate_thumbprint(b"certificate");
    check(
        profile,
        Some("at+jwt"),
        &json!({"cnf": {"x5t#S256": hash}}),
        Ok(()),
    );
    check(
        profile,
        Some("at+jwt"),
        &json!({"cnf": {"jkt": hash}}),
        Ok(()),
    );
    check(
        profile,
        Some("at+jwt"),
        &json!({}),
        Err(Refusal::BindingMissing),
    );
    check(
        profile,
        Some("at+jwt"),
        &json!({"cnf": {"kid": "a"}}),
        Err(Refusal::BindingMissing),
    );
}

#[test]
fn attack_28_audiences_match_whole_or_not_at_all() {
    let profile = Profile::Rfc9068;
    let check = |aud: Json, expected: Judged| {
        check(profile, Some("at+jwt"), &json!({ "aud": aud }), expected);
    };
    check(json!([AUDIENCE]), Ok(()));
    check(json!(["other", AUDIENCE]), Ok(()));
    for other in [
        json!([]),
        json!(""),
        json!("https://api.example/"),
        json!("https://api.exampl"),
        json!("HTTPS://API.EXAMPLE"),
        json!(format!("{AUDIENCE} {AUDIENCE}")),
        json!(format!("a {AUDIENCE}")),
        json!(format!("{AUDIENCE}\0")),
        json!(["other"]),
    ] {
        check(other, Err(Refusal::AudienceRefused));
    }
    for wrong in [
        json!(1),
        json!({AUDIENCE: 1}),
        json!([1, AUDIENCE]),
        json!([[AUDIENCE]]),
        json!(true),
    ] {
        check(wrong, Err(Refusal::ClaimType));
    }
}

#[test]
fn attack_28_issuers_match_byte_by_byte() {
    for other in [
        "https://idp.example",
        "https://idp.example//",
        "https://IDP.example/",
        "https://idp.example:443/",
        "https://idp.example/%2e",
        "https://idp.ex\u{430}mple/",
        "https://idp.example/\0",
        "",
    ] {
        check(
            Profile::Lenient,
            None,
            &json!({"iss": other}),
            Err(Refusal::IssuerUnknown),
        );
    }
    for wrong in [
        json!([ISSUER]),
        json!(1),
        json!({}),
        json!(["evil", ISSUER]),
    ] {
        check(
            Profile::Lenient,
            None,
            &json!({"iss": wrong}),
            Err(Refusal::IssuerUnknown),
        );
    }
}

#[test]
fn attack_26_times_are_numbers_within_the_skew() {
    let check = |changes: Json, expected: Judged| {
        check(Profile::Rfc9068, Some("at+jwt"), &changes, expected);
    };
    check(json!({"exp": START - 9}), Ok(()));
    check(json!({"exp": START - 10}), Err(Refusal::Expired));
    check(json!({"exp": 1_767_225_600.5}), Ok(()));
    check(json!({"exp": 0}), Err(Refusal::Expired));
    for name in ["nbf", "iat"] {
        check(json!({name: START + 5}), Ok(()));
        check(json!({name: START + 10}), Ok(()));
        check(json!({name: START + 11}), Err(Refusal::NotYetValid));
        check(json!({name: START + 120}), Err(Refusal::NotYetValid));
    }
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for wrong in [
            json!("9999999999"),
            json!(-1),
            json!(1e300),
            json!(true),
            json!([1]),
            json!(u64::MAX),
        ] {
            check(json!({ name: wrong }), Err(Refusal::ClaimType));
        }
    }
}

#[test]
fn attack_26_subjects_and_ids_are_texts() {
    let check = |changes: Json, expected: Judged| {
        check(Profile::Rfc9068, Some("at+jwt"), &changes, expected);
    };
    for name in ["sub", "client_id", "jti"] {
        for wrong in [json!(1), json!(["a"]), json!({"a": 1}), json!(false)] {
            check(json!({ name: wrong }), Err(Refusal::ClaimType));
        }
    }
    check(json!({"cnf": "x"}), Err(Refusal::ClaimType));
}

/// Readers drop blanks at the ends, or stop at a NUL: `ada ` would be `ada` to some of them.
#[test]
fn attack_30_no_subject_passes_for_another() {
    for subject in [
        "",
        " ",
        "ada ",
        " ada",
        "ada\u{a0}",
        "ada\0",
        "ada\r\nx",
        "a\tb",
        "ada\u{85}",
    ] {
        let refused = Err(Refusal::SubjectRefused);
        let changes = json!({ "sub": subject });
        check(Profile::Rfc9068, Some("at+jwt"), &changes, refused);
    }
    for subject in ["ada", "ada b", "auth0|5f", "ad\u{e9}"] {
        let changes = json!({ "sub": subject });
        check(Profile::Rfc9068, Some("at+jwt"), &changes, Ok(()));
    }
}

#[test]
fn spiffe_ids_belong_to_their_trust_domain() {
    let mut mint = Mint::ec("a");
    mint.public["use"] = "jwt-svid".into();
    let gate = Gate::new();
    let spec = IssuerSpec {
        issuer: "spiffe://td.example".into(),
        profile: Profile::Spiffe,
        ..spec(key_set(&[&mint]))
    };
    let verifier = gate.verifier(&[spec]);
    let check = |header: &str, sub: &str, expected: Judged| {
        let claims = json!({"sub": sub, "aud": AUDIENCE, "exp": START + 60});
        let token = mint.raw(header, &claims.to_string());
        let judged = verifier.check(&token).map(|_| ());
        assert_eq!(judged, expected, "{header} {sub}");
    };
    let header = r#"{"alg":"ES256","kid":"a"}"#;
    check(header, "spiffe://td.example/ns/a", Ok(()));
    check(
        r#"{"alg":"ES256","kid":"a","typ":"JWT"}"#,
        "spiffe://td.example/ns/a",
        Ok(()),
    );
    let refused = Err(Refusal::TypeRefused);
    check(
        r#"{"alg":"ES256","kid":"a","typ":"at+jwt"}"#,
        "spiffe://td.example/a",
        refused,
    );
    check(
        r#"{"alg":"ES256","kid":"a","x5t":"a"}"#,
        "spiffe://td.example/a",
        refused,
    );
    for other in [
        "spiffe://td.example",
        "spiffe://td.example/",
        "spiffe://td.example.evil/a",
        "spiffe://other/a",
        "spiffe://td.example/a/../b",
        "spiffe://td.example//a",
        "spiffe://td.example/a?b",
        "https://td.example/a",
    ] {
        check(header, other, Err(Refusal::IssuerUnknown));
    }
}

#[test]
fn required_claims_and_age_are_settings() {
    let mint = Mint::ed("a");
    let gate = Gate::new();
    let spec = IssuerSpec {
        required_claims: vec!["org_id".into()],
        max_age: Some("60s".parse().unwrap()),
        types: vec!["JWT".into()],
        ..spec(key_set(&[&mint]))
    };
    let verifier = gate.verifier(&[spec]);
    let mut claims = claims();
    let judge = |claims: &Json| verifier.check(&mint.typed(Some("JWT"), claims)).map(|_| ());
    assert_eq!(judge(&claims), Err(Refusal::ClaimMissing));
    claims["org_id"] = "o".into();
    assert_eq!(judge(&claims), Ok(()));
    claims["iat"] = (START - 70).into();
    assert_eq!(judge(&claims), Ok(()));
    claims["iat"] = (START - 71).into();
    assert_eq!(judge(&claims), Err(Refusal::TooOld));
    assert!(verifier.check(&mint.typed(None, &claims)).is_err());
}

/// Whatever goes on because of a token ends when the token would be refused: neither when it says it
/// expires, which may have been a while ago, nor when it is older than it may be.
#[test]
fn attack_42_a_token_is_good_for_as_long_as_it_is_accepted() {
    let mint = Mint::ed("a");
    for (max_age, expires, issued, expected) in [
        (None, START - 9, START - 60, START + 1),
        (None, START + 50, START - 60, START + 60),
        (Some("60s"), START + 50, START - 69, START + 2),
        (Some("60s"), START + 50, START, START + 60),
    ] {
        let spec = IssuerSpec {
            max_age: max_age.map(|age| age.parse().unwrap()),
            types: vec!["JWT".into()],
            ..spec(key_set(&[&mint]))
        };
        let gate = Gate::new();
        let verifier = gate.verifier(&[spec]);
        let mut claims = claims();
        (claims["exp"], claims["iat"]) = (expires.into(), issued.into());
        let token = mint.typed(Some("JWT"), &claims);
        let accepted = verifier.check(&token).unwrap();
        assert_eq!(accepted.expires().seconds(), expires);
        assert_eq!(accepted.valid_until().seconds(), expected);
        let last = u64::try_from(expected - START - 1).unwrap();
        gate.clock.advance(Duration::from_secs(last));
        assert_eq!(verifier.check(&token).map(drop), Ok(()));
        gate.clock.advance(Duration::from_secs(1));
        assert!(verifier.check(&token).is_err(), "remembered for too long");
    }
}
