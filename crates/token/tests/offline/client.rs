//! Mistakes in what is configured about ourselves.

use std::path::Path;
use std::sync::Arc;

use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::{
    Authentication, ClientIdentity, ClientIdentitySpec, KeyFiles, OutboundCredential, OutboundDeps,
    TokenStores, UpstreamCredentialSpec,
};
use ztag_token::{Algorithm, AlgorithmSet, KeySet, Purpose, verify};
use ztag_types::{ConfigPath, Findings, ManualClock, Secret, Timestamp};

use crate::mint::Mint;

fn compile(spec: &ClientIdentitySpec, files: &KeyFiles) -> (Option<ClientIdentity>, Vec<String>) {
    let mut findings = Findings::new();
    let compiled = ClientIdentity::compile(spec, files, &ConfigPath::root(), &mut findings);
    assert_eq!(compiled.is_none(), findings.errors() > 0);
    let found = findings.as_slice().iter();
    let found = found.map(|found| format!("{} {}: {}", found.code, found.path, found.message));
    (compiled, found.collect())
}

fn with_key(key: String) -> ClientIdentitySpec {
    ClientIdentitySpec {
        client_id: "gw".into(),
        key: Some(Secret::new(key)),
        ..ClientIdentitySpec::default()
    }
}

/// An assertion of this identity, and whether `mint` signed it.
fn assertion(identity: &ClientIdentity, mint: &Mint) -> String {
    let Authentication::Assertion(assertion) = identity.towards("https://idp.example/") else {
        panic!("no assertion");
    };
    let made = assertion.make(Timestamp::from_seconds(0)).unwrap();
    let keys = KeySet::parse(&mint.public.to_string(), Purpose::Signature).unwrap();
    verify(made.expose(), &keys, AlgorithmSet::ASYMMETRIC, 2_048).unwrap();
    made.into_inner()
}

#[test]
fn the_algorithm_is_that_of_the_key() {
    for mint in [Mint::ec("a"), Mint::ed("b")] {
        let (identity, found) = compile(&with_key(mint.private.clone()), &KeyFiles::default());
        assert!(found.is_empty(), "{found:?}");
        assertion(&identity.unwrap(), &mint);
    }
}

#[test]
fn a_pem_key_may_come_from_a_variable() {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa4096).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    let pem = |end: &str| {
        format!("-----BEGIN PRIVATE KEY-----{end}{text}{end}-----END PRIVATE KEY-----{end}")
    };
    let public = STANDARD.encode(pair.public_key().as_der().unwrap().as_ref());
    let public = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    let keys = KeySet::parse(&public, Purpose::Signature).unwrap();
    for end in ["\n", "\r\n", "\\n"] {
        let mut spec = with_key(pem(end));
        spec.client_id = "x".repeat(64);
        spec.key_id = Some("k".repeat(64));
        let (identity, found) = compile(&spec, &KeyFiles::default());
        assert!(found.is_empty(), "{found:?}");
        let Authentication::Assertion(assertion) =
            identity.unwrap().towards("https://tenant.eu.auth0.com/")
        else {
            panic!("no assertion");
        };
        // What Auth0 takes: at most 2048 bytes, RS256.
        let made = assertion.make(Timestamp::from_seconds(0)).unwrap();
        let allowed = Algorithm::Rs256.into();
        assert!(made.expose().len() <= 2_048, "{}", made.expose().len());
        let signed = verify(made.expose(), &keys, allowed, 2_048).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(signed.payload()).unwrap();
        assert_eq!(claims["aud"], "https://tenant.eu.auth0.com/");
        assert!(claims["jti"].as_str().unwrap().len() <= 64);
    }
}

#[test]
fn key_files_are_read_where_they_are_named() {
    let folder = std::env::temp_dir().join(format!("ztag-key-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mint = Mint::ec("a");
    std::fs::write(folder.join("own.jwk"), &mint.private).unwrap();
    let files = KeyFiles::load(["own.jwk", "absent.pem"].map(Path::new), &folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let from = |path: &str| ClientIdentitySpec {
        client_id: "gw".into(),
        key_file: Some(path.into()),
        ..ClientIdentitySpec::default()
    };
    let (identity, _) = compile(&from("own.jwk"), &files);
    assertion(&identity.unwrap(), &mint);
    for path in ["absent.pem", "never-named.pem"] {
        let (_, found) = compile(&from(path), &files);
        let expected = format!("C001 keyFile: `{path}` cannot be read: ");
        assert!(found[0].starts_with(&expected), "{found:?}");
    }
}

#[test]
fn attack_56_no_mistake_shows_the_key() {
    let mint = Mint::ec("a");
    let private = mint.private.replace("\"kty\":\"EC\"", "\"kty\":\"SECRET\"");
    let both = ClientIdentitySpec {
        secret: Some(Secret::new("SECRET".into())),
        ..with_key(mint.private.clone())
    };
    let wrong = ClientIdentitySpec {
        algorithm: Some("RS265".into()),
        client_id: "x".repeat(65),
        assertion_lifetime: "6m".parse().unwrap(),
        ..with_key(mint.private.clone())
    };
    let other = ClientIdentitySpec {
        algorithm: Some("PS256".into()),
        ..with_key(mint.private.clone())
    };
    for (spec, expected) in [
        (
            with_key("SECRET".into()),
            &["C006 key: no key to sign with: neither a PEM private key nor a private JWK"][..],
        ),
        (
            with_key(private),
            &["C006 key: no key to sign with: no algorithm is known for this key"],
        ),
        (
            both,
            &["C007 : `key`, `keyFile` and `secret` exclude each other"],
        ),
        (
            other,
            &["C006 key: no key to sign with: the key is not a valid one for `PS256`"],
        ),
        (
            wrong,
            &[
                "C006 clientId: a client id of more than 64 bytes, which some servers refuse",
                "C006 assertionLifetime: `assertionLifetime` is not between 1 second and 5 minutes",
                "C006 algorithm: `RS265` is not an algorithm to sign with",
            ],
        ),
    ] {
        let (identity, found) = compile(&spec, &KeyFiles::default());
        assert!(identity.is_none());
        assert_eq!(found, expected);
        assert!(!format!("{spec:?}").contains("SECRET"));
    }
    let (identity, _) = compile(&with_key(mint.private.clone()), &KeyFiles::default());
    let shown = format!("{identity:?}");
    let secret: serde_json::Value = serde_json::from_str(&mint.private).unwrap();
    assert!(!shown.contains(secret["d"].as_str().unwrap()), "{shown}");
}

#[test]
fn mistakes_in_credentials_are_found() {
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
    let stores = TokenStores::new(Arc::new(client), Arc::new(ManualClock::new()));
    for (spec, expected) in [
        (
            "{}",
            &["C005 : one of `none`, `clientCredentials` and `exchange` is required"][..],
        ),
        (
            r#"{"none": true, "exchange": {}}"#,
            &["C007 : `none`, `clientCredentials` and `exchange` exclude each other"],
        ),
        (
            r#"{"clientCredentials": {"scopes": ["a b", ""], "resources": ["up", "https://a/#b"]}}"#,
            &[
                "C032 clientCredentials.resources[0]: `up` is not an absolute URI without fragment",
                "C032 clientCredentials.resources[1]: `https://a/#b` is not an absolute URI without fragment",
                "C006 clientCredentials.scopes[0]: `a b` is not a scope",
                "C006 clientCredentials.scopes[1]: `` is not a scope",
                "C005 clientCredentials.issuer: `issuer` is required",
                "C005 clientCredentials.client: who are we to this server?",
            ],
        ),
        (
            r#"{"exchange": {"issuer": "https://idp.example", "tokenEndpoint": "ftp://x"}}"#,
            &[
                "C005 exchange: one of `audience` and `resources` is required: without a target, the server chooses whom the token opens",
                "C032 exchange.tokenEndpoint: `ftp://x` is not an https URL without user and fragment",
                "C005 exchange.client: who are we to this server?",
            ],
        ),
    ] {
        let spec: UpstreamCredentialSpec = serde_json::from_str(spec).unwrap();
        let mut findings = Findings::new();
        let deps = OutboundDeps {
            stores: &stores,
            identity: None,
            files: &KeyFiles::default(),
        };
        let compiled = OutboundCredential::compile(&spec, deps, &ConfigPath::root(), &mut findings);
        let found = findings.as_slice().iter();
        let found: Vec<_> = found
            .map(|found| format!("{} {}: {}", found.code, found.path, found.message))
            .collect();
        assert_eq!(found, expected);
        assert!(compiled.is_none());
    }
}
