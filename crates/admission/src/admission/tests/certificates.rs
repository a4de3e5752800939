//! Client certificates as credentials.

use std::sync::Arc;

use ztag_types::{ClientCertificate, Code, Timestamp};

use super::asking::{admit_over, certificate, certified, check_broken};
use super::mint::START;
use crate::admission::*;
use crate::spec::ClientCertificateSpec;

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
    old.expires = Timestamp::from_seconds(START);
    let halt = admit_over(&compiled, Some(Arc::new(old)), &[]).unwrap_err();
    assert_eq!(halt.reason.code(), ReasonCode::CertificateRefused);
}

#[test]
fn certificates_that_cannot_serve_are_told() {
    let certificate = |spec: &mut AdmissionSpec, own| {
        spec.authentication.allow.client_certificate = Some(own);
    };
    check_broken(
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
    check_broken(
        &|spec| certificate(spec, own.clone()),
        Code::Conflict,
        "clientCertificate.any",
        "",
    );
    let own = ClientCertificateSpec {
        fingerprints: vec!["abc".into()],
        ..ClientCertificateSpec::default()
    };
    check_broken(
        &|spec| certificate(spec, own.clone()),
        Code::InvalidValue,
        "clientCertificate.fingerprints[0]",
        "64 hexadecimal",
    );
}
