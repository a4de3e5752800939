//! Stores of relationships: changed through the API while the gateway asks them, and lists reduced
//! to what clients may see.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value as Json, json};
use ztag_test_support::{Failure, MockServer, Reply, Request, Response, free_port, send};

use crate::house::House;

/// Alice, and a list of documents that is reduced to what she may see; one of them by a rule.
const POLICY: &str = r#"
endpoints:
  api:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: identify}]
    responsePolicy: {pass: {headers: {x-user: "{{ response.user }}"}}}
  document:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: identify}, {name: may-read}]
rules:
  identify:
    auth: [{match: [{type: bearer, value: t-alice}]}]
    responses: {pass: {variables: {user: "'alice'"}}}
  may-read:
    variables: {document: 'request.path.split("/")[2]'}
    fga:
      store: documents
      user: "user:{{ response.user }}"
      relation: viewer
      object: "document:{{ variables.local.document }}"
routes:
  list:
    paths: [/documents]
    endpoint: api
    upstream: app
    filterItems:
      store: documents
      items: /documents
      user: "user:{{ identity['x-user'] }}"
      relation: viewer
      object: "document:{{ item.id }}"
  one: {paths: [/documents/*], endpoint: document, upstream: app}
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
      - {user: "user:bob", relation: viewer, object: "document:2"}
"#;

/// What the application answers: documents of everybody.
const LIST: &str = r#"{"documents": [{"id": 1}, {"id": 2}, {"id": 3}]}"#;

const KEY: &str = "a-key-of-the-operators";

struct Stage {
    house: House,
    api: SocketAddr,
    _application: MockServer,
}

impl Stage {
    /// A gateway that serves the API as the line `fga` of its server section says.
    fn set(fga: impl FnOnce(u16) -> String) -> Result<Self, Failure> {
        Self::set_with(str::to_owned, fga)
    }

    /// The same with another policy.
    fn set_with(
        change: impl FnOnce(&str) -> String,
        fga: impl FnOnce(u16) -> String,
    ) -> Result<Self, Failure> {
        let application = MockServer::start(|_| Reply {
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("ETag".to_owned(), "\"all\"".to_owned()),
            ],
            ..Reply::text(200, LIST)
        })?;
        let policy = POLICY.replace("{upstream}", &application.address().to_string());
        let policy = change(&policy);
        let port = free_port()?;
        let house = House::open(tempfile::tempdir()?, &fga(port), &policy)?;
        Ok(Self {
            house,
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            _application: application,
        })
    }

    fn list(&self) -> Result<Response, Failure> {
        let request = Request::new("GET", "/documents")
            .header("Host: app.example.com")
            .header("Authorization: Bearer t-alice");
        Ok(send(self.house.address(), &request)?)
    }
}

/// Calls the API of stores.
fn call(
    api: SocketAddr,
    (method, path): (&str, &str),
    key: &str,
    body: &Json,
) -> Result<Response, Failure> {
    let request = Request::new(method, path)
        .header("Host: localhost")
        .header(format!("Authorization: Bearer {key}"))
        .header("Content-Type: application/json")
        .body(body.to_string());
    Ok(send(api, &request)?)
}

fn read(answer: &Response) -> Result<Json, Failure> {
    let text = answer.text();
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("{error}: {text}")))
}

/// The id of the store called `documents`.
fn store(api: SocketAddr) -> Result<String, Failure> {
    let listed = call(api, ("GET", "/stores"), KEY, &json!({}))?;
    let listed = read(&listed)?;
    let id = listed["stores"][0]["id"].as_str();
    id.map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("no store: {listed}")))
}

fn write(
    api: SocketAddr,
    store: &str,
    what: &str,
    user: &str,
    object: &str,
) -> Result<u16, Failure> {
    let tuple = json!({"user": user, "relation": "viewer", "object": object});
    let body = json!({ what: { "tuple_keys": [tuple] } });
    let path = format!("/stores/{store}/write");
    Ok(call(api, ("POST", &path), KEY, &body)?.status)
}

fn own_listener(port: u16) -> String {
    format!("  fga: {{api: {{listen: {{port: {port}}}, access: {{keys: [{{key: {KEY}}}]}}}}}}\n")
}

#[test]
fn attack_42_what_the_api_takes_away_is_denied_with_the_next_request() -> Result<(), Failure> {
    let stage = Stage::set(own_listener)?;
    let store = store(stage.api)?;
    assert_eq!(stage.house.status("/documents/1"), Some(200));
    assert_eq!(stage.house.status("/documents/3"), Some(403));
    assert_eq!(
        write(stage.api, &store, "writes", "user:alice", "document:3")?,
        200
    );
    assert_eq!(stage.house.status("/documents/3"), Some(200));
    assert_eq!(
        write(stage.api, &store, "deletes", "user:alice", "document:1")?,
        200
    );
    assert_eq!(stage.house.status("/documents/1"), Some(403));
    Ok(())
}

#[test]
fn lists_hold_what_the_client_may_see() -> Result<(), Failure> {
    let stage = Stage::set(own_listener)?;
    let answer = stage.list()?;
    assert_eq!(answer.text(), r#"{"documents": [{"id": 1}]}"#);
    assert_eq!(answer.headers.value("etag"), None);
    let store = store(stage.api)?;
    write(stage.api, &store, "writes", "user:alice", "document:3")?;
    write(stage.api, &store, "deletes", "user:alice", "document:1")?;
    assert_eq!(stage.list()?.text(), r#"{"documents": [{"id": 3}]}"#);
    Ok(())
}

#[test]
fn the_api_is_for_those_with_a_key() -> Result<(), Failure> {
    let stage = Stage::set(own_listener)?;
    let refused = call(
        stage.api,
        ("GET", "/stores"),
        "another-key-of-theirs",
        &json!({}),
    )?;
    assert_eq!(refused.status, 401);
    // Not on the admin listener, which nobody said.
    let admin = call(stage.house.admin, ("GET", "/stores"), KEY, &json!({}))?;
    assert_eq!(admin.status, 404);
    Ok(())
}

#[test]
fn the_admin_listener_serves_the_api_where_it_has_none_of_its_own() -> Result<(), Failure> {
    let stage = Stage::set(|_| String::from("  fga: {api: {open: true}}\n"))?;
    let admin = stage.house.admin;
    let id = store(admin)?;
    assert_eq!(
        write(admin, &id, "writes", "user:alice", "document:2")?,
        200
    );
    assert_eq!(stage.house.status("/documents/2"), Some(200));
    // Pages that rebind their name to this listener get nothing.
    let request = Request::new("GET", "/stores").header("Host: evil.example");
    assert_eq!(send(admin, &request)?.status, 403);
    assert_eq!(
        send(
            admin,
            &Request::new("GET", "/healthz").header("Host: localhost")
        )?
        .status,
        200
    );
    Ok(())
}

#[test]
fn explanations_tell_what_was_asked() -> Result<(), Failure> {
    let stage = Stage::set(own_listener)?;
    let body = json!({
        "endpoint": "document",
        "url": "http://app.example.com/documents/2",
        "headers": {"Authorization": "Bearer t-alice"},
    });
    let answer = call(stage.house.admin, ("POST", "/explain"), KEY, &body)?;
    let record = read(&answer)?;
    assert_eq!(
        (&record["outcome"], &record["reason"]),
        (&json!("fail"), &json!("fga_denied"))
    );
    let told = &record["rules"][1]["fga"];
    assert_eq!(
        (&told["store"], &told["source"]),
        (&json!("documents"), &json!("local"))
    );
    assert_eq!(told["revision"], json!(2));
    let check = json!({"user": "user:alice", "relation": "viewer", "object": "document:2"});
    assert_eq!(told["asked"], json!([{ "check": check, "allowed": false }]));
    Ok(())
}

#[test]
fn the_metrics_of_the_gateway_count_what_its_stores_are_asked() -> Result<(), Failure> {
    let stage = Stage::set(|_| String::from("  fga: {api: {open: true}}\n"))?;
    let told = ask_two(&stage)?;
    let admin = stage.house.admin;
    let id = store(admin)?;
    let tuples = format!("fga_tuples{{store=\"{id}\",name=\"documents\"}} 2");
    assert!(told.lines().any(|own| own == tuples), "{told}");
    let metrics = call(admin, ("GET", "/api/v1/fga/metrics"), KEY, &json!({}))?;
    let metrics = read(&metrics)?;
    assert_eq!(
        (&metrics["checks"]["total"], &metrics["store_count"]),
        (&json!(2), &json!(1))
    );
    assert!(metrics["checks"]["per_second"].is_number());
    Ok(())
}

#[test]
fn stores_of_files_are_counted_too() -> Result<(), Failure> {
    let fixed = |policy: &str| policy.replace("    writable: true\n", "");
    let stage = Stage::set_with(fixed, |_| String::new())?;
    let told = ask_two(&stage)?;
    assert!(told.contains(",name=\"documents\"} 2\n"), "{told}");
    Ok(())
}

/// Two questions, and what the metrics tell then.
fn ask_two(stage: &Stage) -> Result<String, Failure> {
    assert_eq!(stage.house.status("/documents/1"), Some(200));
    assert_eq!(stage.house.status("/documents/2"), Some(403));
    let told = call(stage.house.admin, ("GET", "/metrics"), KEY, &json!({}))?.text();
    for line in [
        "# TYPE fga_checks_per_second gauge",
        "fga_checks_total{result=\"allowed\"} 1",
        "fga_checks_total{result=\"denied\"} 1",
        "fga_stores 1",
    ] {
        assert!(told.lines().any(|own| own == line), "{line}\n{told}");
    }
    Ok(told)
}
