//! Tests of the endpoint-vars stage over hand-made evidence.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, Method};
use smallvec::SmallVec;
use ztag_expr::TemplateFiles;
use ztag_types::{
    Admitted, Body, Client, Clock, Code, ConfigPath, Curated, EndpointName, Findings, Globals,
    Headers, ManualClock, Object, Query, RequestLine, Snapshot, Subrequest, Value, Vars, View,
};

use crate::{EndpointVars, EndpointVarsSpec, VarsDeps, VarsInput};

fn compile(spec: &[(&str, &str)]) -> Result<EndpointVars, Vec<(Code, String)>> {
    let spec = spec
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let spec = EndpointVarsSpec(spec.collect());
    let deps = VarsDeps {
        environment: &BTreeSet::from(["REGION".to_owned()]),
        secrets: &BTreeSet::new(),
        templates: &TemplateFiles::empty(),
    };
    let mut findings = Findings::new();
    let at = ConfigPath::root().key("variables");
    EndpointVars::compile(&spec, &at, &deps, &mut findings).ok_or_else(|| {
        let found = findings.into_vec().into_iter();
        found.map(|one| (one.code, one.path.to_string())).collect()
    })
}

fn evaluate(spec: &[(&str, &str)]) -> Vars {
    let headers = [(HeaderName::from_static("x-tenant"), "acme".parse().unwrap())];
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let snapshot = Snapshot {
        line: RequestLine {
            method: Method::GET,
            scheme: "https",
            host: "app.test".into(),
            port: None,
            uri: "/x?Q=1".into(),
            path_len: 2,
            canonical_path: None,
        },
        query: Query([("Q".into(), "1".into())].into()),
        subrequest: Subrequest {
            method: Method::GET,
            target: http::Uri::from_static("/auth"),
            path: "/auth".into(),
            host: "gate".into(),
            query: Query::default(),
            remote_addr: "127.0.0.1:1".into(),
            headers: Headers::new(headers.into_iter().collect::<HeaderMap>()),
        },
        client: Client {
            address: local,
            address_text: "127.0.0.1".into(),
            peer: SocketAddr::new(local, 1),
            trusted_proxy: true,
            proxy_stripped: false,
            forwarded_for: "127.0.0.1".into(),
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
    let mut globals = Globals::default();
    globals.environment.insert("REGION".into(), "eu".into());
    let input = VarsInput {
        snapshot: &snapshot,
        admitted: &admitted,
        curated: &Curated::default(),
        globals: &globals,
        endpoint: &EndpointName::from("api"),
    };
    compile(spec).unwrap().evaluate(&input)
}

#[test]
fn variables_are_templates_or_cel_with_types() {
    let vars = evaluate(&[
        ("text", "{{ request.headers['x-tenant'] }}/{{ endpoint }}"),
        ("number", "size(request.query)"),
        (
            "flag",
            "request.query.Q == '1' && admission.clientIp == '127.0.0.1'",
        ),
        ("region", "variables.environment.REGION"),
        ("sub", "subrequest.path + correlationId"),
    ]);
    assert_eq!(vars.failed, []);
    assert_eq!(vars.values.get("text"), Some(&Value::text("acme/api")));
    assert_eq!(vars.values.get("number"), Some(&Value::Int(1)));
    assert_eq!(vars.values.get("flag"), Some(&Value::Bool(true)));
    assert_eq!(vars.values.get("region"), Some(&Value::text("eu")));
    assert_eq!(vars.values.get("sub"), Some(&Value::text("/authc-1")));
}

#[test]
fn variables_read_each_other_in_any_order_of_names() {
    let vars = evaluate(&[
        ("a", "variables.endpoint.b + 'a'"),
        ("b", "variables.endpoint.c + 'b'"),
        ("c", "'c'"),
    ]);
    assert_eq!(vars.values.get("a"), Some(&Value::text("cba")));
}

#[test]
fn defect_12_a_failed_variable_is_not_an_empty_text() {
    let vars = evaluate(&[
        ("broken", "request.headers['absent']"),
        ("reader", "variables.endpoint.broken + 'x'"),
        ("fine", "'fine'"),
    ]);
    assert!(matches!(vars.field("broken"), Some(View::Failed(_))));
    assert!(matches!(vars.field("reader"), Some(View::Failed(_))));
    assert_eq!(vars.field("fine"), Some(View::Str("fine")));
    let names: Vec<_> = vars.failed.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["broken", "reader"]);
}

#[test]
fn what_cannot_be_meant_is_refused_at_load() {
    let check = |spec: &[(&str, &str)], code: Code, path: &str| {
        let found = compile(spec).map(|_| ()).unwrap_err();
        assert_eq!(found, [(code, path.to_owned())]);
    };
    check(&[("a", "1 +")], Code::ExpressionSyntax, "variables.a");
    check(&[("a", "backend.status")], Code::UnknownName, "variables.a");
    check(
        &[("a", "variables.endpoint.b")],
        Code::UnknownName,
        "variables.a",
    );
    check(
        &[("a", "variables.environment.NOPE")],
        Code::UnknownName,
        "variables.a",
    );
    check(&[(" ", "1")], Code::InvalidName, "variables. ");
    check(
        &[
            ("a", "variables.endpoint.b"),
            ("b", "{{ variables.endpoint.a }}"),
        ],
        Code::VariableCycle,
        "variables.a",
    );
    check(
        &[("a", "variables.endpoint.a")],
        Code::VariableCycle,
        "variables.a",
    );
}

#[test]
fn reads_are_those_of_all_variables() {
    let vars = compile(&[("a", "request.path"), ("b", "now")]).unwrap();
    assert!(vars.reads().touches(&["request", "path"]));
    assert!(vars.reads().is_volatile());
}
