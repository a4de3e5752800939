//! Tokens of a certified `OpenID` provider at every door: allowed and denied, while its keys change,
//! while it is gone, bound to keys, opaque and revoked.

#![cfg(test)]

mod bound;
mod keys;
mod opaque;
mod own_client;

use std::thread;
use std::time::Duration;

use serde_json::Value as Json;
use ztag_test_support::door::{Door, Knock, Observed, doors};
use ztag_test_support::{Failure, OidcProvider};

const API: &str = "https://api.example.com";

/// Between two looks at something that cannot be waited for, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
const ATTEMPTS: u32 = 1_200;

/// Who may read and who may write, by tokens of this provider. `%%` ends the lines of `server`.
fn policy(provider: &OidcProvider) -> String {
    let (issuer, key) = (provider.issuer(), provider.client_key());
    format!(
        "  tokens: {{proofs: {{nonces: {{}}}}}}
  clientAuth: {{clientId: gateway, keyFile: '{key}', algorithm: ES256, keyId: client}}
%%
endpoints:
  api:
    authentication:
      allow: {{jwt: [provider], introspection: [provider]}}
      challenge: {{type: bearer, realm: api}}
    rules: [{{name: identify}}, {{name: write}}]
    responsePolicy: {{pass: {{headers: {{x-user: '{{{{ response.user }}}}'}}}}}}
rules:
  identify:
    auth:
      - match: [{{type: jwt, scopes: [read]}}]
      - match: [{{type: introspection, scopes: [read]}}]
    responses:
      pass:
        variables:
          user: 'auth.selected == \"jwt\" ? auth.input.jwt.claims.sub : auth.input.introspection.claims.client_id'
          scope: 'auth.selected == \"jwt\" ? auth.input.jwt.claims.scope : auth.input.introspection.claims.scope'
  write:
    conditions:
      fail: ['request.path == \"/write\" && !(\"write\" in variables.rule.identify.scope.split(\" \"))']
issuers:
  provider:
    issuer: {issuer}
    audiences: [{API}, https://short.example.com]
    clockSkew: 0s
    jwks: {{minInterval: 1s}}
introspection:
  provider:
    issuer: {issuer}
    audiences: [https://opaque.example.com]
    maxAge: 1s
    maxAgeInactive: 1s
",
        key = key.display(),
    )
}

/// A token that the provider issues to a client that is not ours.
fn token(provider: &OidcProvider, resource: &str, scope: &str) -> Result<String, Failure> {
    let answer = provider.foreign_client(&["token", resource, scope])?;
    let token = answer.get("access_token").and_then(Json::as_str);
    let token = token.ok_or_else(|| Failure::new(format!("no token in {answer}")))?;
    Ok(token.to_owned())
}

fn show(door: &dyn Door, path: &str, token: &str) -> Result<Observed, Failure> {
    door.knock(&Knock {
        method: String::from("GET"),
        target: path.as_bytes().to_vec(),
        hosts: vec![b"app.example.com".to_vec()],
        lines: vec![format!("Authorization: Bearer {token}").into_bytes()],
    })
}

/// Shows `token` until it is answered with `status`; fails when that does not come.
fn wait_for(door: &dyn Door, token: &str, status: u16) -> Result<Observed, Failure> {
    for _ in 0..ATTEMPTS {
        let observed = show(door, "/read", token)?;
        if observed.status == Some(status) {
            return Ok(observed);
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    let (name, log) = (door.name(), door.process().log());
    Err(Failure::new(format!(
        "{name} never answers {status}\n{log}"
    )))
}

#[track_caller]
fn expect(
    door: &dyn Door,
    path: &str,
    token: &str,
    expected: (u16, &str),
) -> Result<Observed, Failure> {
    let observed = show(door, path, token)?;
    let reason = door.reason(&observed)?.unwrap_or_default();
    let found = (observed.status.unwrap_or(0), reason.as_str());
    let log = door.process().log();
    assert_eq!(found, expected, "{} {path}\n{log}", door.name());
    Ok(observed)
}

#[test]
fn tokens_open_what_they_are_for() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    let read = token(&provider, API, "read")?;
    let write = token(&provider, API, "read write")?;
    let only_write = token(&provider, API, "write")?;
    let other = token(&provider, "https://other.example.com", "read")?;
    for door in doors(&policy(&provider))? {
        let observed = expect(&*door, "/read", &read, (200, "rules_passed"))?;
        let user = observed.identity.value("x-user");
        assert_eq!(user.as_deref(), Some("tester"));
        expect(&*door, "/write", &write, (200, "rules_passed"))?;
        expect(&*door, "/write", &read, (403, "fail_condition"))?;
        expect(&*door, "/read", &only_write, (403, "credentials_unmatched"))?;
        expect(&*door, "/read", &other, (401, "token_refused"))?;
        expect(&*door, "/read", "made-up", (401, "token_refused"))?;
        // The other way round, now that all are known.
        expect(&*door, "/write", &read, (403, "fail_condition"))?;
        expect(&*door, "/read", &other, (401, "token_refused"))?;
        // An upstream learns who asks, and nothing with which it could ask itself.
        let shown = observed.arrived.into_iter().flatten();
        for request in shown {
            assert_eq!(request.headers.value("authorization"), None);
        }
    }
    Ok(())
}

/// A token is good to its last second, remembered or not.
#[test]
fn attack_42_a_remembered_token_ends_when_it_says() -> Result<(), Failure> {
    let provider = OidcProvider::start()?;
    for door in doors(&policy(&provider))? {
        let short = token(&provider, "https://short.example.com", "read")?;
        expect(&*door, "/read", &short, (200, "rules_passed"))?;
        let refused = wait_for(&*door, &short, 401)?;
        let reason = door.reason(&refused)?;
        assert_eq!(reason.as_deref(), Some("token_refused"));
    }
    Ok(())
}
