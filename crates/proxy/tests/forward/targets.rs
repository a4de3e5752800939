//! What was judged is, byte for byte, what is forwarded; what can be read in two ways is not.

use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Message, ask, get, request};

const ROUTES: &str = r#"{
    "public": {"public": true, "paths": ["/public/*"]},
    "admin": {"endpoint": "guarded", "paths": ["/admin/*"]},
    "post": {"public": true, "paths": ["/post"], "methods": ["POST"]}
}"#;

#[test]
fn attack_06_the_target_is_forwarded_as_it_was_judged() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    let targets = [
        "/public",
        "/public/",
        "/public/a%20b",
        "/public/%61",
        "/public/%C3%A4?q=%2f..%2F&x=a;b",
        "/public/a?",
        "/public/~!$&'()*+,=:@",
        "/public/a?url=http://x/../y//z",
    ];
    for target in targets {
        assert_eq!(
            ask(gate.address, get(target, &[])).status(),
            200,
            "{target}"
        );
    }
    let seen = origin.requests();
    let seen: Vec<&str> = seen.iter().map(Message::start).collect();
    let expected = targets.map(|target| format!("GET {target} HTTP/1.1"));
    assert_eq!(seen, expected);
}

#[test]
fn attack_07_absolute_form_names_one_server_and_is_forwarded_in_origin_form() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    let both = get("http://app.example/public/a?b", &[]);
    assert_eq!(ask(gate.address, both).status(), 200);
    let seen = origin.only();
    assert_eq!(seen.start(), "GET /public/a?b HTTP/1.1");
    assert_eq!(seen.all("host"), ["app.example"]);
    for refused in [
        get("http://other.example/public/a", &[]),
        get("/public/a", &["Host: app.example", "Host: other.example"]),
        get("/public/a", &["Host: app.example", "Host: app.example"]),
        get("/public/a", &["Host: app.example, other.example"]),
        get("/public/a", &["Host: user@app.example"]),
        get("/public/a", &["Host: "]),
        "GET /public/a HTTP/1.1\r\n\r\n".to_owned(),
    ] {
        let status = ask(gate.address, &refused).status();
        assert!(matches!(status, 400 | 403), "{refused}: {status}");
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn attack_07_hosts_are_one_however_they_are_spelt() {
    let origin = Origin::fine();
    let routes = r#"{
        "admin": {"endpoint": "guarded", "hosts": ["admin.example.com"]},
        "rest": {"public": true}
    }"#;
    let gate = Gate::routes(origin.address, routes);
    for host in [
        "admin.example.com",
        "Admin.Example.COM",
        "admin.example.com.",
        "admin.example.com:80",
        "ADMIN.example.com.:8080",
    ] {
        let status = ask(gate.address, get("/", &[&format!("Host: {host}")])).status();
        assert_eq!(status, 401, "{host}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn attack_01_02_03_04_05_09_ambiguous_targets_reach_nobody() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    for target in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2e/admin",
        "/public/..;/admin",
        "/public/./admin",
        "/public/%2f..%2fadmin",
        "/public/%2Fadmin",
        "/public/%5cadmin",
        "/public/%5Cadmin",
        "/public/%252fadmin",
        "/public\\..\\admin",
        "//public/x",
        "/public//admin",
        "///admin",
        "/\\public",
        "/public/x%23y",
        "/public;a=b/x",
        "/public/;/admin",
        "/public/%00",
        "/public/%0d%0aX:y",
        "/public/%ff",
        "/public/%c0%ae%c0%ae/admin",
        "/public/%3fx",
        "/public/%",
        "/public/%zz",
        "*",
        "public/x",
        "http://",
        "/public/\u{e4}",
    ] {
        let status = ask(gate.address, get(target, &[])).status();
        assert!(matches!(status, 400 | 403 | 404), "{target}: {status}");
    }
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

#[test]
fn attack_04_a_fragment_is_nothing_that_travels() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    // Judged as `/admin/x`, whatever it pretends behind the hash.
    assert_ne!(
        ask(gate.address, get("/admin/x#/public", &[])).status(),
        200
    );
    assert!(origin.requests().is_empty());
    ask(gate.address, get("/public/x#/admin", &[]));
    assert!(
        !origin
            .requests()
            .iter()
            .any(|seen| seen.start().contains('#'))
    );
}

#[test]
fn attack_10_methods_are_what_they_seem() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    for (method, target, expected) in [
        ("CONNECT", "app.example:443", 400..=501),
        ("CONNECT", "/public/x", 400..=501),
        ("TRACE", "/public/x", 400..=501),
        ("get", "/public/x", 400..=403),
        ("G@T", "/public/x", 400..=403),
        ("GET", "/post", 405..=405),
        ("OPTIONS", "/post", 405..=405),
        ("OPTIONS", "/admin/x", 401..=401),
        ("HEAD", "/admin/x", 401..=401),
    ] {
        let status = ask(gate.address, request(method, target, &[])).status();
        assert!(expected.contains(&status), "{method} {target}: {status}");
    }
    let overriding = get("/public/x", &["X-HTTP-Method-Override: DELETE"]);
    assert!(matches!(ask(gate.address, overriding).status(), 400 | 403));
    let answer = ask(
        gate.address,
        request("PUT", "/post", &["Content-Length: 0"]),
    );
    assert_eq!((answer.status(), answer.all("allow")), (405, vec!["POST"]));
    assert!(origin.requests().is_empty(), "{:?}", origin.requests());
}

#[test]
fn attack_19_no_header_opens_a_route() {
    let origin = Origin::fine();
    let gate = Gate::routes(origin.address, ROUTES);
    for line in [
        "User-Agent: GoogleHC/1.0",
        "User-Agent: kube-probe/1.30",
        "X-Original-URL: /public/x",
        "X-Rewrite-URL: /public/x",
        "X-Envoy-Original-Path: /public/x",
        "X-Ztag-Outcome: pass",
        "X-Forwarded-Uri: /public/x",
    ] {
        let status = ask(gate.address, get("/admin/x", &[line])).status();
        assert!(matches!(status, 401 | 403), "{line}: {status}");
    }
    assert!(origin.requests().is_empty());
}
