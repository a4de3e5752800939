use ztag_types::Credential;

use super::*;
use crate::capture::capture;
use crate::capture::tests::{hop, policy};
use crate::forwarded::Dialect;

fn everything() -> Sources {
    Sources {
        basic: true,
        bearer: true,
        headers: vec![HeaderName::from_static("x-api-key"), http::header::COOKIE],
        queries: vec!["token".into()],
        ..Sources::default()
    }
}

fn collect(
    sources: &Sources,
    target: &str,
    fields: &[(&str, &str)],
) -> Result<Vec<String>, Malformed> {
    let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
    let hop = hop("203.0.113.7:1", target, &fields);
    let snapshot = capture(hop, &policy(Dialect::Direct)).unwrap();
    let shown = |credential: &Credential| match credential {
        Credential::Basic { user, password } => format!("basic {user} {}", password.expose()),
        Credential::Bearer { token } => format!("bearer {}", token.expose()),
        Credential::Header { name, value } => format!("header {name} {}", value.expose()),
        Credential::Query { name, value } => format!("query {name} {}", value.expose()),
        other => other.kind().to_owned(),
    };
    let found = sources.collect(&snapshot)?;
    Ok(found.iter().map(shown).collect())
}

fn authorization(value: &str) -> Result<Vec<String>, Malformed> {
    collect(&everything(), "/", &[("authorization", value)])
}

#[test]
fn credentials_come_in_a_fixed_order() {
    let fields = [
        ("cookie", "sid=1"),
        ("x-api-key", " k1 "),
        ("authorization", "bEaReR  t0k.en~+/="),
    ];
    let found = collect(&everything(), "/?token=%20q1+", &fields).unwrap();
    let expected = [
        "bearer t0k.en~+/=",
        "header x-api-key k1",
        "header cookie sid=1",
        "query token q1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn only_allowed_sources_are_looked_at() {
    let none = Sources::default();
    let fields = [("authorization", "Bearer a"), ("x-api-key", "k")];
    assert_eq!(collect(&none, "/?token=q", &fields), Ok(vec![]));
    let bearer_only = Sources {
        bearer: true,
        ..Sources::default()
    };
    assert_eq!(
        collect(&bearer_only, "/", &[("authorization", "Basic !")]),
        Ok(vec![])
    );
    assert_eq!(
        collect(&everything(), "/?TOKEN=q", &[("x-api-key", "  ")]),
        Ok(vec![])
    );
    for other in ["Negotiate abc", "Digest x", "", "Bearerabc", "token abc"] {
        assert_eq!(authorization(other), Ok(vec![]), "{other}");
    }
}

#[test]
fn basic_is_base64_of_user_and_password() {
    let check = |pair: &[u8], expected: Option<&str>| {
        let found = authorization(&format!("basic {}", STANDARD.encode(pair)));
        assert_eq!(found.ok(), expected.map(|text| vec![text.to_owned()]));
    };
    check(b"user:pass", Some("basic user pass"));
    check(b"user:pa:ss", Some("basic user pa:ss"));
    check(b":pass", Some("basic  pass"));
    check(b"user:", Some("basic user "));
    check("ä:ö".as_bytes(), Some("basic ä ö"));
    check(b"user", None);
    check(b"\xff:x", None);
    check(b"user:pa\nss", None);
    check(b"us\0er:pass", None);
    for broken in [
        "Basic",
        "Basic !!!",
        "Basic dXNlcg",
        "Basic dXNlcjpwYXNz dXNlcjpwYXNz",
    ] {
        assert_eq!(
            authorization(broken),
            Err(Malformed("basic credentials cannot be read"))
        );
    }
}

#[test]
fn defect_12_basic_with_an_empty_password_is_a_credential() {
    let found = authorization(&format!("Basic {}", STANDARD.encode("glpat-1:")));
    assert_eq!(found.unwrap(), ["basic glpat-1 "]);
}

#[test]
fn a_bearer_token_is_one_word() {
    assert_eq!(
        authorization("Bearer 1|sanctum").unwrap(),
        ["bearer 1|sanctum"]
    );
    for broken in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer é",
        "Bearer a\\b",
    ] {
        assert_eq!(
            authorization(broken),
            Err(Malformed("bearer token cannot be read")),
            "{broken}"
        );
    }
}

#[test]
fn defect_03_15_a_bearer_token_cannot_end_a_json_string() {
    let injected = authorization(r#"Bearer a","admin":"1"#);
    assert_eq!(injected, Err(Malformed("bearer token cannot be read")));
}

#[test]
fn credentials_are_never_shown() {
    let fields = [
        ("host", "a"),
        ("authorization", "Bearer s3cret"),
        ("x-api-key", "s3cret"),
    ];
    let hop = hop("203.0.113.7:1", "/?token=s3cret", &fields);
    let snapshot = capture(hop, &policy(Dialect::Direct)).unwrap();
    let found = everything().collect(&snapshot).unwrap();
    assert!(!format!("{found:?}").contains("s3cret"));
}
