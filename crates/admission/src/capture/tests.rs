use std::num::NonZeroU8;

use http::{HeaderName, HeaderValue, StatusCode};
use ztag_types::{ConfigPath, Object, ReadPath, Reads, ReasonCode, Value, View};

use super::*;
use crate::spec::ForwardProxySpec;

const PROXY: &str = "10.0.0.1:4711";
const STRANGER: &str = "203.0.113.7:4711";

/// A hop as `peer` would send it.
pub(crate) fn hop(peer: &str, target: &str, fields: &[(&str, &str)]) -> Hop {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Hop {
        method: Method::GET,
        uri: target.parse().unwrap(),
        headers,
        body: Bytes::new(),
        peer: peer.parse().unwrap(),
        encrypted: false,
        certificate: None,
        mount: 0,
        received: Timestamp::from_seconds(1_767_225_600),
        located: None,
    }
}

/// A policy of this dialect that believes `10.0.0.0/8`.
pub(crate) fn policy(dialect: Dialect) -> CapturePolicy {
    adjusted(dialect, |_| {})
}

fn adjusted(dialect: Dialect, adjust: impl FnOnce(&mut ForwardProxySpec)) -> CapturePolicy {
    let mut spec = ForwardProxySpec {
        dialect,
        trusted_proxy_ips: vec!["10.0.0.0/8".to_owned()],
        ..ForwardProxySpec::default()
    };
    adjust(&mut spec);
    let mut findings = Vec::new();
    let policy = CapturePolicy::compile(&spec, &ConfigPath::root(), &mut findings);
    assert!(
        findings.iter().all(|finding| !finding.is_error()),
        "{findings:?}"
    );
    policy
}

/// What Traefik sends for `GET https://api.example.com/a?b=1` of 192.0.2.1.
const TRAEFIK: [(&str, &str); 6] = [
    ("host", "gate.internal"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-host", "api.example.com"),
    ("x-forwarded-method", "POST"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-uri", "/a?b=1"),
];

fn traefik(extra: &[(&str, &str)]) -> Hop {
    let fields: Vec<_> = TRAEFIK.iter().chain(extra).copied().collect();
    hop(PROXY, "/api/auth", &fields)
}

fn traefik_but(name: &str, value: &str) -> Hop {
    let mut hop = traefik(&[]);
    let name = HeaderName::try_from(name).unwrap();
    hop.headers
        .insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    hop
}

fn refusal(hop: Hop, policy: &CapturePolicy) -> (ReasonCode, &'static str) {
    let refused = capture(hop, policy).unwrap_err();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    (refused.fault.code(), refused.fault.detail())
}

const UNTRUSTED: (ReasonCode, &str) = (ReasonCode::ProxyUntrusted, "untrusted proxy rejected");

const fn ambiguous(detail: &str) -> (ReasonCode, &str) {
    (ReasonCode::RequestAmbiguous, detail)
}

const fn forwarded(detail: &str) -> (ReasonCode, &str) {
    (ReasonCode::ForwardedInvalid, detail)
}

#[test]
fn a_direct_request_is_the_original_one() {
    let hop = hop(STRANGER, "/%61?b=1", &[("host", "API.example.com:8080")]);
    let snapshot = capture(hop, &policy(Dialect::Direct)).unwrap();
    assert_eq!(snapshot.line.method, Method::GET);
    assert_eq!(snapshot.line.scheme, "http");
    assert_eq!(snapshot.line.host, "api.example.com");
    assert_eq!(snapshot.line.port, Some(8080));
    assert_eq!(snapshot.line.uri, "/%61?b=1");
    assert_eq!(snapshot.line.path(), "/a");
    assert_eq!(snapshot.line.raw_query(), Some("b=1"));
    assert_eq!(snapshot.query.get("b"), Some("1"));
    assert_eq!(snapshot.subrequest.path, "/%61");
    assert_eq!(snapshot.subrequest.host, "API.example.com:8080");
    assert_eq!(snapshot.subrequest.remote_addr, STRANGER);
    assert_eq!(snapshot.subrequest.query, snapshot.query);
    assert_eq!(snapshot.client.address_text, "203.0.113.7");
    assert_eq!(snapshot.client.forwarded_for, "203.0.113.7");
    assert!(!snapshot.client.trusted_proxy);
    assert_eq!(snapshot.correlation.len(), 32);
}

#[test]
fn defect_03_12_the_original_request_is_modelled() {
    let mut hop = traefik(&[("x-forwarded-for", "10.0.0.2")]);
    hop.uri = "/api/auth?own=1".parse().unwrap();
    let snapshot = capture(hop, &policy(Dialect::Traefik)).unwrap();
    assert_eq!(snapshot.line.method, Method::POST);
    assert_eq!(snapshot.line.scheme, "https");
    assert_eq!(snapshot.line.host, "api.example.com");
    assert_eq!(snapshot.line.uri, "/a?b=1");
    assert_eq!(snapshot.query.get("b"), Some("1"));
    assert_eq!(snapshot.subrequest.method, Method::GET);
    assert_eq!(snapshot.subrequest.path, "/api/auth");
    assert_eq!(snapshot.subrequest.host, "gate.internal");
    assert_eq!(snapshot.subrequest.query.get("own"), Some("1"));
    assert_eq!(snapshot.subrequest.remote_addr, PROXY);
    assert_eq!(snapshot.client.address_text, "192.0.2.1");
    assert_eq!(snapshot.client.forwarded_for, "192.0.2.1, 10.0.0.2");
    assert_eq!(snapshot.client.forwarded, "");
    assert!(snapshot.client.trusted_proxy);
}

#[test]
fn envoy_asks_with_the_path_behind_its_prefix() {
    let ask = |target: &str, proto: &[(&str, &str)]| {
        let fields = [
            ("host", "api.example.com"),
            ("x-forwarded-for", "192.0.2.1, 10.0.0.1"),
        ];
        let fields: Vec<_> = fields.iter().chain(proto).copied().collect();
        let mut hop = hop(PROXY, target, &fields);
        hop.mount = "/api/auth".len();
        hop
    };
    let proto = [
        ("x-forwarded-proto", "https"),
        ("x-envoy-original-path", "/public"),
    ];
    let snapshot = capture(ask("/api/auth/a?b=1", &proto), &policy(Dialect::Envoy)).unwrap();
    assert_eq!(snapshot.line.uri, "/a?b=1");
    assert_eq!(snapshot.line.host, "api.example.com");
    assert_eq!(snapshot.line.scheme, "https");
    assert_eq!(snapshot.query, snapshot.subrequest.query);
    assert_eq!(snapshot.client.address_text, "192.0.2.1");
    let policy = policy(Dialect::Envoy);
    let missing = forwarded("`x-forwarded-proto` is missing");
    assert_eq!(refusal(ask("/api/auth/a", &[]), &policy), missing);
    let nothing_behind = forwarded("no path behind the path prefix");
    assert_eq!(refusal(ask("/api/auth", &proto), &policy), nothing_behind);
    assert_eq!(refusal(ask("/api/authx", &proto), &policy), nothing_behind);
}

#[test]
fn defect_03_03_trust_failures_are_refused_with_403() {
    let direct = policy(Dialect::Direct);
    let ask = |peer: &str, fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
        hop(peer, "/", &fields)
    };
    let xff = |value| [("x-forwarded-for", value)];
    assert_eq!(
        refusal(ask(STRANGER, &xff("192.0.2.1")), &direct),
        UNTRUSTED
    );
    assert_eq!(
        refusal(ask(STRANGER, &[("forwarded", "for=192.0.2.1")]), &direct),
        UNTRUSTED
    );
    let invalid = forwarded("invalid forwarded chain");
    assert_eq!(refusal(ask(PROXY, &xff("junk")), &direct), invalid);
    let chain = forwarded("forwarded chain includes untrusted proxy");
    assert_eq!(
        refusal(ask(PROXY, &xff("192.0.2.1, 203.0.113.9")), &direct),
        chain
    );
    assert_eq!(
        refusal(
            hop(STRANGER, "/api/auth", &TRAEFIK),
            &policy(Dialect::Traefik)
        ),
        UNTRUSTED
    );
}

#[test]
fn loopback_is_no_proxy_unless_listed() {
    let local = |policy: &CapturePolicy| capture(hop("127.0.0.1:9", "/", &TRAEFIK), policy);
    assert!(local(&policy(Dialect::Traefik)).is_err());
    let listed = adjusted(Dialect::Traefik, |spec| {
        spec.trusted_proxy_ips = vec!["127.0.0.1".to_owned()];
    });
    assert!(local(&listed).is_ok());
}

#[test]
fn hops_pick_the_client_from_the_right() {
    let policy = adjusted(Dialect::Traefik, |spec| spec.hops = NonZeroU8::new(2));
    let chain = "198.51.100.1, 192.0.2.1, 10.0.0.2";
    let snapshot = capture(traefik_but("x-forwarded-for", chain), &policy).unwrap();
    assert_eq!(snapshot.client.address_text, "192.0.2.1");
    assert_eq!(snapshot.client.forwarded_for, "192.0.2.1, 10.0.0.2");
    let short = forwarded("forwarded chain is shorter than `hops`");
    assert_eq!(refusal(traefik(&[]), &policy), short);
}

#[test]
fn the_standard_header_is_rebuilt() {
    let fields = [
        ("host", "a"),
        (
            "forwarded",
            "For=\"[2001:DB8::1]:80\";proto=https, for=10.0.0.2",
        ),
    ];
    let snapshot = capture(hop(PROXY, "/", &fields), &policy(Dialect::Direct)).unwrap();
    assert_eq!(
        snapshot.client.forwarded,
        "for=\"[2001:db8::1]\", for=10.0.0.2"
    );
    assert_eq!(snapshot.client.forwarded_for, "2001:db8::1, 10.0.0.2");
    assert_eq!(snapshot.client.address_text, "2001:db8::1");
}

#[test]
fn a_direct_request_may_come_through_a_trusted_proxy() {
    let fields = [
        ("host", "a"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil"),
    ];
    let snapshot = capture(hop(PROXY, "/", &fields), &policy(Dialect::Direct)).unwrap();
    assert_eq!(
        (snapshot.line.scheme, snapshot.line.host.as_str()),
        ("https", "a")
    );
    assert_eq!(snapshot.client.address_text, "10.0.0.1");
}

#[test]
fn defect_04_development_mode_strips_for_real() {
    let policy = adjusted(Dialect::Traefik, |spec| spec.development_mode = true);
    let snapshot = capture(hop(STRANGER, "/api/auth", &TRAEFIK), &policy).unwrap();
    assert!(snapshot.client.proxy_stripped);
    assert!(!snapshot.client.trusted_proxy);
    assert_eq!(snapshot.client.address_text, "203.0.113.7");
    assert_eq!(snapshot.line.uri, "/api/auth");
    assert_eq!(snapshot.line.host, "gate.internal");
    let left: Vec<_> = snapshot
        .headers()
        .raw()
        .keys()
        .map(HeaderName::as_str)
        .collect();
    assert_eq!(left, ["host"]);
    let broken = traefik_but("x-forwarded-for", "junk");
    assert!(capture(broken, &policy).unwrap().client.proxy_stripped);
    let plain = hop(STRANGER, "/", &[("host", "a")]);
    assert!(!capture(plain, &policy).unwrap().client.proxy_stripped);
    let tricky = hop(STRANGER, "/a/../b", &TRAEFIK);
    assert_eq!(
        refusal(tricky, &policy),
        ambiguous("dot segment in the path")
    );
}

#[test]
fn attacks_01_to_05_and_09_in_forwarded_targets() {
    let policy = policy(Dialect::Traefik);
    let check = |target: &str, detail: &str| {
        let refused = refusal(traefik_but("x-forwarded-uri", target), &policy);
        assert_eq!(refused, ambiguous(detail), "{target}");
    };
    check("/public/%2e%2e/admin", "dot segment in the path");
    check("/a%2fb", "encoded slash in the path");
    check("//admin/x", "empty segment in the path");
    check("/admin#/public", "fragment in the request target");
    check("/admin;a=b", "path parameter");
    check("/admin%00", "null byte in the path");
    check("/admin%3f/public", "encoded question mark in the path");
    check(
        "http://api.example.com/admin",
        "request target is not an absolute path",
    );
    check("*", "request target is not an absolute path");
    let lenient = adjusted(Dialect::Traefik, |spec| spec.allow_path_parameters = true);
    assert!(capture(traefik_but("x-forwarded-uri", "/admin;a=b"), &lenient).is_ok());
}

#[test]
fn attack_06_what_was_judged_is_what_was_received() {
    let raw = "/files/%7Eme/caf%c3%a9%20x?q=%41+b";
    let snapshot = capture(
        traefik_but("x-forwarded-uri", raw),
        &policy(Dialect::Traefik),
    )
    .unwrap();
    assert_eq!(snapshot.line.uri, raw);
    assert_eq!(snapshot.line.path(), "/files/~me/caf%C3%A9%20x");
    assert_eq!(snapshot.line.raw_query(), Some("q=%41+b"));
}

#[test]
fn attack_07_two_hosts() {
    let policy = policy(Dialect::Direct);
    let ask = |target: &str, fields: &[(&str, &str)]| hop(STRANGER, target, fields);
    let twice = ambiguous("a header that must have one value is sent twice");
    assert_eq!(
        refusal(ask("/", &[("host", "a"), ("host", "b")]), &policy),
        twice
    );
    assert_eq!(
        refusal(ask("/", &[("host", "a"), ("host", "a")]), &policy),
        twice
    );
    assert_eq!(
        refusal(ask("/", &[]), &policy),
        ambiguous("host is missing")
    );
    let differ = ambiguous("target and host name different servers");
    assert_eq!(
        refusal(ask("http://b/x", &[("host", "a")]), &policy),
        differ
    );
    assert_eq!(
        refusal(ask("http://a:8080/x", &[("host", "a")]), &policy),
        differ
    );
    for same in ["http://a/x", "http://A.:80/x"] {
        let snapshot = capture(ask(same, &[("host", "a")]), &policy).unwrap();
        assert_eq!(
            (snapshot.line.host.as_str(), snapshot.line.uri.as_str()),
            ("a", "/x")
        );
    }
}

#[test]
fn attack_08_hosts_with_delimiters() {
    for host in ["a;b", "a,b", "a\"b", "a b", "user@a", "a/b"] {
        let refused = refusal(
            traefik_but("x-forwarded-host", host),
            &policy(Dialect::Traefik),
        );
        assert_eq!(refused, ambiguous("host is malformed"), "{host}");
    }
}

#[test]
fn attack_10_method_tricks() {
    let policy = policy(Dialect::Traefik);
    let check = |method: &str, detail: &str| {
        let refused = refusal(traefik_but("x-forwarded-method", method), &policy);
        assert_eq!(refused, ambiguous(detail));
    };
    check("get", "method is not an upper-case token");
    check("GET,POST", "method is not an upper-case token");
    check("TRACE", "method is CONNECT or TRACE");
    check("CONNECT", "method is CONNECT or TRACE");
    let overrides = [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ];
    for name in overrides {
        let refused = refusal(traefik(&[(name, "DELETE")]), &policy);
        assert_eq!(refused, ambiguous("a header overrides the method"));
    }
    let allowing = adjusted(Dialect::Traefik, |spec| spec.allow_method_override = true);
    assert!(capture(traefik(&[("x-http-method-override", "DELETE")]), &allowing).is_ok());
}

#[test]
fn attack_11_spoofed_forwarded_uri() {
    let direct = policy(Dialect::Direct);
    for (name, value) in &TRAEFIK[1..] {
        let spoofed = hop(STRANGER, "/admin", &[("host", "a"), (name, value)]);
        assert_eq!(refusal(spoofed, &direct), UNTRUSTED, "{name}");
    }
    for repeated in &TRAEFIK[2..] {
        let refused = refusal(traefik(&[*repeated]), &policy(Dialect::Traefik));
        assert_eq!(refused, forwarded("forwarding header sent twice"));
    }
}

#[test]
fn attack_12_aliases_reach_nobody() {
    let aliases = [
        ("x_forwarded_proto", "http"),
        ("x_forwarded_uri", "/public"),
        ("x-auth_user", "admin"),
        ("x.auth.user", "admin"),
    ];
    let snapshot = capture(traefik(&aliases), &policy(Dialect::Traefik)).unwrap();
    assert_eq!(
        (snapshot.line.scheme, snapshot.line.uri.as_str()),
        ("https", "/a?b=1")
    );
    for (name, _) in aliases {
        assert_eq!(snapshot.headers().get(name), None);
    }
    assert_eq!(snapshot.headers().names(), ["host"]);
}

#[test]
fn attack_12_aliases_of_what_the_reply_sets_are_refused() {
    let mut policy = policy(Dialect::Traefik);
    policy.protect(["x-user", "x-auth-groups"].map(HeaderName::from_static));
    for alias in [
        "x_user",
        "x.user",
        "x!user",
        "x-auth_groups",
        "x_auth-groups",
    ] {
        let refused = refusal(traefik(&[(alias, "root")]), &policy);
        let passes = ambiguous("a header passes for one that the reply sets");
        assert_eq!(refused, passes, "{alias}");
    }
    // The name itself is replaced by the proxy; others mean something else.
    for other in ["x-user", "xuser", "x-users", "x-user-", "x_other"] {
        assert!(
            capture(traefik(&[(other, "root")]), &policy).is_ok(),
            "{other}"
        );
    }
    // A reply that sets both spellings replaces both.
    policy.protect([HeaderName::from_static("x_user")]);
    assert!(capture(traefik(&[("x_user", "root")]), &policy).is_ok());
}

#[test]
fn attack_13_headers_nobody_rebuilds() {
    let foreign = [
        ("x-forwarded-prefix", "/public"),
        ("x-forwarded-path", "/public"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-server", "evil.example"),
        ("x-forwarded-ssl", "off"),
        ("x-original-url", "http://evil.example/public"),
        ("x-original-method", "GET"),
        ("x-rewrite-url", "/public"),
        ("via", "1.1 evil"),
        ("true-client-ip", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
    ];
    let policy = policy(Dialect::Traefik);
    let plain = capture(traefik(&[]), &policy).unwrap();
    let spoofed = capture(traefik(&foreign), &policy).unwrap();
    assert_eq!(spoofed.line, plain.line);
    assert_eq!(spoofed.client, plain.client);
    assert_eq!(spoofed.headers().names(), plain.headers().names());
}

#[test]
fn attack_14_hop_by_hop_deletion() {
    let policy = policy(Dialect::Traefik);
    for value in [
        "X-Auth-User",
        "close, x-auth-user",
        "keep-alive,authorization",
    ] {
        let refused = refusal(traefik(&[("connection", value)]), &policy);
        assert_eq!(
            refused,
            ambiguous("`connection` names a header to delete"),
            "{value}"
        );
    }
    for value in [
        "close",
        "Keep-Alive",
        "Upgrade",
        "keep-alive, Upgrade",
        "Upgrade, HTTP2-Settings",
    ] {
        assert!(
            capture(traefik(&[("connection", value)]), &policy).is_ok(),
            "{value}"
        );
    }
}

#[test]
fn attack_16_several_forwarded_lines() {
    let policy = policy(Dialect::Traefik);
    let snapshot = capture(traefik(&[("x-forwarded-for", "10.0.0.2")]), &policy).unwrap();
    assert_eq!(snapshot.client.forwarded_for, "192.0.2.1, 10.0.0.2");
    let spoofed = traefik(&[("x-forwarded-for", "203.0.113.9")]);
    assert_eq!(
        refusal(spoofed, &policy),
        forwarded("forwarded chain includes untrusted proxy")
    );
    let mapped = traefik_but("x-forwarded-for", "192.0.2.1, ::ffff:10.0.0.2");
    let snapshot = capture(mapped, &policy).unwrap();
    assert_eq!(snapshot.client.forwarded_for, "192.0.2.1, 10.0.0.2");
    let mut mapped_peer = traefik(&[]);
    mapped_peer.peer = "[::ffff:10.0.0.1]:4711".parse().unwrap();
    assert!(capture(mapped_peer, &policy).is_ok());
}

fn reading(paths: &[&[&str]]) -> CapturePolicy {
    let mut reads = Reads::nothing();
    for path in paths {
        reads.insert(ReadPath::new(path.iter()));
    }
    let mut policy = policy(Dialect::Traefik);
    policy.prepare_for(&reads);
    policy
}

#[test]
fn attack_17_duplicates_of_what_rules_read() {
    let twice = ambiguous("a header that must have one value is sent twice");
    let tenants = [("x-tenant", "a"), ("x-tenant", "b")];
    assert!(capture(traefik(&tenants), &reading(&[])).is_ok());
    let named = reading(&[&["request", "headers", "x-tenant"]]);
    assert_eq!(refusal(traefik(&tenants), &named), twice);
    assert_eq!(
        refusal(traefik(&tenants), &reading(&[&["request", "headers"]])),
        twice
    );
    assert_eq!(refusal(traefik(&tenants), &reading(&[&["request"]])), twice);
    let lists = [("accept", "a"), ("accept", "b")];
    assert!(capture(traefik(&lists), &reading(&[&["request", "headers"]])).is_ok());
    let credentials = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_eq!(refusal(traefik(&credentials), &reading(&[])), twice);

    let twice = ambiguous("a query parameter that must have one value is sent twice");
    let named = reading(&[&["request", "query", "id"]]);
    let ask = |target| traefik_but("x-forwarded-uri", target);
    assert!(capture(ask("/?id=1&x=2&x=3"), &named).is_ok());
    assert!(capture(ask("/?id=1&x=2;y=3"), &named).is_ok());
    for target in [
        "/?id=1&id=2",
        "/?id=1&%69d=2",
        "/?id=1&x=2;id=3",
        "/?x;id=2",
    ] {
        assert_eq!(refusal(ask(target), &named), twice, "{target}");
        assert!(capture(ask(target), &reading(&[])).is_ok());
    }
    assert_eq!(
        refusal(ask("/?a=1&a=2"), &reading(&[&["request", "query"]])),
        twice
    );
}

#[test]
fn cookie_lines_are_one_list() {
    let cookies = [("cookie", "a=1"), ("cookie", "b=2; c=3")];
    let snapshot = capture(
        traefik(&cookies),
        &reading(&[&["request", "headers", "cookie"]]),
    )
    .unwrap();
    assert_eq!(snapshot.headers().get("cookie"), Some("a=1; b=2; c=3"));
}

#[test]
fn attack_18_internal_headers_from_outside() {
    let internal = [
        ("x-envoy-original-path", "/public"),
        ("x-ztag-endpoint", "open"),
        ("x-ztag-outcome", "pass"),
        ("x-ztag-status", "200"),
    ];
    let snapshot = capture(traefik(&internal), &policy(Dialect::Traefik)).unwrap();
    assert_eq!(snapshot.line.uri, "/a?b=1");
    assert_eq!(snapshot.headers().names(), ["host"]);
}

#[test]
fn attack_20_bytes_that_are_no_text() {
    let mut hop = traefik(&[]);
    let bytes = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    hop.headers.insert("x-harmless", bytes);
    let refused = refusal(hop, &policy(Dialect::Traefik));
    assert_eq!(refused, ambiguous("a header value is not UTF-8"));
}

#[test]
fn the_correlation_id_is_bounded_and_single() {
    let mut policy = policy(Dialect::Traefik);
    policy.correlate_by(HeaderName::from_static("x-request-id"));
    let id = ("x-request-id", "abc-1");
    assert_eq!(
        capture(traefik(&[id]), &policy).unwrap().correlation,
        "abc-1"
    );
    let refused = capture(traefik(&[id, ("x-request-id", "abc-2")]), &policy).unwrap_err();
    assert_eq!(refused.fault.code(), ReasonCode::RequestAmbiguous);
    let long = "a".repeat(129);
    assert_ne!(
        capture(traefik(&[("x-request-id", &long)]), &policy)
            .unwrap()
            .correlation,
        *long
    );
    let refused = capture(hop(STRANGER, "/", &[id, TRAEFIK[1]]), &policy).unwrap_err();
    assert_eq!(refused.correlation, "abc-1");
    assert_eq!(refused.peer, STRANGER.parse().unwrap());
}

#[test]
fn the_body_is_read_only_where_a_rule_reads_it() {
    let ask = |body: &'static str| {
        let mut hop = traefik(&[("content-type", "application/json")]);
        hop.body = Bytes::from_static(body.as_bytes());
        hop
    };
    let reads_body = reading(&[&["request", "body", "role"]]);
    assert!(reads_body.reads_body());
    let snapshot = capture(ask(r#"{"role":7}"#), &reads_body).unwrap();
    let role = View::Object(&snapshot).at_path(["body", "role"]);
    assert_eq!(role, Some(View::Int(7)));
    let refused = capture(ask("{"), &reads_body).unwrap_err();
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.fault.code(), ReasonCode::RequestMalformed);
    let unread = capture(ask("{"), &reading(&[])).unwrap();
    assert_eq!(unread.body.json, Value::Null);
}

mod certificates {
    use rcgen::{CertificateParams, KeyPair};
    use ztag_types::ClientCertificate;

    use super::*;
    use crate::spec::{CertificateHeaderSpec, Untrusted};

    fn pem_header(spec: &mut ForwardProxySpec) {
        spec.client_certificate = Some(CertificateHeaderSpec {
            header: "X-Ssl-Cert".to_owned(),
            format: crate::CertificateFormat::PemUrlencoded,
        });
    }

    fn passed_on() -> (String, String) {
        let params = CertificateParams::new(vec!["billing.example".to_owned()]).unwrap();
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let pem = made.pem();
        let escaped =
            percent_encoding::utf8_percent_encode(&pem, percent_encoding::NON_ALPHANUMERIC);
        let fingerprint = ztag_token::certificate_thumbprint(made.der());
        (escaped.to_string(), fingerprint)
    }

    #[test]
    fn a_trusted_proxy_passes_the_certificate_on_and_nobody_else_reads_it() {
        let policy = adjusted(Dialect::Traefik, pem_header);
        let (value, fingerprint) = passed_on();
        let hop = traefik(&[("x-ssl-cert", &value), ("client-cert", ":AAAA:")]);
        let snapshot = capture(hop, &policy).unwrap();
        let certificate = snapshot.client.certificate.as_ref().unwrap();
        assert_eq!(certificate.fingerprint, fingerprint);
        for name in ["x-ssl-cert", "client-cert"] {
            assert!(snapshot.headers().raw().get(name).is_none(), "{name}");
        }
        let without = capture(traefik(&[]), &policy).unwrap();
        assert!(without.client.certificate.is_none());
    }

    #[test]
    fn attack_11_nobody_else_passes_a_certificate_on() {
        let (value, _) = passed_on();
        for (dialect, name) in [
            (Dialect::Direct, "x-ssl-cert"),
            (Dialect::Direct, "client-cert"),
            (Dialect::Direct, "client-cert-chain"),
            (Dialect::Direct, "x-forwarded-client-cert"),
            (Dialect::Direct, "x-forwarded-tls-client-cert"),
            (Dialect::Traefik, "x-ssl-cert"),
        ] {
            let policy = adjusted(dialect, pem_header);
            let hop = hop(STRANGER, "/a", &[("host", "a"), (name, &value)]);
            assert_eq!(refusal(hop, &policy), UNTRUSTED, "{name}");
        }
    }

    #[test]
    fn attack_11_words_of_strangers_are_dropped_where_that_is_asked_for() {
        let policy = adjusted(Dialect::Direct, |spec| {
            pem_header(spec);
            spec.untrusted = Untrusted::Drop;
        });
        let (value, _) = passed_on();
        let fields = [
            ("host", "a"),
            ("x-ssl-cert", value.as_str()),
            ("client-cert", ":AAAA:"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=192.0.2.1"),
            ("x-original-url", "/admin"),
        ];
        let snapshot = capture(hop(STRANGER, "/a", &fields), &policy).unwrap();
        let names: Vec<_> = snapshot.headers().raw().keys().collect();
        assert_eq!(names, ["host"]);
        let client = &snapshot.client;
        assert!(client.proxy_stripped && !client.trusted_proxy && client.certificate.is_none());
        assert_eq!(
            (&*client.address_text, snapshot.line.scheme),
            ("203.0.113.7", "http")
        );
        // What a trusted proxy says wrongly is refused as ever.
        let broken = [("host", "a"), ("x-forwarded-for", "nonsense")];
        let refused = capture(hop(PROXY, "/a", &broken), &policy).unwrap_err();
        assert_eq!(refused.fault.code(), ReasonCode::ForwardedInvalid);
    }

    #[test]
    fn attack_11_the_certificate_of_a_proxy_is_not_that_of_its_client() {
        let policy = adjusted(Dialect::Direct, |_| {});
        let own = Some(Arc::new(ClientCertificate::default()));
        let of = |peer: &str, fields: &[(&str, &str)]| {
            let mut hop = hop(peer, "/a", fields);
            hop.certificate = own.clone();
            capture(hop, &policy).unwrap().client.certificate
        };
        let host = ("host", "a");
        assert_eq!(of(STRANGER, &[host]), own);
        assert_eq!(of(PROXY, &[host]), None);
        assert_eq!(of(PROXY, &[host, ("x-forwarded-for", "192.0.2.1")]), None);
        assert_eq!(of(PROXY, &[host, ("x-forwarded-proto", "https")]), None);
    }

    #[test]
    fn what_cannot_work_is_told() {
        let check = |adjust: fn(&mut ForwardProxySpec), expected: &str| {
            let mut spec = ForwardProxySpec {
                trusted_proxy_ips: vec!["10.0.0.0/8".to_owned()],
                ..ForwardProxySpec::default()
            };
            adjust(&mut spec);
            let mut findings = Vec::new();
            CapturePolicy::compile(&spec, &ConfigPath::root(), &mut findings);
            let shown: Vec<_> = findings
                .iter()
                .map(|own| format!("{} {}", own.code, own.path))
                .collect();
            assert_eq!(shown, [expected], "{findings:?}");
        };
        check(
            |spec| {
                spec.dialect = Dialect::Nginx;
                spec.untrusted = Untrusted::Drop;
            },
            "C007 untrusted",
        );
        check(
            |spec| {
                pem_header(spec);
                spec.trusted_proxy_ips.clear();
            },
            "C005 clientCertificate",
        );
        check(
            |spec| spec.client_certificate = Some(CertificateHeaderSpec::default()),
            "C005 clientCertificate.header",
        );
        for name in ["Authorization", "a b"] {
            let spec = CertificateHeaderSpec {
                header: name.to_owned(),
                ..CertificateHeaderSpec::default()
            };
            let mut findings = Vec::new();
            let path = ConfigPath::root();
            let made = crate::forwarded::CertificateHeader::compile(&spec, &path, &mut findings);
            assert!(made.is_none());
            assert_eq!(findings[0].code, ztag_types::Code::InvalidName);
        }
    }
}
