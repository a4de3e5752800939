//! Two gateways whose stores of relationships are in one database.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use ztag_test_support::{Failure, MockServer, Postgres, Reply, Request, send};

use crate::house::House;

/// How long to wait for what happens by itself. Far more than it takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the list says; or, for those who must know, what is true now.
const POLICY: &str = r#"
endpoints:
  known:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: may-read}]
  latest:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: may-read-now}]
rules:
  may-read:
    auth: [{match: [{type: bearer, value: t-alice}]}]
    fga: {store: documents, user: "user:alice", relation: viewer, object: "document:1"}
  may-read-now:
    auth: [{match: [{type: bearer, value: t-alice}]}]
    fga:
      store: documents
      user: "user:alice"
      relation: viewer
      object: "document:1"
      consistency: higherConsistency
routes:
  known: {paths: [/known], endpoint: known, upstream: app}
  latest: {paths: [/latest], endpoint: latest, upstream: app}
upstreams:
  app: {targets: [{url: 'http://{upstream}'}]}
fgaStores:
  documents:
    writable: true
    model: |
      model
        schema 1.1
      type user
      type document
        relations
          define viewer: [user]
    tuples:
      - {user: "user:alice", relation: viewer, object: "document:1"}
"#;

fn gateway(postgres: &Postgres, application: &MockServer) -> Result<House, Failure> {
    let policy = POLICY.replace("{upstream}", &application.address().to_string());
    let url = postgres.url();
    let server = format!(
        "  fga:\n    postgres: {{url: '{url}', images: images}}\n    api: {{open: true}}\n"
    );
    House::open(tempfile::tempdir()?, &server, &policy)
}

fn edit(admin: SocketAddr, what: &str) -> Result<u16, Failure> {
    let ask = |method: &str, path: &str, body: &Json| {
        let request = Request::new(method, path)
            .header("Host: localhost")
            .header("Content-Type: application/json")
            .body(body.to_string());
        send(admin, &request)
    };
    let listed: Json = serde_json::from_str(&ask("GET", "/stores", &json!({}))?.text())?;
    let id = listed["stores"][0]["id"].as_str().unwrap_or_default();
    let key = json!({"user": "user:alice", "relation": "viewer", "object": "document:1"});
    let body = json!({ what: { "tuple_keys": [key] } });
    Ok(ask("POST", &format!("/stores/{id}/write"), &body)?.status)
}

fn health(admin: SocketAddr) -> Result<Json, Failure> {
    let request = Request::new("GET", "/healthz").header("Host: localhost");
    Ok(serde_json::from_str(&send(admin, &request)?.text())?)
}

fn until(what: &str, is_so: impl Fn() -> bool) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > end {
            return Err(Failure::new(format!("{what} never came")));
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

#[test]
fn attack_42_a_revoke_at_one_gateway_counts_at_the_other() -> Result<(), Failure> {
    let mut postgres = Postgres::start()?;
    let application = MockServer::start(|_| Reply::text(200, "here"))?;
    let one = gateway(&postgres, &application)?;
    let other = gateway(&postgres, &application)?;
    for house in [&one, &other] {
        assert_eq!(house.status("/known"), Some(200));
    }
    for _ in 0..5 {
        assert_eq!(edit(one.admin, "deletes")?, 200);
        assert_eq!(other.status("/latest"), Some(403));
        until("the revoke", || other.status("/known") == Some(403))?;
        assert_eq!(edit(other.admin, "writes")?, 200);
        assert_eq!(one.status("/latest"), Some(200));
    }

    // Without the database, what is known is answered; what must be the latest is not, and never
    // passes.
    postgres.kill();
    for house in [&one, &other] {
        assert_eq!(house.status("/known"), Some(200));
        assert_ne!(house.status("/latest"), Some(200));
        assert_eq!(edit(house.admin, "deletes")?, 503);
        let told = health(house.admin)?;
        assert_eq!(told["status"], "degraded", "{told}");
        assert_eq!(told["relations"]["writes"], "unavailable", "{told}");
    }
    postgres.resume()?;
    until("the database", || {
        edit(one.admin, "deletes").is_ok_and(|status| status != 503)
    })?;
    until("the revoke", || other.status("/known") == Some(403))?;
    until("health", || {
        health(other.admin).is_ok_and(|told| told["status"] == "ok")
    })
}
