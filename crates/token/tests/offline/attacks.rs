//! Forged and malformed tokens.

use serde_json::json;
use ztag_token::{AlgorithmSet, IssuerSpec, KeySet, Purpose, Refusal, SharedSecretSpec, verify};
use ztag_types::Secret;

use crate::mint::{Gate, ISSUER, Mint, claims, encode, key_set, spec};

#[test]
fn attack_27_tokens_of_another_form_are_refused() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let token = mint.token(&claims());
    assert!(verifier.check(&token).is_ok());
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let check = |token: &str, expected: Refusal| {
        assert_eq!(verifier.check(token).err(), Some(expected), "{token}");
    };
    for bad in [
        format!("{header}.{payload}"),
        format!("{token}."),
        format!("{token}={}", ""),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}.x"),
        format!("{token}.x.y.z"),
        format!("{header}.{payload}.{signature}!"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload} .{signature}"),
        String::new(),
        ".".into(),
        "...".into(),
    ] {
        check(&bad, Refusal::Malformed);
    }
    check(&format!("{token}.x.y"), Refusal::Encrypted);
    check(&format!("{header}.{payload}."), Refusal::SignatureInvalid);
    check(&"a".repeat(16 * 1024 + 1), Refusal::TooLarge);
    check(r#"{"payload":"","signatures":[]}"#, Refusal::Malformed);
    // The last letter of a 64-byte signature carries two bits: the others must be zero.
    let last = signature.chars().last().unwrap();
    let twin = char::from(u8::try_from(last).unwrap() + 1);
    let twin = format!("{}{twin}", token.strip_suffix(last).unwrap());
    check(&twin, Refusal::Malformed);
}

#[test]
fn attack_27_algorithms_are_bound_to_keys() {
    let (ec, ed) = (Mint::ec("ec"), Mint::ed("ed"));
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&ec, &ed]))]);
    let payload = claims().to_string();
    let check = |mint: &Mint, header: &str, expected: Option<Refusal>| {
        let token = mint.raw(header, &payload);
        assert_eq!(verifier.check(&token).err(), expected, "{header}");
    };
    check(&ec, r#"{"alg":"ES256","kid":"ec","typ":"at+jwt"}"#, None);
    check(&ed, r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#, None);
    check(&ed, r#"{"alg":"Ed25519","kid":"ed","typ":"at+jwt"}"#, None);
    check(&ec, r#"{"alg":"ES256","typ":"at+jwt"}"#, None);
    let mismatch = Some(Refusal::KeyMismatch);
    check(
        &ec,
        r#"{"alg":"EdDSA","kid":"ec","typ":"at+jwt"}"#,
        mismatch,
    );
    check(
        &ec,
        r#"{"alg":"ES384","kid":"ec","typ":"at+jwt"}"#,
        mismatch,
    );
    check(
        &ec,
        r#"{"alg":"RS256","kid":"ec","typ":"at+jwt"}"#,
        mismatch,
    );
    let refused = Some(Refusal::AlgorithmRefused);
    for alg in ["none", "None", "HS256", "HS512", "ES256K", "", "es256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"ec","typ":"at+jwt"}}"#);
        check(&ec, &header, refused);
    }
    let unknown = Some(Refusal::KeyUnknown);
    for kid in [
        "",
        "EC",
        "ec ",
        "../../dev/null",
        "' OR 1=1 --",
        "ec\\u0000",
        "0",
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt"}}"#);
        check(&ec, &header, unknown);
    }
    check(
        &ec,
        r#"{"alg":"ES256","kid":"ed","typ":"at+jwt"}"#,
        mismatch,
    );
}

#[test]
fn attack_27_hs256_with_the_public_key_is_refused() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let signed = format!(
        "{}.{}",
        encode(r#"{"alg":"HS256","kid":"a","typ":"at+jwt"}"#),
        encode(claims().to_string())
    );
    for secret in [
        mint.public.to_string(),
        mint.public["x"].as_str().unwrap().to_owned(),
    ] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let seal = encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
        let judged = verifier.check(&format!("{signed}.{seal}"));
        assert_eq!(judged.err(), Some(Refusal::AlgorithmRefused));
    }
}

#[test]
fn shared_secrets_serve_only_where_configured() {
    let gate = Gate::new();
    let secret = "0123456789abcdef0123456789abcdef";
    let mut spec = IssuerSpec {
        secret: Some(SharedSecretSpec {
            algorithm: "HS256".into(),
            value: Secret::new(secret.into()),
        }),
        ..spec(String::new())
    };
    spec.jwks.keys = None;
    let verifier = gate.verifier(&[spec]);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let mint = |header: &str| {
        let signed = format!("{}.{}", encode(header), encode(claims().to_string()));
        let seal = encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
        format!("{signed}.{seal}")
    };
    assert!(
        verifier
            .check(&mint(r#"{"alg":"HS256","typ":"at+jwt"}"#))
            .is_ok()
    );
    let other = verifier.check(&mint(r#"{"alg":"HS384","typ":"at+jwt"}"#));
    assert_eq!(other.err(), Some(Refusal::AlgorithmRefused));
}

#[test]
fn attack_27_keys_in_the_token_are_not_believed() {
    let (own, evil) = (Mint::ec("a"), Mint::ec("a"));
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&own]))]);
    for name in ["jwk", "jku", "x5u", "x5c"] {
        let mut header = json!({"alg": "ES256", "kid": "a", "typ": "at+jwt"});
        header[name] = match name {
            "jwk" => evil.public.clone(),
            "x5c" => json!(["AAAA"]),
            _ => json!("http://127.0.0.1:1/"),
        };
        let token = evil.raw(&header.to_string(), &claims().to_string());
        assert_eq!(
            verifier.check(&token).err(),
            Some(Refusal::SignatureInvalid),
            "{name}"
        );
    }
}

#[test]
fn attack_28_keys_of_one_issuer_do_not_serve_another() {
    let (a, b) = (Mint::ec("shared"), Mint::ec("shared"));
    let gate = Gate::new();
    let other = IssuerSpec {
        issuer: "https://other.example/".into(),
        ..spec(key_set(&[&b]))
    };
    let verifier = gate.verifier(&[spec(key_set(&[&a])), other]);
    assert!(verifier.check(&a.token(&claims())).is_ok());
    let refused = Some(Refusal::SignatureInvalid);
    assert_eq!(verifier.check(&b.token(&claims())).err(), refused);
    let mut claims = claims();
    claims["iss"] = "https://other.example/".into();
    assert_eq!(verifier.check(&a.token(&claims)).err(), refused);
    assert_eq!(
        verifier.check(&b.token(&claims)).unwrap().issuer(),
        "https://other.example/"
    );
}

#[test]
fn attack_27_nested_and_duplicated_contents_are_refused() {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let verifier = gate.verifier(&[spec(key_set(&[&mint]))]);
    let payload = claims().to_string();
    let nested = mint.raw(
        r#"{"alg":"ES256","kid":"a","typ":"at+jwt","cty":"JWT"}"#,
        &payload,
    );
    assert_eq!(verifier.check(&nested).err(), Some(Refusal::TypeRefused));
    let header = r#"{"alg":"ES256","kid":"a","typ":"at+jwt"}"#;
    let start = payload.strip_prefix('{').unwrap();
    for twice in [
        r#""sub":"x","#,
        r#""s\u0075b":"x","#,
        r#""exp":1,"#,
        r#""a":{"b":1,"b":2},"#,
    ] {
        let token = mint.raw(header, &format!("{{{twice}{start}"));
        assert_eq!(
            verifier.check(&token).err(),
            Some(Refusal::ClaimsInvalid),
            "{twice}"
        );
    }
    let deep = format!(r#"{{"x":{}1{},{start}"#, "[".repeat(500), "]".repeat(500));
    let refused = verifier.check(&mint.raw(header, &deep));
    assert_eq!(refused.err(), Some(Refusal::ClaimsInvalid));
    assert!(payload.contains(ISSUER));
}

#[test]
fn the_lowest_door_judges_signatures_alone() {
    let mint = Mint::ed("a");
    let keys = KeySet::parse(&mint.public.to_string(), Purpose::Signature).unwrap();
    let token = mint.raw(r#"{"alg":"EdDSA"}"#, "any bytes");
    let signed = verify(&token, &keys, AlgorithmSet::ASYMMETRIC, 1_000).unwrap();
    assert_eq!(signed.payload(), b"any bytes");
    assert_eq!(
        verify(&token, &keys, AlgorithmSet::NONE, 1_000),
        Err(Refusal::AlgorithmRefused)
    );
    assert_eq!(
        verify(&token, &keys, AlgorithmSet::ASYMMETRIC, 10),
        Err(Refusal::TooLarge)
    );
}
