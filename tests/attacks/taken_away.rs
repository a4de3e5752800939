//! Tokens that were good are not, through every door: somebody else is asked, an operator revokes, a
//! reload takes away. And names that look like others.

use std::fs;

use serde_json::{Value as Json, json};
use ztag_test_support::door::{Door, Knock, doors};
use ztag_test_support::{Failure, Mint, MockServer, Recorded, Reply, Request, send, unix_time};

use crate::report;

const ISSUER: &str = "https://idp.example/";

/// A policy that knows the issuers and servers that `sections` define, and accepts those of `allow`.
fn policy(allow: &str, kind: &str, sections: &str) -> String {
    format!(
        "endpoints:
  api:
    authentication: {{allow: {{{allow}}}, challenge: {{type: bearer, realm: api}}}}
    rules: [{{name: identify}}]
rules:
  identify:
    auth: [{{match: [{{type: {kind}}}]}}]
{sections}"
    )
}

fn issuers(mint: &Mint, audience: &str) -> String {
    let keys = json!({"keys": [mint.public()]});
    format!(
        "issuers:
  idp: {{issuer: '{ISSUER}', audiences: [{audience}], jwks: {{keys: '{keys}'}}}}
  other: {{issuer: 'https://other.example/', audiences: [{audience}], jwks: {{keys: '{keys}'}}}}
"
    )
}

fn token(mint: &Mint, id: &str, subject: &str) -> String {
    let now = unix_time();
    mint.token(&json!({
        "iss": ISSUER, "aud": "a", "sub": subject, "client_id": "c", "jti": id,
        "iat": now - 60, "exp": now + 600,
    }))
}

fn status(door: &dyn Door, token: &str) -> Result<u16, Failure> {
    let observed = door.knock(&Knock {
        method: String::from("GET"),
        target: b"/orders/7".to_vec(),
        hosts: vec![b"app.example.com".to_vec()],
        lines: vec![format!("Authorization: Bearer {token}").into_bytes()],
    })?;
    observed
        .status
        .ok_or_else(|| Failure::new("no reply at all"))
}

/// Shows each token twice, so that it is remembered, and compares the statuses.
#[track_caller]
fn expect(door: &dyn Door, expected: &[(&str, u16)]) -> Result<(), Failure> {
    for (token, wanted) in expected.iter().chain(expected) {
        let (name, found) = (door.name(), status(door, token)?);
        assert_eq!(found, *wanted, "{name}: {token}\n{}", door.process().log());
    }
    Ok(())
}

/// Replaces the first `from` in the configuration of `door` and has it read anew.
fn reload(door: &dyn Door, from: &str, to: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(door.config())?;
    let changed = text.replacen(from, to, 1);
    assert_ne!(text, changed);
    fs::write(door.config(), changed)?;
    let process = door.process();
    process.signal("HUP")?;
    process.wait_for_line(|line| line.contains("configuration reloaded"))?;
    Ok(())
}

/// A server that knows the opaque token of `subject`, and `t-both`.
fn server(subject: &'static str) -> Result<MockServer, Failure> {
    let known = format!("token=t-{subject}");
    MockServer::start(move |asked: &Recorded| {
        let body = String::from_utf8_lossy(&asked.body);
        let active = body.contains(&known) || body.contains("token=t-both");
        let answer =
            json!({"active": active, "sub": subject, "aud": "a", "exp": 4_102_444_800_u64});
        Reply {
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            ..Reply::text(200, &answer.to_string())
        }
    })
}

#[test]
fn attack_38_what_one_server_says_of_a_token_another_does_not() -> Result<(), Failure> {
    let (blue, green) = (server("blue")?, server("green")?);
    let section = |name: &str, server: &MockServer| {
        let address = server.address();
        format!(
            "  {name}: {{issuer: 'https://{name}.example', endpoint: 'http://{address}/', \
             audiences: [a], client: {{clientId: door, secret: s3cret-of-the-door}}}}\n"
        )
    };
    let servers = format!(
        "introspection:\n{}{}",
        section("blue", &blue),
        section("green", &green)
    );
    for door in doors(&policy("introspection: [blue]", "introspection", &servers))? {
        let door = &*door;
        expect(door, &[("t-blue", 200), ("t-green", 401), ("t-both", 200)])?;
        reload(door, "introspection: [blue]", "introspection: [green]")?;
        green.take_recorded();
        expect(door, &[("t-blue", 401), ("t-green", 200), ("t-both", 200)])?;
        let asked = green.take_recorded().len();
        assert_eq!(asked, 3, "{}: what blue said is believed", door.name());
    }
    Ok(())
}

#[test]
fn attack_42_what_an_operator_revokes_opens_no_door() -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let [first, second, third] =
        [("1", "ada"), ("2", "ada"), ("3", "bea")].map(|(id, subject)| token(&mint, id, subject));
    for door in doors(&policy("jwt: [idp]", "jwt", &issuers(&mint, "a")))? {
        let door = &*door;
        let revoke = |what: Json| {
            let request = Request::new("POST", "/revocations").header("Host: localhost");
            let reply = send(door.admin(), &request.body(what.to_string()))?;
            assert_eq!(reply.status, 204, "{}: {}", door.name(), reply.text());
            Ok::<_, Failure>(())
        };
        expect(door, &[(&first, 200), (&second, 200), (&third, 200)])?;
        revoke(json!({"issuer": "https://other.example/", "sub": "ada"}))?;
        expect(door, &[(&first, 200), (&second, 200), (&third, 200)])?;
        revoke(json!({"issuer": ISSUER, "jti": "1"}))?;
        expect(door, &[(&first, 401), (&second, 200), (&third, 200)])?;
        revoke(json!({"issuer": ISSUER, "sub": "ada"}))?;
        expect(door, &[(&first, 401), (&second, 401), (&third, 200)])?;
        revoke(json!({"issuer": ISSUER}))?;
        expect(door, &[(&first, 401), (&second, 401), (&third, 401)])?;
        // What is revoked stays so.
        reload(door, "realm: api", "realm: door")?;
        expect(door, &[(&first, 401), (&second, 401), (&third, 401)])?;
    }
    Ok(())
}

#[test]
fn attack_42_an_audience_taken_away_opens_no_door() -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let good = token(&mint, "1", "ada");
    for door in doors(&policy("jwt: [idp]", "jwt", &issuers(&mint, "a")))? {
        expect(&*door, &[(&good, 200)])?;
        reload(&*door, "audiences: [a]", "audiences: [b]")?;
        expect(&*door, &[(&good, 401)])?;
    }
    Ok(())
}

#[test]
fn attack_42_an_issuer_taken_away_opens_no_door() -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let good = token(&mint, "1", "ada");
    for door in doors(&policy("jwt: [idp]", "jwt", &issuers(&mint, "a")))? {
        expect(&*door, &[(&good, 200)])?;
        // The keys are still known, as those of somebody else.
        reload(&*door, "jwt: [idp]", "jwt: [other]")?;
        expect(&*door, &[(&good, 401)])?;
    }
    Ok(())
}

#[test]
fn attack_42_a_key_taken_away_opens_no_door() -> Result<(), Failure> {
    let (old, new) = (Mint::new("k")?, Mint::new("k")?);
    let good = token(&old, "1", "ada");
    for door in doors(&policy("jwt: [idp]", "jwt", &issuers(&old, "a")))? {
        expect(&*door, &[(&good, 200)])?;
        reload(&*door, &old.public().to_string(), &new.public().to_string())?;
        expect(&*door, &[(&good, 401), (&token(&new, "2", "ada"), 200)])?;
    }
    Ok(())
}

#[test]
fn attack_30_an_address_passes_for_no_other() -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let matcher = r"{type: jwt, claims: {email: '/[^@]+@corp\.com/'}}";
    let policy = policy("jwt: [idp]", "jwt", &issuers(&mint, "a"));
    let policy = policy.replace("{type: jwt}", matcher);
    let token = |email: Json| {
        let now = unix_time();
        mint.token(&json!({
            "iss": ISSUER, "aud": "a", "sub": "ada", "client_id": "c", "jti": email.to_string(),
            "iat": now - 60, "exp": now + 600, "email": email,
        }))
    };
    let others = [
        json!("ada@evil@corp.com"),
        json!("ada@corp.com@evil.com"),
        json!("ada@corp.com.evil.com"),
        json!("ada@corp.com\n"),
        json!("x@evil.com\nada@corp.com"),
        json!("ada@corpxcom"),
        json!("ada@corp.com "),
        json!("ada@corp.com\u{0}"),
        json!("ada@CORP.com"),
        json!("@corp.com"),
        json!({"ada@corp.com": "ada@corp.com"}),
        json!([["ada@corp.com"]]),
        json!(null),
    ];
    let mut deviations = Vec::new();
    for door in doors(&policy)? {
        let good = status(&*door, &token(json!("ada@corp.com")))?;
        assert_eq!(good, 200, "{}", door.name());
        for other in &others {
            let found = status(&*door, &token(other.clone()))?;
            if found != 403 {
                deviations.push(format!("{}: {other} is answered {found}", door.name()));
            }
        }
    }
    report(&deviations)
}
