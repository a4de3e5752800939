//! Mistakes in the configuration of issuers.

use ztag_token::{Issuer, IssuerSpec, SharedSecretSpec};
use ztag_types::{ConfigPath, Findings, Secret};

use crate::mint::{Gate, Mint, key_set, spec};

fn check(change: impl FnOnce(&mut IssuerSpec), expected: &[&str]) {
    let mint = Mint::ec("a");
    let gate = Gate::new();
    let mut spec = spec(key_set(&[&mint]));
    change(&mut spec);
    let mut findings = Findings::new();
    let compiled = Issuer::compile(&spec, &gate.stores, &ConfigPath::root(), &mut findings);
    let found = findings.as_slice().iter();
    let found: Vec<_> = found
        .map(|found| format!("{} {}: {}", found.code, found.path, found.message))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(compiled.is_none(), findings.errors() > 0);
}

#[test]
fn every_mistake_is_found() {
    check(|_| {}, &[]);
    check(
        |spec| {
            spec.issuer.clear();
            spec.audiences.clear();
            spec.algorithms = vec!["RS265".into(), "none".into(), "HS256".into()];
            spec.clock_skew = "6m".parse().unwrap();
            spec.jwks.refresh = "1s".parse().unwrap();
        },
        &[
            "C005 issuer: `issuer` is required",
            "C005 audiences: `audiences` is required: without it, tokens for others would be accepted",
            "C006 clockSkew: more than 5 minutes of clock skew",
            "C006 jwks.refresh: `refresh` is not between 30 seconds and 24 hours",
            "C006 algorithms[0]: `RS265` is not an algorithm that may be used here",
            "C006 algorithms[1]: `none` is not an algorithm that may be used here",
            "C006 algorithms[2]: `HS256` is not an algorithm that may be used here",
        ],
    );
}

#[test]
fn keys_come_from_one_place() {
    check(
        |spec| spec.jwks.uri = Some("https://idp.example/keys".into()),
        &["C007 jwks: `secret`, `jwks.keys` and `jwks.uri` exclude each other"],
    );
    check(
        |spec| spec.jwks.keys = Some("{}".into()),
        &["C006 jwks.keys: no key to verify with: a member is absent or of the wrong type"],
    );
    for uri in [
        "http://idp.example/keys",
        "https://u:p@idp.example/",
        "/keys",
        "ftp://a/",
    ] {
        let expected =
            format!("C032 jwks.uri: `{uri}` is not an https URL without user and fragment");
        check(
            |spec| {
                spec.jwks.keys = None;
                spec.jwks.uri = Some(uri.into());
            },
            &[&expected],
        );
    }
}

#[test]
fn attack_33_a_sample_secret_is_refused_at_load() {
    check(
        |spec| {
            spec.jwks.keys = None;
            spec.secret = Some(SharedSecretSpec {
                algorithm: "HS256".into(),
                value: Secret::new("changeme".into()),
            });
        },
        &["C006 secret: no key to verify with: too weak"],
    );
}

#[test]
fn unknown_keys_of_the_configuration_are_refused() {
    for text in [
        r#"{"issuers": "a"}"#,
        r#"{"jwks": {"url": "a"}}"#,
        r#"{"profile": "none"}"#,
    ] {
        assert!(serde_json::from_str::<IssuerSpec>(text).is_err(), "{text}");
    }
}
