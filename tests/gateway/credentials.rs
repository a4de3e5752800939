//! Upstreams get credentials of ours in place of the client's: tokens of our own, tokens in a
//! client's name, and never the one that the client showed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value as Json, json};
use url::form_urlencoded;
use ztag_test_support::{
    Failure, Mint, MockServer, Recorded, Reply, Request, Response, free_port, send, unix_time,
};

use crate::house::House;

const SERVER: &str = "  clientAuth: {clientId: gateway, secret: of-the-gateway}\n";

/// What each route sends: a token of ours, one in the name of the client, none, one that is not to
/// be had, and ours to what is open to everybody.
const POLICY: &str = r"
endpoints:
  api:
    authentication: {allow: {jwt: [idp]}, challenge: {type: bearer, realm: api}}
    rules: [{name: identify}]
rules:
  identify: {auth: [{match: [{type: jwt}]}]}
issuers:
  idp: {issuer: 'https://idp.example/', audiences: [a], jwks: {keys: '{keys}'}}
routes:
  own: {paths: [/own], endpoint: api, upstream: app}
  open: {paths: [/open], public: true, upstream: app}
  none: {paths: [/none], endpoint: api, upstream: app, credentials: {none: true}}
  delegated:
    paths: [/delegated]
    endpoint: api
    upstream: app
    credentials:
      exchange:
        issuer: https://as.example
        tokenEndpoint: 'http://{server}/token'
        audience: orders
        actor: {scopes: [act]}
  lost:
    paths: [/lost]
    endpoint: api
    upstream: app
    credentials:
      clientCredentials: {issuer: https://lost.example, tokenEndpoint: 'http://{nobody}/token'}
upstreams:
  app:
    targets: [{url: 'http://{upstream}'}]
    credentials:
      clientCredentials:
        issuer: https://as.example
        tokenEndpoint: 'http://{server}/token'
        scopes: [orders]
";

/// An authorization server, an application, and the gateway between them and its clients.
struct Stage {
    /// Answers with this status, 200 unless set.
    refusal: Arc<AtomicU16>,
    server: MockServer,
    upstream: MockServer,
    house: House,
    mint: Mint,
}

impl Stage {
    fn open() -> Result<Self, Failure> {
        let mint = Mint::new("k")?;
        let refusal = Arc::new(AtomicU16::new(200));
        let status = Arc::clone(&refusal);
        let server = MockServer::start(move |asked| issue(asked, status.load(Ordering::Acquire)))?;
        let upstream = MockServer::application()?;
        let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let keys = json!({"keys": [mint.public()]}).to_string();
        let policy = POLICY
            .replace("{keys}", &keys)
            .replace("{server}", &server.address().to_string())
            .replace("{nobody}", &nobody.to_string())
            .replace("{upstream}", &upstream.address().to_string());
        let house = House::open(tempfile::tempdir()?, SERVER, &policy)?;
        Ok(Self {
            refusal,
            server,
            upstream,
            house,
            mint,
        })
    }

    fn token(&self, sub: &str) -> String {
        let now = unix_time();
        self.mint.token(&json!({
            "iss": "https://idp.example/", "aud": "a", "sub": sub, "client_id": "c",
            "jti": sub, "iat": now, "exp": now + 600,
        }))
    }

    fn ask(&self, path: &str, token: Option<&str>) -> Result<Response, Failure> {
        let mut request = Request::new("GET", path).header("Host: app.example.com");
        if let Some(token) = token {
            request = request.header(format!("Authorization: Bearer {token}"));
        }
        Ok(send(self.house.address(), &request)?)
    }

    /// The only credential that the upstream got.
    fn credential(&self) -> Option<String> {
        let seen = self.upstream.take_recorded();
        let [request] = seen.as_slice() else {
            panic!("not one request: {seen:?}");
        };
        let mut lines = request.headers.lines("authorization");
        let line = lines.next().map(str::to_owned);
        assert_eq!(lines.next(), None);
        line
    }

    /// The line of the access log that tells of `path`.
    fn logged(&self, path: &str) -> Result<Json, Failure> {
        let of = format!("\"path\":\"{path}\"");
        let process = &self.house.gateway.process;
        let line = process.wait_for_line(|line| line.contains(&of))?;
        serde_json::from_str(&line).map_err(|error| Failure::new(error.to_string()))
    }
}

/// A token that says for what it was given.
fn issue(asked: &Recorded, status: u16) -> Reply {
    if status != 200 {
        return Reply::text(status, "");
    }
    let form = form(asked);
    let token = match form.get("subject_token") {
        Some(subject) => format!("for-{}", subject.rsplit('.').next().unwrap_or_default()),
        None => format!("own-{}", form.get("scope").map_or("", String::as_str)),
    };
    let answer = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    let reply = Reply::text(200, &answer.to_string());
    Reply {
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        ..reply
    }
}

fn form(asked: &Recorded) -> BTreeMap<String, String> {
    let pairs = form_urlencoded::parse(&asked.body);
    pairs.into_owned().collect()
}

/// What comes of exchanging `token`.
fn in_the_name_of(token: &str) -> String {
    format!(
        "Bearer for-{}",
        token.rsplit('.').next().unwrap_or_default()
    )
}

#[test]
fn attack_51_the_upstream_gets_our_token_and_never_the_clients() -> Result<(), Failure> {
    let stage = Stage::open()?;
    let ada = stage.token("ada");
    for (path, token, expected) in [
        ("/own", Some(&*ada), Some("Bearer own-orders")),
        ("/open", None, Some("Bearer own-orders")),
        ("/open", Some(&*ada), Some("Bearer own-orders")),
        ("/none", Some(&*ada), None),
    ] {
        assert_eq!(stage.ask(path, token)?.status, 200, "{path}");
        assert_eq!(stage.credential().as_deref(), expected, "{path}");
    }
    let asked = stage.server.recorded();
    let [asked] = asked.as_slice() else {
        panic!("one token serves everybody: {asked:?}");
    };
    let form = form(asked);
    assert_eq!(form.get("grant_type").unwrap(), "client_credentials");
    assert!(
        asked
            .headers
            .value("authorization")
            .unwrap()
            .starts_with("Basic ")
    );
    Ok(())
}

#[test]
fn attack_37_a_token_in_the_name_of_one_client_serves_no_other() -> Result<(), Failure> {
    let stage = Stage::open()?;
    let (ada, bob) = (stage.token("ada"), stage.token("bob"));
    for _ in 0..3 {
        for token in [&ada, &bob] {
            assert_eq!(stage.ask("/delegated", Some(token))?.status, 200);
            assert_eq!(stage.credential(), Some(in_the_name_of(token)));
        }
    }
    let forms: Vec<_> = stage.server.recorded().iter().map(form).collect();
    let exchanges = forms
        .iter()
        .filter(|form| form.contains_key("subject_token"));
    let exchanges: Vec<_> = exchanges.collect();
    assert_eq!(exchanges.len(), 2, "{forms:?}");
    for (form, token) in exchanges.into_iter().zip([&ada, &bob]) {
        assert_eq!(form.get("subject_token"), Some(token));
        assert_eq!(form.get("actor_token").unwrap(), "own-act");
        assert_eq!(form.get("audience").unwrap(), "orders");
    }
    Ok(())
}

#[test]
fn attack_42_nothing_is_sent_without_the_credential_that_must_be() -> Result<(), Failure> {
    let stage = Stage::open()?;
    let ada = stage.token("ada");
    stage.refusal.store(500, Ordering::Release);
    for path in ["/lost", "/delegated"] {
        let reply = stage.ask(path, Some(&ada))?;
        assert_eq!(
            (reply.status, &*reply.text()),
            (503, "upstream unavailable"),
            "{path}"
        );
        let line = stage.logged(path)?;
        let said = |key: &str| line.get(key).and_then(Json::as_str).unwrap_or_default();
        assert_eq!(said("outcome"), "pass");
        assert_eq!(said("reason"), "upstream_unavailable");
        assert_eq!(said("upstream_error"), "credential");
        let detail = said("detail");
        assert!(
            detail.starts_with("no credential for the upstream: "),
            "{detail}"
        );
    }
    assert!(stage.upstream.recorded().is_empty());
    // Who shows no token is not asked for one at the server.
    stage.server.take_recorded();
    assert_eq!(stage.ask("/delegated", None)?.status, 401);
    assert!(stage.server.recorded().is_empty());
    Ok(())
}

#[test]
fn every_request_is_counted_by_the_route_it_fits() -> Result<(), Failure> {
    let stage = Stage::open()?;
    let ada = stage.token("ada");
    for (path, token, status) in [
        ("/own", Some(&*ada), 200),
        ("/own", None, 401),
        ("/lost", Some(&*ada), 503),
        ("/nowhere", Some(&*ada), 404),
    ] {
        assert_eq!(stage.ask(path, token)?.status, status, "{path}");
    }
    for (route, status) in [("own", 200), ("own", 401), ("lost", 503), ("", 404)] {
        let name =
            format!("ztag_http_requests_total{{route=\"{route}\",status_code=\"{status}\"}}");
        let counted = stage.house.metric(&name)?;
        assert!((counted - 1.0).abs() < f64::EPSILON, "{name} {counted}");
    }
    Ok(())
}
