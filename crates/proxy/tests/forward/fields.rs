//! Header fields as they arrive.

use crate::gate::Gate;
use crate::origin::Origin;
use crate::{Message, ask, get};

const OPEN: &str = r#""endpoint": "open""#;

fn seen(route: &str, lines: &[&str]) -> Message {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, route);
    let answer = ask(gate.address, get("/", lines));
    assert_eq!(answer.status(), 200, "{answer:?}");
    origin.only()
}

#[test]
fn what_an_upstream_sees_of_a_plain_request() {
    let seen = seen(OPEN, &["User-Agent: curl", "X-Request-Id: abc"]);
    let mut lines: Vec<&str> = seen.head.lines().skip(1).collect();
    lines.retain(|line| !line.starts_with("via: 1.1 ztag-"));
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "host: app.example",
            "user-agent: curl",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: app.example",
            "x-forwarded-port: 80",
            "x-forwarded-proto: http",
            "x-groups: ",
            "x-real-ip: 127.0.0.1",
            "x-request-id: abc",
            "x-user: mia",
        ]
    );
}

#[test]
fn attack_15_identity_is_the_endpoints_and_never_the_clients() {
    let seen = seen(OPEN, &["X-User: root", "X-Groups: wheel", "x-user: toor"]);
    assert_eq!(seen.all("x-user"), ["mia"]);
    assert_eq!(seen.all("x-groups"), [""]);
}

/// Routes may share an upstream, which believes whoever says `x-user`.
#[test]
fn attack_15_no_route_lets_a_client_say_what_an_endpoint_says() {
    for route in [
        r#""public": true"#,
        r#""public": true, "forwardCredentials": true"#,
    ] {
        let seen = seen(
            route,
            &[
                "X-User: root",
                "X_User: root",
                "X-Groups: wheel",
                "X-Own: a",
            ],
        );
        assert!(seen.all("x-user").is_empty(), "{seen:?}");
        assert!(seen.all("x-groups").is_empty(), "{seen:?}");
        assert!(seen.all("x_user").is_empty(), "{seen:?}");
        assert_eq!(seen.all("x-own"), ["a"]);
    }
}

#[test]
fn attack_14_connection_deletes_nothing() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, OPEN);
    for named in ["X-User", "x-forwarded-for", "Host", "close, X-User"] {
        let line = format!("Connection: {named}");
        let status = ask(gate.address, get("/", &[&line])).status();
        assert!(matches!(status, 400 | 403), "{named}: {status}");
    }
    assert!(origin.requests().is_empty());
    let hops = [
        "Connection: keep-alive, TE",
        "Keep-Alive: timeout=9",
        "TE: trailers, gzip",
        "Proxy-Connection: x",
    ];
    assert_eq!(ask(gate.address, get("/", &hops)).status(), 200);
    let seen = origin.only();
    for name in ["keep-alive", "proxy-connection"] {
        assert!(seen.all(name).is_empty(), "{seen:?}");
    }
    // Ours, about our own `TE`.
    assert_eq!(seen.all("connection"), ["te"]);
    assert_eq!(seen.all("te"), ["trailers"]);
}

#[test]
fn attack_12_aliases_of_managed_fields_reach_nobody() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, OPEN);
    for line in [
        "X_User: root",
        "X.User: root",
        "x-Groups_: wheel",
        "X_Forwarded_For: ::1",
        "x.other: 1",
    ] {
        ask(gate.address, get("/", &[line]));
    }
    let all = origin.requests();
    assert!(
        !all.is_empty(),
        "those that alias nothing go on without their fields"
    );
    for seen in all {
        assert_eq!(seen.all("x-user"), ["mia"]);
        let odd = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            name.contains(['_', '.'])
        };
        assert_eq!(seen.head.lines().skip(1).find(odd), None);
    }
}

#[test]
fn attack_11_13_16_18_words_of_untrusted_proxies_reach_nobody() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, OPEN);
    for name in [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Method",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Proto",
        "X-Forwarded-Uri",
        "X-Forwarded-Client-Cert",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Real-IP",
        "True-Client-IP",
        "X-Envoy-Original-Path",
        "X-Envoy-Internal",
        "X-Ztag-Anything",
        "Client-Cert",
    ] {
        ask(gate.address, get("/", &[&format!("{name}: evil")]));
    }
    let all = origin.requests();
    assert!(
        !all.is_empty(),
        "those that speak of nobody go on without their fields"
    );
    for seen in all {
        assert!(!seen.head.contains("evil"), "{seen:?}");
    }
}

#[test]
fn attack_16_a_trusted_proxy_is_one_hop_of_the_chain() {
    let route =
        r#""public": true, "forwardProxyPolicy": {"trustedProxyIPs": ["127.0.0.1", "10.0.0.1"]}"#;
    let lines = [
        "X-Forwarded-For: 203.0.113.9, 10.0.0.1",
        "X-Forwarded-Proto: https",
    ];
    let seen = seen(route, &lines);
    assert_eq!(
        seen.all("x-forwarded-for"),
        ["203.0.113.9, 10.0.0.1, 127.0.0.1"]
    );
    assert_eq!(seen.all("x-real-ip"), ["203.0.113.9"]);
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.all("x-forwarded-port"), ["443"]);
}

#[test]
fn attack_08_the_host_forwarded_is_plain() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, OPEN);
    for host in ["a;b", "a,b", "a\"b", "a b", "a\tb", "a/b", "a%0d%0ab"] {
        let status = ask(gate.address, get("/", &[&format!("Host: {host}")])).status();
        assert!(matches!(status, 400 | 403), "{host}: {status}");
    }
    assert!(origin.requests().is_empty());
    ask(gate.address, get("/", &["Host: App.Example.:8080"]));
    let seen = origin.only();
    assert_eq!(seen.all("host"), ["app.example:8080"]);
    assert_eq!(seen.all("x-forwarded-host"), ["app.example:8080"]);
}

#[test]
fn attack_51_credentials_end_here_unless_the_route_says_otherwise() {
    let lines = [
        "Authorization: Bearer t",
        "DPoP: proof",
        "Txn-Token: x",
        "Proxy-Authorization: Basic eDp5",
    ];
    let withheld = seen(r#""endpoint": "guarded""#, &lines);
    let forwarded = seen(
        r#""endpoint": "guarded", "forwardCredentials": true"#,
        &lines,
    );
    for name in ["authorization", "dpop", "txn-token"] {
        assert!(withheld.all(name).is_empty(), "{withheld:?}");
        assert_eq!(forwarded.all(name).len(), 1, "{forwarded:?}");
    }
    assert!(
        forwarded.all("proxy-authorization").is_empty(),
        "that is for us"
    );
}

#[test]
fn attack_17_doubles_of_what_must_be_single_are_refused() {
    let origin = Origin::fine();
    let gate = Gate::route(origin.address, r#""endpoint": "guarded""#);
    let doubled = ["Authorization: Bearer a", "Authorization: Bearer b"];
    let status = ask(gate.address, get("/", &doubled)).status();
    assert!(matches!(status, 400 | 403), "{status}");
    assert!(origin.requests().is_empty());
}

#[test]
fn cookies_travel_in_one_line() {
    let seen = seen(OPEN, &["Cookie: a=1", "Cookie: b=2"]);
    assert_eq!(seen.all("cookie"), ["a=1; b=2"]);
}

#[test]
fn the_route_changes_fields_both_ways() {
    let origin = Origin::fine();
    let route = r#""endpoint": "open", "host": "upstream",
        "requestHeaders": {"set": {"x-tier": "gold"}, "remove": ["user-agent"]},
        "responseHeaders": {"set": {"x-frame-options": "DENY"}, "remove": ["content-type"]}"#;
    let gate = Gate::route(origin.address, route);
    let answer = ask(
        gate.address,
        get("/", &["User-Agent: curl", "X-Tier: free"]),
    );
    assert_eq!(answer.all("x-frame-options"), ["DENY"]);
    let seen = origin.only();
    assert_eq!(seen.all("x-tier"), ["gold"]);
    assert!(seen.all("user-agent").is_empty());
    assert_eq!(seen.all("host"), [origin.address.to_string()]);
    assert_eq!(seen.all("x-forwarded-host"), ["app.example"]);
}

#[test]
fn attack_18_the_client_sees_no_words_between_proxies() {
    let origin = Origin::answering(|_| {
        let lines = [
            "HTTP/1.1 200 OK",
            "Content-Length: 2",
            "Connection: keep-alive, X-Hop",
            "X-Hop: 1",
            "Keep-Alive: timeout=5",
            "Proxy-Authenticate: Basic",
            "Alt-Svc: h3=\":443\"",
            "X-Ztag-Outcome: pass",
            "X-Request-Id: theirs",
            "Set-Cookie: a=1",
            "Set-Cookie: b=2",
            "Server: app",
        ];
        format!("{}\r\n\r\nok", lines.join("\r\n"))
    });
    let gate = Gate::route(origin.address, OPEN);
    let answer = ask(gate.address, get("/", &["X-Request-Id: ours"]));
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-authenticate",
        "alt-svc",
        "x-ztag-outcome",
    ] {
        assert!(answer.all(name).is_empty(), "{answer:?}");
    }
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.all("x-request-id"), ["ours"]);
    assert_eq!(answer.all("server"), ["app"]);
}
