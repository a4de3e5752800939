mod asking;
mod bindings;
mod certificates;
mod issuers;
mod mint;
mod tokens;

use std::net::SocketAddr;

use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use ztag_types::Reply;

use super::*;
use crate::capture::capture;
use crate::capture::tests::hop;
use crate::spec::ChallengeSpec;

fn compile(adjust: impl FnOnce(&mut AdmissionSpec)) -> Compiled {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.authorization = vec!["bearer".to_owned(), "basic".to_owned()];
    spec.authentication.allow.header = vec!["X-Api-Key".to_owned()];
    spec.authentication.challenge = Some(ChallengeSpec {
        kind: "bearer".to_owned(),
        realm: "api".to_owned(),
        charset: None,
    });
    adjust(&mut spec);
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens: &crate::NoTokens,
    };
    Admission::compile(&spec, &ConfigPath::root(), deps).unwrap()
}

fn admit(compiled: &Compiled, fields: &[(&str, &str)]) -> Result<Admitted, Halt> {
    let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
    let snapshot = capture(hop("203.0.113.7:1", "/a", &fields), &compiled.capture).unwrap();
    compiled.admission.admit(&snapshot)
}

fn header<'r>(reply: &'r Reply, name: &http::HeaderName) -> Option<&'r str> {
    let found = reply.headers.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| value.to_str().unwrap())
}

#[test]
fn a_credential_admits() {
    let admitted = admit(&compile(|_| {}), &[("authorization", "Bearer t")]).unwrap();
    assert!(admitted.authenticated);
    assert_eq!(admitted.credentials.len(), 1);
    assert_eq!(admitted.reason, "authentication requirements satisfied");
}

#[test]
fn no_credential_is_answered_with_a_challenge() {
    let halt = admit(&compile(|_| {}), &[]).unwrap_err();
    assert_eq!(halt.outcome, Outcome::Fail);
    assert_eq!(halt.reason.code(), ReasonCode::CredentialsMissing);
    assert_eq!(halt.reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        header(&halt.reply, &WWW_AUTHENTICATE),
        Some(r#"Bearer realm="api""#)
    );
    assert_eq!(halt.reply.body, "authentication required");
}

#[test]
fn anonymous_requests_are_not_authenticated() {
    let optional = compile(|spec| spec.authentication.required = false);
    let admitted = admit(&optional, &[]).unwrap();
    assert!(!admitted.authenticated);
    assert_eq!(admitted.reason, "optional authentication not provided");
    let anonymous = compile(|spec| spec.authentication.allow.none = true);
    let admitted = admit(&anonymous, &[]).unwrap();
    assert!(!admitted.authenticated);
    assert_eq!(admitted.reason, "anonymous access allowed");
}

#[test]
fn what_cannot_be_read_is_not_anonymous() {
    for adjust in [
        |_: &mut AdmissionSpec| {},
        |spec: &mut AdmissionSpec| spec.authentication.required = false,
        |spec: &mut AdmissionSpec| spec.authentication.allow.none = true,
    ] {
        let compiled = compile(adjust);
        let fields = [("authorization", "Basic !"), ("x-api-key", "k")];
        let halt = admit(&compiled, &fields).unwrap_err();
        assert_eq!(halt.reason.code(), ReasonCode::CredentialsMalformed);
        assert_eq!(halt.reply.status, StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn attack_10_a_preflight_is_not_anonymous() {
    let compiled = compile(|_| {});
    let fields = [("host", "a"), ("access-control-request-method", "DELETE")];
    let mut hop = hop("203.0.113.7:1", "/", &fields);
    hop.method = Method::OPTIONS;
    let snapshot = capture(hop, &compiled.capture).unwrap();
    assert!(compiled.admission.admit(&snapshot).is_err());
}

#[test]
fn attack_19_no_user_agent_opens_a_door() {
    for agent in ["kube-probe/1.30", "ELB-HealthChecker/2.0", "GoogleHC/1.0"] {
        assert!(admit(&compile(|_| {}), &[("user-agent", agent)]).is_err());
    }
}

#[test]
fn the_answer_can_be_dressed() {
    let compiled = compile(|spec| {
        let response = &mut spec.authentication.response;
        response.status = Some(302);
        response
            .headers
            .insert("Location".to_owned(), "/login".to_owned());
        response.body = Some("please sign in".to_owned());
    });
    let halt = admit(&compiled, &[]).unwrap_err();
    assert_eq!(halt.reply.status, StatusCode::FOUND);
    assert_eq!(header(&halt.reply, &LOCATION), Some("/login"));
}

#[test]
fn defect_03_03_refusals_are_rendered() {
    let compiled = compile(|spec| {
        let response = &mut spec.authentication.response;
        response.status = Some(302);
        response
            .headers
            .insert("Location".to_owned(), "/login".to_owned());
        response
            .headers
            .insert("X-Help".to_owned(), "call us".to_owned());
    });
    let spoofed = [("host", "a"), ("x-forwarded-for", "192.0.2.1")];
    let refused = capture(hop("203.0.113.7:1", "/", &spoofed), &compiled.capture).unwrap_err();
    assert_eq!(refused.peer, SocketAddr::from(([203, 0, 113, 7], 1)));
    let halt = compiled.admission.refuse(&refused);
    assert_eq!(halt.outcome, Outcome::Fail);
    assert_eq!(halt.reason.code(), ReasonCode::ProxyUntrusted);
    assert_eq!(halt.reply.status, StatusCode::FORBIDDEN);
    assert_eq!(
        header(&halt.reply, &http::HeaderName::from_static("x-help")),
        Some("call us")
    );
    assert_eq!(header(&halt.reply, &LOCATION), None);
    assert_eq!(header(&halt.reply, &WWW_AUTHENTICATE), None);
    assert_eq!(halt.reply.body, "request refused");
}

fn challenge_body(template: &str) -> bytes::Bytes {
    let compiled = compile(|spec| spec.authentication.response.body = Some(template.to_owned()));
    admit(&compiled, &[]).unwrap_err().reply.body
}

#[test]
fn the_body_is_a_template() {
    let body = "{{ request.method }} {{ request.path }} of {{ admission.clientIp }}: {{ endpoint }} says \
                {{ admission.decision }}";
    assert_eq!(challenge_body(body), "GET /a of 203.0.113.7: api says fail");
    assert_eq!(
        challenge_body("{{ request.headers['x-none'] }}"),
        "authentication required"
    );
}

#[test]
fn defect_03_05_template_failures_never_leak_source_text() {
    let failing = "{% if request.headers.host %}{{ request.path + 1 }}{% endif %}";
    assert_eq!(challenge_body(failing), "authentication required");
    let compiled = compile(|spec| {
        spec.authentication.response.body =
            Some("{{ correlationId }} {{ request.path }}|".to_owned());
    });
    let spoofed = [("host", "a"), ("x-forwarded-for", "192.0.2.1")];
    let refused = capture(hop("203.0.113.7:1", "/", &spoofed), &compiled.capture).unwrap_err();
    let body = compiled.admission.refuse(&refused).reply.body;
    assert_eq!(body, format!("{} |", refused.correlation));
}

#[test]
fn the_body_template_is_checked_at_load() {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.none = true;
    spec.authentication.response.body = Some("{{ requst.path }}".to_owned());
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens: &crate::NoTokens,
    };
    let findings = Admission::compile(&spec, &ConfigPath::root(), deps).unwrap_err();
    assert_eq!(findings[0].path.to_string(), "authentication.response.body");
}

#[test]
fn what_the_body_reads_is_single() {
    let compiled = compile(|spec| {
        let body = "{{ request.headers['x-app'] }}";
        spec.authentication.response.body = Some(body.to_owned());
    });
    assert!(
        compiled
            .admission
            .reads()
            .touches(&["request", "headers", "x-app"])
    );
    let fields = [("host", "a"), ("x-app", "1"), ("x-app", "2")];
    let refused = capture(hop("203.0.113.7:1", "/", &fields), &compiled.capture).unwrap_err();
    assert_eq!(refused.fault.code(), ReasonCode::RequestAmbiguous);
}

#[test]
fn dropped_headers_are_noted() {
    let compiled = compile(|spec| spec.forward_proxy_policy.development_mode = true);
    let fields = [("x-forwarded-for", "192.0.2.1"), ("x-api-key", "k")];
    let admitted = admit(&compiled, &fields).unwrap();
    let noted = "authentication requirements satisfied (forwarding headers dropped)";
    assert_eq!(admitted.reason, noted);
}

#[test]
fn attack_17_credentials_are_single() {
    let compiled = compile(|spec| spec.authentication.allow.query = vec!["token".to_owned()]);
    let ask = |target: &str, fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
        capture(hop("203.0.113.7:1", target, &fields), &compiled.capture)
    };
    assert!(ask("/?token=a", &[("x-api-key", "a")]).is_ok());
    for refused in [
        ask("/", &[("x-api-key", "a"), ("x-api-key", "b")]),
        ask("/?token=a&token=b", &[]),
    ] {
        assert_eq!(
            refused.unwrap_err().fault.code(),
            ReasonCode::RequestAmbiguous
        );
    }
}

#[test]
fn credential_names_cover_every_source() {
    let compiled = compile(|spec| spec.authentication.allow.query = vec!["token".to_owned()]);
    let names = compiled.admission.credential_names();
    assert_eq!(
        names.headers,
        [Box::from("authorization"), Box::from("x-api-key")]
    );
    assert_eq!(names.queries, [Box::from("token")]);
}
