//! What is remembered for one request answers no other, through every door.

use std::fs;

use serde_json::json;
use ztag_test_support::door::{Asked, Door, Front, Knock, doors};
use ztag_test_support::{Failure, Mint, MockServer, Reply, unix_time};

const HOST: &str = "app.example.com";

/// The status of a GET with these header lines.
fn status(door: &dyn Door, host: &str, path: &str, lines: &[&str]) -> Result<u16, Failure> {
    let observed = door.knock(&Knock {
        method: String::from("GET"),
        target: path.as_bytes().to_vec(),
        hosts: vec![host.as_bytes().to_vec()],
        lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
    })?;
    observed
        .status
        .ok_or_else(|| Failure::new("no reply at all"))
}

/// What the backend says of somebody.
fn user_is(name: &str) -> Reply {
    Reply {
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        ..Reply::text(200, &json!({ "user": name }).to_string())
    }
}

/// A policy that asks `backend` about bearer tokens and remembers what it says. Its first rule lets
/// pass whoever is known, its second one only some of them.
fn remembering(backend: &MockServer) -> String {
    let address = backend.address();
    format!(
        "endpoints:
  api:
    authentication: {{allow: {{authorization: [bearer]}}, challenge: {{type: bearer, realm: api}}}}
    rules: [{{name: known}}, {{name: owner}}]
rules:
  known: &ask
    auth: [{{match: [{{type: bearer}}]}}]
    backendApi: {{url: 'http://{address}/whoami'}}
    cache: {{ttl: {{pass: 5m, fail: 5m}}}}
    conditions: {{pass: ['backend.body.user != \"\"']}}
  owner:
    <<: *ask
    conditions:
      pass:
        - 'request.path == \"/of/\" + backend.body.user'
        - 'request.host == \"app.example.com\"'
        - 'lookup(request.query, \"tenant\") == null || lookup(request.query, \"tenant\") == \"a\"'
"
    )
}

#[test]
fn attack_39_a_remembered_reply_skips_no_stricter_rule() -> Result<(), Failure> {
    let backend = MockServer::start(|request| {
        let token = request.headers.value("authorization").unwrap_or_default();
        let user = token.rsplit('-').next().unwrap_or_default();
        user_is(user)
    })?;
    for door in doors(&remembering(&backend))? {
        let ask = |host, path, token| {
            let line = format!("Authorization: Bearer t-{token}");
            status(&*door, host, path, &[&line])
        };
        for _ in 0..3 {
            assert_eq!(ask(HOST, "/of/ada", "ada")?, 200, "{}", door.name());
            // The same reply of the backend, but not what it is good for.
            assert_eq!(ask(HOST, "/of/bea", "ada")?, 403, "{}", door.name());
            assert_eq!(ask(HOST, "/of/bea", "bea")?, 200, "{}", door.name());
            assert_eq!(ask(HOST, "/of/ada", "bea")?, 403, "{}", door.name());
        }
    }
    Ok(())
}

#[test]
fn attack_41_what_was_remembered_of_one_host_is_not_said_of_another() -> Result<(), Failure> {
    let backend = MockServer::start(|_| user_is("ada"))?;
    let token = "Authorization: Bearer t-ada";
    for door in doors(&remembering(&backend))? {
        let ask = |host, path| status(&*door, host, path, &[token]);
        for _ in 0..2 {
            assert_eq!(ask(HOST, "/of/ada")?, 200, "{}", door.name());
            assert_eq!(ask("other.example.com", "/of/ada")?, 403, "{}", door.name());
            assert_eq!(ask(HOST, "/of/ada?tenant=a")?, 200, "{}", door.name());
            assert_eq!(ask(HOST, "/of/ada?tenant=b")?, 403, "{}", door.name());
        }
    }
    Ok(())
}

#[test]
fn attack_42_a_failing_backend_is_remembered_by_nobody() -> Result<(), Failure> {
    let backend = MockServer::start(|request| {
        let token = request.headers.value("authorization").unwrap_or_default();
        match token.as_str() {
            "Bearer t-broken" => Reply::text(500, "{}"),
            _ => user_is("ada"),
        }
    })?;
    for door in doors(&remembering(&backend))? {
        let ask = |token: &str| status(&*door, HOST, "/of/ada", &[token]);
        backend.take_recorded();
        for _ in 0..3 {
            assert_eq!(
                ask("Authorization: Bearer t-broken")?,
                502,
                "{}",
                door.name()
            );
        }
        let asked = backend.take_recorded().len();
        assert!(asked >= 3, "{}: asked {asked} times", door.name());
        assert_eq!(ask("Authorization: Bearer t-ada")?, 200, "{}", door.name());
    }
    Ok(())
}

/// Scopes are judged for each request, however well the token is known.
#[test]
fn attack_37_a_known_token_is_good_for_its_scopes_only() -> Result<(), Failure> {
    let mint = Mint::new("k")?;
    let keys = json!({"keys": [mint.public()]});
    let policy = format!(
        "endpoints:
  api:
    authentication: {{allow: {{jwt: [idp]}}, challenge: {{type: bearer, realm: api}}}}
    rules: [{{name: identify}}]
rules:
  identify:
    auth: [{{match: [{{type: jwt}}]}}]
    conditions:
      pass: ['(\"/\" + auth.input.jwt.claims.scope).startsWith(request.path)']
issuers:
  idp: {{issuer: 'https://idp.example/', audiences: [a], jwks: {{keys: '{keys}'}}}}
"
    );
    let token = |scope: &str| {
        let now = unix_time();
        let claims = json!({
            "iss": "https://idp.example/", "aud": "a", "sub": "ada", "client_id": "c",
            "jti": scope, "iat": now, "exp": now + 600, "scope": scope,
        });
        format!("Authorization: Bearer {}", mint.token(&claims))
    };
    let (read, write) = (token("read"), token("write"));
    for door in doors(&policy)? {
        for _ in 0..2 {
            let ask = |path, token: &str| status(&*door, HOST, path, &[token]);
            assert_eq!(ask("/read", &read)?, 200, "{}", door.name());
            assert_eq!(ask("/write", &read)?, 403, "{}", door.name());
            assert_eq!(ask("/write", &write)?, 200, "{}", door.name());
            assert_eq!(ask("/read", &write)?, 403, "{}", door.name());
        }
    }
    Ok(())
}

/// What a reload takes away is taken away, whatever was remembered.
#[test]
fn attack_42_a_reload_forgets_what_was_allowed() -> Result<(), Failure> {
    let backend = MockServer::start(|_| user_is("ada"))?;
    let policy = remembering(&backend);
    let asked = Asked::open(&policy)?;
    let front = Front::open(&policy)?;
    let doors: [(&dyn Door, _); 2] = [(&asked, asked.config()), (&front, front.config())];
    for (door, config) in doors {
        let token = "Authorization: Bearer t-ada";
        let ask = || status(door, HOST, "/of/ada", &[token]);
        for _ in 0..3 {
            assert_eq!(ask()?, 200, "{}", door.name());
        }
        let text = fs::read_to_string(config)?;
        let stricter = text.replace("backend.body.user != \"\"", "backend.body.user == \"eve\"");
        assert_ne!(text, stricter);
        fs::write(config, stricter)?;
        door.process().signal("HUP")?;
        let process = door.process();
        process.wait_for_line(|line| line.contains("configuration reloaded"))?;
        assert_eq!(ask()?, 403, "{}", door.name());
    }
    Ok(())
}
