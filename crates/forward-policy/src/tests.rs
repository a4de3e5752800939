//! Tests of the forward-policy stage over hand-made evidence.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, Method};
use serde_json::{Value as Json, json};
use smallvec::SmallVec;
use ztag_expr::TemplateFiles;
use ztag_types::{
    Admitted, Body, Client, Clock, Code, ConfigPath, Curated, EndpointName, Findings, Globals,
    Headers, ManualClock, Query, RequestLine, Snapshot, Subrequest, Value,
};

use crate::{ForwardFault, ForwardInput, ForwardPolicy, ForwardPolicySpec};

fn compile(spec: Json) -> Result<ForwardPolicy, Vec<(Code, String)>> {
    let spec: ForwardPolicySpec = serde_json::from_value(spec).unwrap();
    let mut findings = Findings::new();
    let at = ConfigPath::root().key("forward");
    let policy = ForwardPolicy::compile(&spec, &at, &TemplateFiles::empty(), &mut findings);
    policy.ok_or_else(|| {
        let found = findings.into_vec().into_iter();
        found.map(|one| (one.code, one.path.to_string())).collect()
    })
}

fn curate(spec: Json, headers: &[(&'static str, &'static str)]) -> Result<Curated, ForwardFault> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let client = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));
    let snapshot = Snapshot {
        line: RequestLine {
            method: Method::POST,
            scheme: "https",
            host: "app.test".into(),
            port: Some(8443),
            uri: "/x?q=1".into(),
            path_len: 2,
            canonical_path: None,
        },
        query: Query([("q".into(), "1".into())].into()),
        subrequest: Subrequest {
            method: Method::GET,
            target: http::Uri::from_static("/auth"),
            path: "/auth".into(),
            host: "gate".into(),
            query: Query::default(),
            remote_addr: "127.0.0.1:1".into(),
            headers: Headers::new(headers),
        },
        client: Client {
            address: client,
            address_text: "10.0.0.9".into(),
            peer: SocketAddr::new(client, 1),
            trusted_proxy: true,
            proxy_stripped: false,
            forwarded_for: "10.0.0.9, 10.0.0.1".into(),
            forwarded: "".into(),
            certificate: None,
        },
        body: Body::default(),
        correlation: "c-1".into(),
        received: ManualClock::new().now(),
    };
    let admitted = Admitted {
        credentials: SmallVec::new(),
        authenticated: false,
        reason: Cow::Borrowed(""),
    };
    let input = ForwardInput {
        snapshot: &snapshot,
        admitted: &admitted,
        globals: &Globals::default(),
        endpoint: &EndpointName::from("api"),
    };
    compile(spec).unwrap().curate(&input)
}

fn shown(map: &ztag_types::Map) -> Json {
    Value::from(map.clone()).to_json()
}

#[test]
fn nothing_is_forwarded_unless_told() {
    let curated = curate(json!({}), &[("x-forwarded-for", "1.1.1.1")]).unwrap();
    assert!(curated.headers.is_empty() && curated.query.is_empty());
}

#[test]
fn attack_13_proxy_headers_are_rebuilt_and_never_copied() {
    let raw = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "evil"),
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-prefix", "/admin"),
        ("forwarded", "for=6.6.6.6"),
    ];
    let curated = curate(json!({ "forwardProxyHeaders": true }), &raw).unwrap();
    let expected = json!({
        "x-forwarded-for": "10.0.0.9, 10.0.0.1",
        "x-forwarded-host": "app.test:8443",
        "x-forwarded-method": "POST",
        "x-forwarded-proto": "https",
        "x-forwarded-uri": "/x?q=1",
    });
    assert_eq!(shown(&curated.headers), expected);
}

#[test]
fn headers_and_query_are_copied_or_rendered() {
    let spec = json!({
        "headers": { "X-Tenant": null, "x-absent": null, "x-made": "{{ request.path }}!", "x-empty": "{{ request.query.nope }}" },
        "query": { "q": null, "absent": null, "made": "{{ endpoint }}" },
    });
    let curated = curate(spec, &[("x-tenant", "acme"), ("x-other", "no")]).unwrap();
    assert_eq!(
        shown(&curated.headers),
        json!({ "x-tenant": "acme", "x-made": "/x!" })
    );
    assert_eq!(shown(&curated.query), json!({ "q": "1", "made": "api" }));
}

#[test]
fn credentials_and_proxy_words_are_refused_at_load() {
    let check = |spec: Json, code: Code, path: &str| {
        let found = compile(spec).map(|_| ()).unwrap_err();
        assert_eq!(found, [(code, path.to_owned())]);
    };
    let headers = |name: &str| json!({ "headers": { name: null } });
    check(
        headers("Authorization"),
        Code::CredentialHeader,
        "forward.headers.Authorization",
    );
    check(
        headers("x-forwarded-for"),
        Code::InvalidName,
        "forward.headers.x-forwarded-for",
    );
    check(
        headers("x_alias"),
        Code::InvalidName,
        "forward.headers.x_alias",
    );
    check(headers("a b"), Code::InvalidName, "forward.headers.a b");
    check(
        json!({ "query": { "": null } }),
        Code::InvalidName,
        "forward.query.",
    );
    check(
        json!({ "headers": { "x-a": "{{ backend.status }}" } }),
        Code::UnknownName,
        "forward.headers.x-a",
    );
}

#[test]
fn reads_name_what_the_policy_is_made_of() {
    let policy =
        compile(json!({ "forwardProxyHeaders": true, "headers": { "x-a": null } })).unwrap();
    assert!(policy.reads().touches(&["admission", "forwardedFor"]));
    assert!(policy.reads().touches(&["request", "headers", "x-a"]));
    assert!(!policy.reads().touches(&["request", "query"]));
}
