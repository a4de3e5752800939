//! Which route serves what: a broader one never serves what a narrower one names, and nothing that
//! is spelt oddly reaches a route that asks less.

use ztag_test_support::{Connection, Failure, MockServer};

use crate::house::House;

/// Everything needs a token, but for what is below `/public`; below that again, `/public/internal`
/// is for nobody any more.
const POLICY: &str = r#"
endpoints:
  api:
    authentication: {allow: {authorization: [bearer]}}
    rules: [{name: identify}]
    responsePolicy: {pass: {headers: {x-user: "{{ response.user }}"}}}
  edge:
    authentication: {allow: {authorization: [bearer]}}
    forwardProxyPolicy: {untrusted: drop}
    rules: [{name: identify}]
  broken:
    authentication: {allow: {none: true}}
    rules: [{name: absent}]
rules:
  identify:
    auth: [{match: [{type: bearer, value: t-alice}]}]
    responses: {pass: {variables: {user: "'alice'"}}}
routes:
  everything: {endpoint: api, upstream: app}
  public: {paths: [/public/*], public: true, upstream: app, methods: [GET]}
  internal: {paths: [/public/internal/*], endpoint: broken, upstream: app}
  nowhere: {paths: [/public/nowhere], public: true, upstream: lost}
  versioned: {paths: [/public/v], public: true, upstream: app, headers: {x-version: "2"}}
  admin: {hosts: [admin.example.com], endpoint: api, upstream: app}
  edge: {hosts: [edge.example.com], endpoint: edge, upstream: app}
upstreams:
  app: {targets: [{url: 'http://{upstream}'}]}
  lost: {targets: []}
"#;

fn open(upstream: &MockServer) -> Result<House, Failure> {
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    House::open(tempfile::tempdir()?, "", &policy)
}

fn status(house: &House, line: &str, host: &str, more: &str) -> Result<Option<u16>, Failure> {
    let mut connection = Connection::open(house.address())?;
    let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    connection.write(head.as_bytes())?;
    let method = line.split(' ').next().unwrap_or_default();
    Ok(connection.reply(method).ok().map(|reply| reply.status))
}

#[test]
fn a_broader_route_never_serves_what_a_narrower_one_names() -> Result<(), Failure> {
    const APP: &str = "app.example.com";
    let upstream = MockServer::application()?;
    let house = open(&upstream)?;
    for (line, host, more, expected) in [
        ("GET /public/page", APP, "", 200),
        ("GET /public", APP, "", 200),
        ("GET /publicity", APP, "", 401),
        ("GET /", APP, "", 401),
        // Broken, but in its place.
        ("GET /public/internal", APP, "", 503),
        ("GET /public/internal/x", APP, "", 503),
        ("GET /public/nowhere", APP, "", 503),
        // Neither the method nor the field of the narrower route: nobody's.
        ("POST /public/page", APP, "Content-Length: 0\r\n", 405),
        ("HEAD /public/page", APP, "", 405),
        ("GET /public/v", APP, "X-Version: 2\r\n", 200),
        ("GET /public/v", APP, "X-Version: 1\r\n", 404),
        ("GET /public/v", APP, "", 404),
        // The host chooses before the path.
        ("GET /public/page", "admin.example.com", "", 401),
        ("GET /public/page", "ADMIN.example.com.", "", 401),
        ("GET /public/page", "admin.example.com:80", "", 401),
    ] {
        let found = status(&house, line, host, more)?;
        assert_eq!(found, Some(expected), "{line} at {host} with {more:?}");
    }
    Ok(())
}

#[test]
fn attack_01_no_spelling_reaches_a_route_that_asks_less() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = open(&upstream)?;
    for target in [
        "/public/../orders",
        "/public/%2e%2e/orders",
        "/public/..%2forders",
        "/public/.%2e/orders",
        "/public/..;/orders",
        "/public/%2e%2e%2forders",
        "/public/internal%2fx",
        "/public/%69nternal/x",
        "/public/internal/../page",
        "/public//internal",
        "//public/page",
        "/./public/page",
        "/public;x=/../orders",
        "/public\\..\\orders",
        "/public%00/page",
        "/public%2fpage",
        "/%70ublic%2f..%2forders",
        "http://admin.example.com/public/page",
        "*",
    ] {
        let found = status(&house, &format!("GET {target}"), "app.example.com", "")?;
        assert_ne!(found, Some(200), "{target}");
    }
    assert_eq!(upstream.take_recorded(), []);
    // The same path in another spelling is the same route.
    let found = status(&house, "GET /%70ublic/%70age", "app.example.com", "")?;
    assert_eq!(found, Some(200));
    let arrived = upstream.take_recorded();
    let targets: Vec<&str> = arrived.iter().map(|request| &*request.target).collect();
    assert_eq!(targets, ["/%70ublic/%70age"], "not what was judged");
    Ok(())
}

#[test]
fn attack_13_words_of_clients_are_dropped_and_written_anew() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = open(&upstream)?;
    let words = "Authorization: Bearer t-alice\r\nX-Forwarded-For: 10.0.0.1\r\n\
                 X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n\
                 X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /public\r\n\
                 X-Original-URL: /public\r\nForwarded: for=10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\n";
    let found = status(&house, "GET /orders", "edge.example.com", words)?;
    assert_eq!(found, Some(200));
    let [arrived] = &upstream.take_recorded()[..] else {
        return Err(Failure::new("not one request arrived"));
    };
    for (name, expected) in [
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("edge.example.com")),
        ("x-forwarded-prefix", None),
        ("x-original-url", None),
    ] {
        assert_eq!(arrived.headers.value(name).as_deref(), expected, "{name}");
    }
    let said = arrived.headers.iter().map(|(_, value)| value);
    let lies: Vec<&str> = said
        .filter(|value| value.contains("10.0.0.1") || value.contains("evil"))
        .collect();
    assert_eq!(lies, Vec::<&str>::new());
    Ok(())
}
