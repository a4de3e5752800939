//! Tests of the response-policy stage over hand-made evidence.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};
use smallvec::SmallVec;
use ztag_expr::TemplateFiles;
use ztag_types::{
    Admitted, BackendState, Body, Challenge, Client, Clock, Code, ConfigPath, Curated,
    EndpointName, Exports, Findings, Globals, Headers, ManualClock, Map, Outcome, Query, Reason,
    ReasonCode, Reply, RequestLine, RuleName, Severity, Snapshot, Subrequest, Value, Vars, Verdict,
};

use crate::{ExportNames, ReplyDeps, ReplyInput, ResponsePolicy, ResponsePolicySpec};

static CORRELATION: HeaderName = HeaderName::from_static("x-request-id");

fn compile(spec: Json) -> (Option<ResponsePolicy>, Vec<(Severity, Code, String)>) {
    let spec: ResponsePolicySpec = serde_json::from_value(spec).unwrap();
    let none = BTreeSet::new();
    let files = [(
        "deny.html".to_owned(),
        "<p>{{ response.why }}</p>\n".to_owned(),
    )];
    let templates = TemplateFiles::from_entries(files);
    let exports = [ExportNames {
        rule: RuleName::from("r"),
        names: BTreeSet::from(["user".to_owned(), "why".to_owned(), "n".to_owned()]),
    }];
    let deps = ReplyDeps {
        variables: &none,
        environment: &none,
        secrets: &none,
        exports: &exports,
        templates: &templates,
        correlation: Some(&CORRELATION),
        realm: "\"api\"",
    };
    let mut findings = Findings::new();
    let at = ConfigPath::root().key("responsePolicy");
    let policy = ResponsePolicy::compile(&spec, &at, &deps, &mut findings);
    let found = findings.into_vec().into_iter();
    let found = found.map(|one| (one.severity, one.code, one.path.to_string()));
    (policy, found.collect())
}

fn snapshot(headers: &[(&'static str, &'static str)]) -> Snapshot {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    Snapshot {
        line: RequestLine {
            method: Method::GET,
            scheme: "https",
            host: "app.test".into(),
            port: None,
            uri: "/x".into(),
            path_len: 2,
            canonical_path: None,
        },
        query: Query::default(),
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
    }
}

fn verdict(outcome: Outcome, exports: &[(&str, Value)]) -> Verdict {
    let entries = exports
        .iter()
        .map(|(name, value)| ((*name).into(), value.clone()));
    let mut all = Exports::default();
    all.add(&RuleName::from("r"), &Arc::new(entries.collect::<Map>()));
    Verdict {
        outcome,
        reason: Reason::with_detail(ReasonCode::FailCondition, "an internal detail"),
        rule: Some(RuleName::from("r")),
        exports: all,
        backend: BackendState::default(),
        fresh_for: None,
        challenge: None,
        masked: None,
    }
}

/// The reply, and the outcome it tells.
fn render(spec: Json, verdict: &Verdict, snapshot: &Snapshot) -> (Outcome, Reply) {
    let (policy, found) = compile(spec);
    let policy = policy.unwrap_or_else(|| panic!("{found:?}"));
    let admitted = Admitted {
        credentials: SmallVec::new(),
        authenticated: false,
        reason: Cow::Borrowed(""),
    };
    let (curated, vars, globals) = (Curated::default(), Vars::default(), Globals::default());
    let endpoint = EndpointName::from("api");
    let input = ReplyInput {
        snapshot,
        admitted: &admitted,
        curated: &curated,
        vars: &vars,
        globals: &globals,
        endpoint: &endpoint,
        verdict,
    };
    match policy.render(&input, &[]) {
        Ok(reply) => (verdict.outcome, reply),
        Err(halt) => {
            assert_eq!(halt.reason.code(), ReasonCode::ReplyFailed);
            (halt.outcome, *halt.reply)
        }
    }
}

fn headers(reply: &Reply) -> Vec<(&str, &str)> {
    let headers = reply.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

#[test]
fn each_outcome_has_its_default_status_and_an_empty_body() {
    for (outcome, status) in [
        (Outcome::Pass, 200),
        (Outcome::Fail, 403),
        (Outcome::Error, 502),
    ] {
        let (_, reply) = render(json!({}), &verdict(outcome, &[]), &snapshot(&[]));
        assert_eq!(reply.status.as_u16(), status);
        assert!(reply.body.is_empty());
        let expected = [
            ("x-ztag-outcome", outcome.as_str()),
            ("x-request-id", "c-1"),
        ];
        assert_eq!(headers(&reply), expected);
    }
}

#[test]
fn defect_03_13_the_body_is_the_policy_and_never_the_reason() {
    let (_, reply) = render(json!({}), &verdict(Outcome::Fail, &[]), &snapshot(&[]));
    assert!(!String::from_utf8_lossy(&reply.body).contains("internal"));
    let spec = json!({ "fail": { "body": "\n denied {{ response.why }} \n" } });
    let why = verdict(Outcome::Fail, &[("why", Value::text("late"))]);
    let (_, reply) = render(spec, &why, &snapshot(&[]));
    assert_eq!(reply.body, "denied late");
    assert_eq!(
        headers(&reply)[0],
        ("content-type", "text/plain; charset=utf-8")
    );
}

#[test]
fn a_body_file_and_a_content_type_of_ones_own() {
    let spec =
        json!({ "fail": { "bodyFile": "deny.html", "headers": { "Content-Type": "text/html" } } });
    let why = verdict(Outcome::Fail, &[("why", Value::text("late"))]);
    let (_, reply) = render(spec, &why, &snapshot(&[]));
    assert_eq!(reply.body, "<p>late</p>");
    assert_eq!(headers(&reply)[0], ("content-type", "text/html"));
    assert_eq!(reply.headers.len(), 3);
}

#[test]
fn headers_are_literals_templates_copies_and_lists() {
    let spec = json!({ "pass": { "headers": {
        "x-literal": "a", "x-user": "{{ response.user }}", "x-n": "{{ response.n }}", "x-tenant": null, "x-absent": null,
        "set-cookie": ["a=1", "b={{ response.n }}", "{{ response.why }}"],
    } } });
    let exports = [("user", Value::text("ann")), ("n", Value::Int(7))];
    let (_, reply) = render(
        spec,
        &verdict(Outcome::Pass, &exports),
        &snapshot(&[("x-tenant", "acme")]),
    );
    let expected = [
        ("set-cookie", "a=1"),
        ("set-cookie", "b=7"),
        ("x-literal", "a"),
        ("x-n", "7"),
        ("x-tenant", "acme"),
        ("x-user", "ann"),
        ("x-ztag-outcome", "pass"),
        ("x-request-id", "c-1"),
    ];
    assert_eq!(headers(&reply), expected);
}

#[test]
fn attack_15_an_identity_header_without_value_is_sent_empty_on_a_pass_and_not_otherwise() {
    let reply = json!({ "headers": { "x-user": "{{ response.user }}" } });
    let spec = json!({ "pass": reply, "fail": reply });
    let (_, passed) = render(
        spec.clone(),
        &verdict(Outcome::Pass, &[]),
        &snapshot(&[("x-user", "admin")]),
    );
    assert_eq!(headers(&passed)[0], ("x-user", ""));
    let (_, failed) = render(spec, &verdict(Outcome::Fail, &[]), &snapshot(&[]));
    assert!(headers(&failed).iter().all(|(name, _)| *name != "x-user"));
}

#[test]
fn attack_59_a_line_break_in_a_header_makes_the_decision_an_error() {
    let spec = json!({ "pass": { "headers": { "x-user": "{{ response.user }}" }, "body": "welcome" },
                       "error": { "status": 503 } });
    for evil in ["a\r\nx-admin: 1", "a\nb", "a\0b", "ann\n"] {
        let evil = verdict(Outcome::Pass, &[("user", Value::text(evil))]);
        let (outcome, reply) = render(spec.clone(), &evil, &snapshot(&[]));
        assert_eq!((outcome, reply.status.as_u16()), (Outcome::Error, 503));
        assert!(reply.body.is_empty());
        let expected = [("x-ztag-outcome", "error"), ("x-request-id", "c-1")];
        assert_eq!(headers(&reply), expected);
    }
}

#[test]
fn attack_30_a_name_with_blanks_at_its_ends_passes_for_no_other() {
    let of = |template: &str, user: &str| {
        let spec = json!({ "pass": { "headers": { "x-user": template } } });
        let verdict = verdict(Outcome::Pass, &[("user", Value::text(user))]);
        let (outcome, reply) = render(spec, &verdict, &snapshot(&[]));
        let said = headers(&reply)[0];
        (outcome, said.1.to_owned())
    };
    let own = "{{ response.user }}";
    for user in ["ann ", " ann", "\tann", " "] {
        assert_eq!(of(own, user).0, Outcome::Error, "{user:?}");
    }
    assert_eq!(of(own, "ann b"), (Outcome::Pass, "ann b".to_owned()));
    // Whoever writes a text around values, or trims them, wants it so.
    for (template, said) in [
        ("{{ response.user|trim }}", "ann"),
        ("user {{ response.user }}", "user ann"),
    ] {
        assert_eq!(of(template, "ann "), (Outcome::Pass, said.to_owned()));
    }
}

#[test]
fn defect_03_05_a_reply_that_cannot_be_rendered_never_shows_its_source() {
    // Fuel runs out while the body is rendered.
    let endless =
        "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}";
    let spec = json!({ "pass": { "body": endless } });
    let (outcome, reply) = render(spec, &verdict(Outcome::Pass, &[]), &snapshot(&[]));
    assert_eq!((outcome, reply.status.as_u16()), (Outcome::Error, 502));
    assert!(reply.body.is_empty());
}

#[test]
fn the_correlation_id_wins_over_the_policy() {
    let spec = json!({ "pass": { "headers": { "X-Request-Id": "mine" } } });
    let (_, reply) = render(spec, &verdict(Outcome::Pass, &[]), &snapshot(&[]));
    let expected = [("x-ztag-outcome", "pass"), ("x-request-id", "c-1")];
    assert_eq!(headers(&reply), expected);
}

/// One finding at `expected.2` below `responsePolicy`; an error leaves no policy.
fn check(spec: Json, expected: (Severity, Code, &str)) {
    let shown = spec.to_string();
    let (policy, found) = compile(spec);
    let path = format!("responsePolicy.{}", expected.2);
    assert_eq!(found, [(expected.0, expected.1, path)], "{shown}");
    assert_eq!(policy.is_none(), expected.0 == Severity::Error, "{shown}");
}

#[test]
fn a_status_that_opens_a_door_is_refused_at_load() {
    use Severity::{Error, Warning};
    check(
        json!({ "fail": { "status": 200 } }),
        (Error, Code::InvalidValue, "fail.status"),
    );
    check(
        json!({ "error": { "status": 204 } }),
        (Error, Code::InvalidValue, "error.status"),
    );
    check(
        json!({ "fail": { "status": 101 } }),
        (Error, Code::InvalidValue, "fail.status"),
    );
    check(
        json!({ "fail": { "status": 600 } }),
        (Error, Code::InvalidValue, "fail.status"),
    );
    check(
        json!({ "pass": { "status": 302 } }),
        (Warning, Code::InvalidValue, "pass.status"),
    );
}

#[test]
fn headers_that_break_or_mislead_are_refused_at_load() {
    use Severity::{Error, Warning};
    let headers = |headers: Json| json!({ "fail": { "headers": headers } });
    check(
        headers(json!({ "a b": "x" })),
        (Error, Code::InvalidName, "fail.headers.a b"),
    );
    check(
        headers(json!({ "Content-Length": "1" })),
        (Error, Code::InvalidName, "fail.headers.Content-Length"),
    );
    check(
        headers(json!({ "X-Ztag-Outcome": "pass" })),
        (Error, Code::InvalidName, "fail.headers.X-Ztag-Outcome"),
    );
    check(
        headers(json!({ "x-a": "a\nb" })),
        (Error, Code::InvalidValue, "fail.headers.x-a"),
    );
    check(
        headers(json!({ "x-a": "{{ response.usr }}" })),
        (Error, Code::UnknownName, "fail.headers.x-a"),
    );
    check(
        headers(json!({ "set-cookie": ["a=1", "{{ nobody }}"] })),
        (Error, Code::UnknownName, "fail.headers.set-cookie[1]"),
    );
    check(
        headers(json!({ "x-forwarded-for": null })),
        (Warning, Code::InvalidValue, "fail.headers.x-forwarded-for"),
    );
    check(
        headers(json!({ "x-request-id": "a" })),
        (Warning, Code::Conflict, "fail.headers.x-request-id"),
    );
}

#[test]
fn bodies_are_checked_at_load() {
    use Severity::{Error, Warning};
    check(
        json!({ "fail": { "body": "{% if %}" } }),
        (Error, Code::TemplateSyntax, "fail.body"),
    );
    check(
        json!({ "fail": { "bodyFile": "absent.html" } }),
        (Error, Code::TemplateFile, "fail.bodyFile"),
    );
    check(
        json!({ "fail": { "body": "a", "bodyFile": "deny.html" } }),
        (Warning, Code::Conflict, "fail.bodyFile"),
    );
}

#[test]
fn reads_name_copies_and_templates() {
    let spec = json!({ "pass": { "headers": { "x-a": null, "x-b": "{{ backend.body.id }}" }, "body": "{{ request.path }}" } });
    let (policy, _) = compile(spec);
    let reads = policy.unwrap();
    let shown: Vec<_> = reads.reads().paths().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["backend.body.id", "request.headers['x-a']", "request.path"]
    );
}

#[test]
fn a_denial_that_can_be_mended_says_how() {
    let challenged = |status: Option<u16>, spec: Json| {
        let mut denied = verdict(Outcome::Fail, &[]);
        denied.challenge = Some(Box::new(Challenge {
            status: status.map(|status| status.try_into().unwrap()),
            value: HeaderValue::from_static("Bearer error=\"x\""),
        }));
        let (_, reply) = render(spec, &denied, &snapshot(&[]));
        let header = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "www-authenticate");
        let header = header.map(|(_, value)| value.to_str().unwrap().to_owned());
        (reply.status.as_u16(), header.unwrap())
    };
    let own = || "Bearer realm=\"api\", error=\"x\"".to_owned();
    assert_eq!(challenged(None, json!({})), (403, own()));
    assert_eq!(challenged(Some(401), json!({})), (401, own()));
    let hidden = || json!({ "fail": { "status": 404 } });
    assert_eq!(challenged(None, hidden()), (404, own()));
    let literal = json!({ "fail": { "headers": { "www-authenticate": "Own" } } });
    assert_eq!(challenged(Some(401), literal), (403, "Own".to_owned()));
}
