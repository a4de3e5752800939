//! Routes as written, what is found wrong with them, and who answers for them then.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ztag_ai_security::guardrail::{Digests, Guardrail};
use ztag_backend::TlsMaterial;
use ztag_expr::TemplateFiles;
use ztag_fga_remote::Directory;
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, Findings};

use crate::route::{Access, Found, RouteDeps, RouteEndpoint, RouteSpec, RouteTable, WrittenRoute};
use crate::upstream::{TargetSpec, Upstream, UpstreamDeps, UpstreamPlaces, UpstreamSpec};

fn upstream() -> Arc<Upstream> {
    let spec = UpstreamSpec {
        targets: vec![TargetSpec {
            url: "http://127.0.0.1:1".into(),
            weight: 1,
        }],
        ..UpstreamSpec::default()
    };
    let deps = UpstreamDeps {
        places: &UpstreamPlaces::new(),
        material: &TlsMaterial::none(),
        credential: &OutboundCredential::NONE,
    };
    let at = ConfigPath::root();
    Upstream::compile(&spec, "app", &at, deps, &mut Findings::new()).unwrap()
}

fn endpoint(name: &str, ready: bool, direct: bool) -> (String, RouteEndpoint) {
    let endpoint = RouteEndpoint {
        name: name.into(),
        ready,
        direct,
        verifies: name != "basic",
        identity: vec![
            HeaderName::from_static("x-user"),
            HeaderName::from_static("content-type"),
        ],
        credentials: vec![HeaderName::from_static("x-api-key")],
        masks: name == "masking",
    };
    (name.to_owned(), endpoint)
}

/// A guardrail that masks, one that masks and looks at links, one that does neither, and a broken one.
static GUARDRAILS: LazyLock<ztag_types::Directory<Arc<Guardrail>>> = LazyLock::new(|| {
    let made = [
        ("content", r#"{"injection": null, "content": {}}"#),
        (
            "links",
            r#"{"injection": null, "content": {"output": {"links": {}}}}"#,
        ),
        ("standard", "{}"),
        (
            "broken",
            r#"{"injection": {"without": ["x"], "rules": [{"id": "x"}]}}"#,
        ),
    ]
    .map(|(name, spec)| {
        let spec = serde_json::from_str(spec).unwrap();
        let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
        let made = Guardrail::compile(&spec, digests, &at, &mut Findings::new());
        (name.to_owned(), made.map(Arc::new))
    });
    ztag_types::Directory::new(made.into())
});

/// A table of routes in JSON, and the findings as code and path.
fn compile(text: &str) -> (RouteTable, Vec<String>) {
    let specs: BTreeMap<String, RouteSpec> = serde_json::from_str(text).unwrap();
    let written = specs
        .iter()
        .map(|(name, spec)| (name.as_str(), WrittenRoute::Read(spec)));
    compile_written(written)
}

fn compile_written<'a>(
    written: impl IntoIterator<Item = (&'a str, WrittenRoute<'a>)>,
) -> (RouteTable, Vec<String>) {
    let endpoints = [
        endpoint("api", true, true),
        endpoint("broken", false, true),
        endpoint("nginx", true, false),
        endpoint("other", true, true),
        endpoint("masking", true, true),
    ];
    let upstreams = [
        ("app".to_owned(), Some(upstream())),
        ("down".to_owned(), None),
    ];
    let correlation = HeaderName::from_static("x-request-id");
    let deps = RouteDeps {
        endpoints: &endpoints.into(),
        upstreams: &upstreams.into(),
        credentials: &BTreeMap::new(),
        identity: &[HeaderName::from_static("x-user")],
        correlation: Some(&correlation),
        stores: &Directory::default(),
        guardrails: &GUARDRAILS,
        templates: &TemplateFiles::empty(),
    };
    let at = ConfigPath::root().key("routes");
    let mut findings = Findings::new();
    let table = RouteTable::compile(written, &at, &deps, &mut findings);
    let found = findings.as_slice().iter();
    let found = found.map(|found| format!("{} {}", found.code, found.path));
    (table, found.collect())
}

/// Who answers `GET` of `host` and `path`.
fn answers(table: &RouteTable, host: &str, path: &str) -> String {
    match table.find(host, path, &Method::GET, &HeaderMap::new()) {
        Found::Route(route) => route.name.to_string(),
        Found::Closed(closed) => format!("503 {}", closed.name),
        Found::Method(allow) => format!("405 {}", allow.to_str().unwrap()),
        Found::Ambiguous => "400".into(),
        Found::Unknown => "404".into(),
    }
}

fn check(text: &str, expected: &[&str]) {
    let (_, found) = compile(text);
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_route_says_who_decides_and_where_it_leads() {
    check(r#"{"a": {"endpoint": "api", "upstream": "app"}}"#, &[]);
    check(r#"{"a": {"public": true, "upstream": "app"}}"#, &[]);
    check(r#"{"a": {"upstream": "app"}}"#, &["C005 routes.a"]);
    check(
        r#"{"a": {"endpoint": "api", "public": true, "upstream": "app"}}"#,
        &["C007 routes.a.public"],
    );
    check(
        r#"{"a": {"endpoint": "ap", "upstream": "app"}}"#,
        &["C014 routes.a.endpoint"],
    );
    check(
        r#"{"a": {"endpoint": "nginx", "upstream": "app"}}"#,
        &["C007 routes.a.endpoint"],
    );
    check(r#"{"a": {"endpoint": "api"}}"#, &["C005 routes.a.upstream"]);
    check(
        r#"{"a": {"endpoint": "api", "upstream": "ap"}}"#,
        &["C014 routes.a.upstream"],
    );
    // What is broken itself is reported where it is broken.
    check(r#"{"a": {"endpoint": "broken", "upstream": "down"}}"#, &[]);
}

#[test]
fn every_key_of_a_route_is_checked() {
    check(
        r#"{"a": {
            "endpoint": "api", "upstream": "app",
            "hosts": ["a.example", "A.example", "b.example:80"],
            "paths": ["/a", "/a", "/a//b"],
            "methods": ["GET", "get", "CONNECT"],
            "headers": {"x_a": "1", "x-b": "/(/", "x-forwarded-for": "1"},
            "forwardProxyPolicy": {},
            "forwardCredentials": true,
            "requestHeaders": {"set": {"x-user": "root", "x-mine": "1"}},
            "responseHeaders": {"set": {"x-request-id": "1"}},
            "timeout": "0",
            "upgradeIdleTimeout": "0"
        }}"#,
        &[
            "C011 routes.a.hosts[1]",
            "C006 routes.a.hosts[2]",
            "C011 routes.a.paths[1]",
            "C006 routes.a.paths[2]",
            "C006 routes.a.methods[1]",
            "C006 routes.a.methods[2]",
            "C026 routes.a.headers.x-b",
            "C012 routes.a.headers.x-forwarded-for",
            "C012 routes.a.headers.x_a",
            "C007 routes.a.forwardProxyPolicy",
            "C007 routes.a.requestHeaders.set.x-user",
            "C007 routes.a.responseHeaders.set.x-request-id",
            "C006 routes.a.timeout",
            "C006 routes.a.upgradeIdleTimeout",
            "C040 routes.a.forwardCredentials",
        ],
    );
    check(
        r#"{"a": {"public": true, "upstream": "app", "forwardProxyPolicy": {"dialect": "nginx", "trustedProxyIPs": ["10.0.0.1"]}}}"#,
        &["C006 routes.a.forwardProxyPolicy.dialect"],
    );
}

#[test]
fn what_the_upstream_must_not_see_is_known() {
    let text = r#"{
        "a": {"endpoint": "api", "upstream": "app"},
        "b": {"endpoint": "api", "upstream": "app", "paths": ["/b"], "forwardCredentials": true},
        "c": {"public": true, "upstream": "app", "paths": ["/c"]}
    }"#;
    let (table, _) = compile(text);
    let withheld = |path: &str| -> Vec<String> {
        match table.find("h", path, &Method::GET, &HeaderMap::new()) {
            Found::Route(route) => route.withheld.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    };
    let credentials = [
        "authorization",
        "dpop",
        "proxy-authorization",
        "txn-token",
        "workload-identity-token",
    ];
    let all = [&credentials[..], &["x-user"]].concat();
    assert_eq!(withheld("/c"), all);
    assert_eq!(withheld("/b"), ["x-user"]);
    let mut all = credentials.to_vec();
    all.extend(["x-api-key", "x-user"]);
    all.sort_unstable();
    assert_eq!(withheld("/"), all);
}

#[test]
fn the_most_specific_route_answers_and_no_broader_one() {
    let text = r#"{
        "any": {"public": true, "upstream": "app"},
        "docs": {"public": true, "upstream": "app", "hosts": ["*.example.com"], "paths": ["/docs/*"]},
        "api": {"endpoint": "api", "upstream": "app", "hosts": ["api.example.com"], "paths": ["/v1/*"]},
        "status": {"public": true, "upstream": "app", "hosts": ["api.example.com"], "paths": ["/v1/status"]},
        "write": {"endpoint": "api", "upstream": "app", "hosts": ["api.example.com"], "paths": ["/v1/items"], "methods": ["POST"]}
    }"#;
    let (table, found) = compile(text);
    assert!(found.is_empty(), "{found:?}");
    for (host, path, expected) in [
        ("other.org", "/docs", "any"),
        ("example.com", "/docs", "any"),
        ("www.example.com", "/docs", "docs"),
        ("www.example.com", "/docs/x", "docs"),
        ("www.example.com", "/docsx", "404"),
        ("api.example.com", "/v1/a", "api"),
        ("api.example.com", "/v1/status", "status"),
        ("api.example.com", "/v1/status/", "api"),
        ("api.example.com", "/V1/a", "404"),
        ("api.example.com", "/docs/x", "404"),
        ("api.example.com", "/v1/items", "405 POST"),
        ("a.api.example.com", "/v1/a", "404"),
    ] {
        assert_eq!(answers(&table, host, path), expected, "{host}{path}");
    }
}

#[test]
fn a_broken_route_keeps_its_place() {
    let narrow = [
        r#""upstream": "app""#,
        r#""endpoint": "api", "upstream": "down""#,
        r#""endpoint": "broken", "upstream": "app""#,
        r#""endpoint": "api", "upstream": "app", "methods": ["get"]"#,
        r#""endpoint": "api", "upstream": "app", "headers": {"x-a": "/(/"}"#,
        r#""endpoint": "api", "upstream": "app", "requestHeaders": {"set": {"x-user": "a"}}"#,
    ];
    for narrow in narrow {
        let text = format!(
            r#"{{
                "narrow": {{"paths": ["/admin/*"], {narrow}}},
                "wide": {{"public": true, "upstream": "app"}}
            }}"#
        );
        let (table, _) = compile(&text);
        assert_eq!(answers(&table, "h", "/admin/x"), "503 narrow", "{narrow}");
        assert_eq!(answers(&table, "h", "/admin"), "503 narrow", "{narrow}");
        assert_eq!(answers(&table, "h", "/"), "wide", "{narrow}");
        assert_eq!(table.routes().len(), 2);
    }
}

#[test]
fn a_place_that_cannot_be_read_is_closed_as_wide_as_it_may_have_been_meant() {
    let wide = r#""wide": {"public": true, "upstream": "app"},
        "inner": {"public": true, "upstream": "app", "paths": ["/a/b/*"]},
        "host": {"public": true, "upstream": "app", "hosts": ["h.example.com"]}"#;
    for (places, closed, open) in [
        (r#""paths": ["/a/b//c"]"#, "/a/b/c", "/a"),
        (r#""paths": ["/%61dmin/*"]"#, "/admin/x", "/a"),
        (r#""paths": ["/a/../b"]"#, "/a/b/x", "/b"),
    ] {
        let text =
            format!(r#"{{"bad": {{{places}, "endpoint": "api", "upstream": "app"}}, {wide}}}"#);
        let (table, _) = compile(&text);
        assert_eq!(answers(&table, "x", closed), "503 bad", "{places}");
        assert_ne!(answers(&table, "x", open), "503 bad", "{places}");
        assert_eq!(answers(&table, "h.example.com", closed), "host", "{places}");
    }
    let text = format!(
        r#"{{"bad": {{"hosts": ["h.example.com:8443"], "paths": ["/x/*"], "endpoint": "api", "upstream": "app"}}, {wide}}}"#
    );
    let (table, _) = compile(&text);
    assert_eq!(answers(&table, "h.example.com", "/x/y"), "503 bad");
    assert_eq!(answers(&table, "h.example.com", "/y"), "host");
    assert_eq!(answers(&table, "other", "/x/y"), "wide");
}

#[test]
fn a_route_that_cannot_be_read_closes_what_is_known_of_its_place() {
    let wide = RouteSpec {
        public: true,
        upstream: "app".into(),
        ..RouteSpec::default()
    };
    let hosts = ["a.example".to_owned()];
    let paths = ["/x/*".to_owned()];
    for (hosts, paths, closed, open) in [
        (
            Some(hosts.as_slice()),
            Some(paths.as_slice()),
            ("a.example", "/x/y"),
            Some(("b", "/x/y")),
        ),
        (
            Some(hosts.as_slice()),
            None,
            ("a.example", "/z"),
            Some(("b", "/x")),
        ),
        (None, Some(paths.as_slice()), ("b", "/x"), Some(("b", "/"))),
        (None, None, ("b", "/"), None),
    ] {
        let written = [
            ("bad", WrittenRoute::Unreadable { hosts, paths }),
            ("wide", WrittenRoute::Read(&wide)),
        ];
        let (table, found) = compile_written(written);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(answers(&table, closed.0, closed.1), "503 bad");
        if let Some((host, path)) = open {
            assert_eq!(answers(&table, host, path), "wide");
        }
    }
}

#[test]
fn equals_are_refused_and_closed() {
    let pair = |a: &str, b: &str| {
        let route = |more: &str| format!(r#"{{"endpoint": "api", "upstream": "app" {more}}}"#);
        format!(r#"{{"a": {}, "b": {}}}"#, route(a), route(b))
    };
    for (a, b) in [
        ("", ""),
        (r#", "paths": ["/x", "/y"]"#, r#", "paths": ["/y", "/z"]"#),
        (r#", "hosts": ["A.b"]"#, r#", "hosts": ["a.b."]"#),
        (r#", "methods": ["GET"]"#, r#", "methods": ["POST", "GET"]"#),
        (
            r#", "headers": {"x-a": "1"}"#,
            r#", "headers": {"x-b": "1"}"#,
        ),
        (
            r#", "headers": {"x-a": "/1/"}"#,
            r#", "headers": {"x-a": "/2/"}"#,
        ),
    ] {
        let (table, found) = compile(&pair(a, b));
        assert_eq!(found, ["C007 routes.b"], "{a} | {b}");
        assert!(
            table
                .routes()
                .all(|route| matches!(route, crate::route::RouteState::Closed(_)))
        );
    }
    for (a, b) in [
        ("", r#", "paths": ["/*", "/x"], "hosts": ["a.b"]"#),
        ("", r#", "methods": ["GET"]"#),
        (r#", "methods": ["POST"]"#, r#", "methods": ["GET"]"#),
        (
            r#", "headers": {"x-a": "1"}"#,
            r#", "headers": {"x-a": "2"}"#,
        ),
        (
            r#", "headers": {"x-a": "1"}"#,
            r#", "headers": {"x-a": "/.*/"}"#,
        ),
        (
            r#", "headers": {"x-a": "1"}"#,
            r#", "headers": {"x-b": "1", "x-a": "1"}"#,
        ),
        (r#", "paths": ["/x"]"#, r#", "paths": ["/x/"]"#),
    ] {
        let (_, found) = compile(&pair(a, b));
        assert!(found.is_empty(), "{a} | {b}: {found:?}");
    }
}

#[test]
fn attack_17_a_field_that_tells_routes_apart_has_one_value() {
    let text = r#"{
        "beta": {"endpoint": "api", "upstream": "app", "headers": {"x-tier": "admin"}},
        "rest": {"public": true, "upstream": "app"}
    }"#;
    let (table, _) = compile(text);
    let find = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-tier", HeaderValue::from_static(value));
        }
        match table.find("h", "/", &Method::GET, &headers) {
            Found::Route(route) => match &route.access {
                Access::Endpoint(name) => name.to_string(),
                Access::Public(_) => "public".into(),
            },
            Found::Ambiguous => "400".into(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(find(&[]), "public");
    assert_eq!(find(&["user"]), "public");
    assert_eq!(find(&["admin"]), "api");
    assert_eq!(find(&["user", "admin"]), "400");
    assert_eq!(find(&["admin", "user"]), "400");
}

#[test]
fn attack_01_a_path_with_a_slash_more_is_not_weaker_unnoticed() {
    const OPEN: &str = r#""public": true"#;
    let table = |admin: &str, more: &str| {
        format!(
            r#"{{"admin": {{{admin}, "endpoint": "api", "upstream": "app"}},
                 "wide": {{"paths": ["/*"], {more}, "upstream": "app"}}}}"#
        )
    };
    let weaker: &[&str] = &["C040 routes.admin.paths"];
    check(&table(r#""paths": ["/admin"]"#, OPEN), weaker);
    check(&table(r#""paths": ["/admin/"]"#, OPEN), weaker);
    check(
        &table(r#""paths": ["/admin"]"#, r#""endpoint": "other""#),
        weaker,
    );
    let hosts = r#""hosts": ["a.example", "b.example"], "paths": ["/admin"]"#;
    // On hosts of their own, nothing else is there.
    check(&table(hosts, OPEN), &[]);
    check(&table(r#""paths": ["/admin", "/admin/"]"#, OPEN), &[]);
    check(&table(r#""paths": ["/admin/*"]"#, OPEN), &[]);
    check(&table(r#""paths": ["/"]"#, OPEN), &[]);
    // Judged alike, or open itself.
    check(
        &table(r#""paths": ["/admin"]"#, r#""endpoint": "api""#),
        &[],
    );
    let open = r#"{"a": {"paths": ["/a"], "public": true, "upstream": "app"},
                   "wide": {"endpoint": "api", "upstream": "app"}}"#;
    check(open, &[]);
}

#[test]
fn a_filter_that_cannot_work_closes_its_route() {
    let sound = serde_json::json!({
        "store": "docs", "items": "/docs", "user": "user:a", "relation": "viewer",
        "object": "doc:{{ item.id }}",
    });
    for (key, value, path) in [
        ("items", "docs", "items"),
        ("store", "", "store"),
        ("user", "a", "user"),
        ("user", "user:{{ item.id }}", "user"),
        ("relation", "", "relation"),
        ("object", "doc:{{ item.id", "object"),
    ] {
        let mut filter = sound.clone();
        filter[key] = value.into();
        let spec = serde_json::json!({"upstream": "app", "public": true, "filterItems": filter});
        let spec: RouteSpec = serde_json::from_value(spec).unwrap();
        let found = filter_findings(&spec);
        let path = format!("a.filterItems.{path}");
        assert!(found.contains(&path), "{key}: {found:?}");
    }
    let spec = serde_json::json!({
        "upstream": "app", "public": true, "filterItems": sound, "upgrade": ["websocket"],
    });
    let found = filter_findings(&serde_json::from_value(spec).unwrap());
    assert!(found.contains(&"a.filterItems".to_owned()), "{found:?}");
}

#[test]
fn a_guard_that_cannot_work_closes_its_route() {
    let chat = r#""request": {"text": "user"}, "response": {"json": {"presets": ["openai-chat"]}}"#;
    for (guard, more, expected) in [
        (chat, "", None),
        (r#""guardrail": "links", "restore": true"#, chat, None),
        // Whoever may be sent links is told what they carry.
        (
            r#""guardrail": "content", "restore": true"#,
            chat,
            Some("C040 routes.a.guard.restore"),
        ),
        (
            r#""restore": true"#,
            chat,
            Some("C007 routes.a.guard.restore"),
        ),
        (
            r#""guardrail": "links", "restore": true"#,
            r#""response": {"text": "output"}"#,
            Some("C007 routes.a.guard.restore"),
        ),
        ("", "", Some("C005 routes.a.guard")),
        (r#""request": {}"#, "", Some("C005 routes.a.guard.request")),
        (
            r#""response": {"json": {"texts": [{"select": "x", "channel": "tool"}]}}"#,
            "",
            Some("C006 routes.a.guard.response.json.texts[0].select"),
        ),
        (
            r#""guardrail": "link""#,
            chat,
            Some("C014 routes.a.guard.guardrail"),
        ),
        (
            r#""guardrail": "broken""#,
            chat,
            Some("C015 routes.a.guard.guardrail"),
        ),
        (
            r#""maxBytes": 0"#,
            chat,
            Some("C006 routes.a.guard.maxBytes"),
        ),
    ] {
        let comma = if guard.is_empty() || more.is_empty() {
            ""
        } else {
            ", "
        };
        let guard = format!("{guard}{comma}{more}");
        let text =
            format!(r#"{{"a": {{"public": true, "upstream": "app", "guard": {{{guard}}}}}}}"#);
        check(&text, expected.as_slice());
    }
    let switched = format!(
        r#"{{"a": {{"public": true, "upstream": "app", "upgrade": ["websocket"], "guard": {{{chat}}}}}}}"#
    );
    check(&switched, &["C007 routes.a.guard"]);
}

/// What a rule masked before has the same placeholders as what is masked along the route.
#[test]
fn attack_52_no_value_is_given_back_in_the_place_of_another() {
    let both = r#""request": {"text": "user"}, "response": {"text": "output"}"#;
    for (endpoint, restore, expected) in [
        ("api", true, None),
        ("masking", false, None),
        ("masking", true, Some("C007 routes.a.guard.restore")),
    ] {
        let guard = format!(r#""guardrail": "links", "restore": {restore}, {both}"#);
        let text = format!(
            r#"{{"a": {{"endpoint": "{endpoint}", "upstream": "app", "guard": {{{guard}}}}}}}"#
        );
        check(&text, expected.as_slice());
    }
}

#[test]
fn fields_that_are_no_texts_are_not_read() {
    let many: Vec<String> = (0..17).map(|index| format!("x-{index}")).collect();
    let many = serde_json::to_string(&many).unwrap();
    for (headers, expected) in [
        (r#"["X-Question", "x-other"]"#, None),
        (r#"["x-a", "Authorization"]"#, Some("[1]")),
        (r#"["host"]"#, Some("[0]")),
        (r#"["x-a", "X-A"]"#, Some("[1]")),
        (r#"["x a"]"#, Some("[0]")),
        (&*many, Some("")),
    ] {
        let guard = format!(r#"{{"request": {{"headers": {headers}}}}}"#);
        let text = format!(r#"{{"a": {{"public": true, "upstream": "app", "guard": {guard}}}}}"#);
        let expected = expected.map(|at| format!("C006 routes.a.guard.request.headers{at}"));
        check(
            &text,
            &expected.iter().map(|own| &**own).collect::<Vec<_>>(),
        );
    }
}

/// The paths of all findings about the route `a`.
fn filter_findings(spec: &RouteSpec) -> Vec<String> {
    let mut findings = Findings::new();
    let deps = RouteDeps {
        endpoints: &BTreeMap::new(),
        upstreams: &[("app".to_owned(), Some(upstream()))].into(),
        credentials: &BTreeMap::new(),
        identity: &[],
        correlation: None,
        stores: &Directory::default(),
        guardrails: &ztag_types::Directory::default(),
        templates: &TemplateFiles::empty(),
    };
    let written = [("a", WrittenRoute::Read(spec))];
    RouteTable::compile(written, &ConfigPath::root(), &deps, &mut findings);
    let found = findings.as_slice().iter();
    found.map(|own| own.path.to_string()).collect()
}
