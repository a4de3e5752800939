use std::collections::BTreeMap;

use super::*;
use crate::admission::{Admission, AdmissionDeps, Compiled};
use crate::spec::{AdmissionSpec, ForwardProxySpec};

fn compile(spec: &AdmissionSpec) -> Result<Compiled, Vec<Diagnostic>> {
    let deps = AdmissionDeps {
        endpoint: &EndpointName::from("api"),
        files: &TemplateFiles::empty(),
        tokens: &crate::NoTokens,
    };
    Admission::compile(spec, &ConfigPath::root().key("endpoints").key("api"), deps)
}

fn spec(adjust: impl FnOnce(&mut AuthenticationSpec)) -> AdmissionSpec {
    let mut spec = AdmissionSpec::default();
    spec.authentication.allow.authorization = vec!["bearer".to_owned()];
    adjust(&mut spec.authentication);
    spec
}

/// The findings of a spec that must not compile, as `code path`.
fn check(adjust: impl FnOnce(&mut AuthenticationSpec), expected: &[&str]) {
    let findings = compile(&spec(adjust)).unwrap_err();
    let prefix = "endpoints.api.authentication.";
    let shown: Vec<_> = findings
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.path).replace(prefix, ""))
        .collect();
    assert_eq!(shown, expected);
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn an_endpoint_must_accept_something() {
    check(|spec| spec.allow.authorization.clear(), &["C013 allow"]);
    let anonymous = spec(|spec| {
        spec.allow.authorization.clear();
        spec.allow.none = true;
    });
    assert!(compile(&anonymous).unwrap().admission.allows_none());
    let findings = compile(&AdmissionSpec::default()).unwrap_err();
    assert_eq!(findings[0].code, Code::NoCredentialSource);
}

#[test]
fn sources_are_checked_one_by_one() {
    check(
        |spec| {
            spec.allow.authorization = texts(&["Bearer", "bearr", "", "digest", "bearer"]);
            spec.allow.header = texts(&["x-api-key", " ", "X-Api-Key", "a b", "authorization"]);
            spec.allow.query = texts(&["token", "", "token"]);
        },
        &[
            "C006 allow.authorization[1]",
            "C006 allow.authorization[2]",
            "C006 allow.authorization[3]",
            "C011 allow.authorization[4]",
            "C006 allow.header[1]",
            "C011 allow.header[2]",
            "C012 allow.header[3]",
            "C030 allow.header[4]",
            "C006 allow.query[1]",
            "C011 allow.query[2]",
        ],
    );
    for hidden in [
        "x-forwarded-user",
        "x_api_key",
        "x.api.key",
        "x-ztag-user",
        "x-real-ip",
    ] {
        check(
            |spec| spec.allow.header = texts(&[hidden]),
            &["C012 allow.header[0]"],
        );
    }
}

#[test]
fn unsupported_words_get_a_hint() {
    let findings = compile(&spec(|spec| {
        spec.allow.authorization = texts(&["bearr", "digest"]);
    }));
    let hints: Vec<_> = findings
        .unwrap_err()
        .into_iter()
        .map(|f| f.hint.unwrap())
        .collect();
    assert_eq!(hints, ["did you mean `bearer`?", "use `basic` or `bearer`"]);
}

fn challenged(kind: &str, realm: &str, charset: Option<&str>) -> ChallengeSpec {
    ChallengeSpec {
        kind: kind.to_owned(),
        realm: realm.to_owned(),
        charset: charset.map(str::to_owned),
    }
}

#[test]
fn challenges_are_checked() {
    let check = |challenge: ChallengeSpec, expected: &[&str]| {
        check(|spec| spec.challenge = Some(challenge), expected);
    };
    check(challenged("digest", "r", None), &["C006 challenge.type"]);
    check(
        challenged("", " ", None),
        &["C006 challenge.type", "C005 challenge.realm"],
    );
    check(
        challenged("bearer", "r", Some("UTF-8")),
        &["C007 challenge.charset"],
    );
    check(
        challenged("basic", "r", Some("latin-1")),
        &["C006 challenge.charset"],
    );
    check(challenged("basic", "a\nb", None), &["C006 challenge.realm"]);
}

fn challenge_of(challenge: ChallengeSpec, headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut spec = AuthenticationSpec {
        challenge: Some(challenge),
        ..AuthenticationSpec::default()
    };
    spec.response.headers = fields(headers);
    let mut findings = Vec::new();
    let files = TemplateFiles::empty();
    let endpoint = EndpointName::from("api");
    let deps = AdmissionDeps {
        endpoint: &endpoint,
        files: &files,
        tokens: &crate::NoTokens,
    };
    let answer = answer(&spec, &ConfigPath::root(), deps, None, &mut findings).unwrap();
    let shown = |(name, value): (HeaderName, HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    answer.headers.into_iter().map(shown).collect()
}

#[test]
fn challenges_are_escaped() {
    let first = |challenge| challenge_of(challenge, &[]).remove(0).1;
    assert_eq!(
        first(challenged("Bearer", "api", None)),
        r#"Bearer realm="api""#
    );
    assert_eq!(
        first(challenged("basic", r#"a"b\c"#, None)),
        r#"Basic realm="a\"b\\c""#
    );
    let with_charset = first(challenged("basic", "api", Some("utf-8")));
    assert_eq!(with_charset, r#"Basic realm="api", charset="UTF-8""#);
}

#[test]
fn defect_2_3_a_configured_challenge_replaces_in_any_case() {
    for name in ["WWW-Authenticate", "www-authenticate"] {
        let headers = challenge_of(
            challenged("basic", "api", None),
            &[(name, "Custom x"), ("a", "b")],
        );
        let challenges: Vec<_> = headers
            .iter()
            .filter(|(n, _)| n == "www-authenticate")
            .collect();
        assert_eq!(challenges.len(), 1);
        assert_eq!(challenges[0].1, "Custom x");
    }
}

#[test]
fn the_answer_never_passes() {
    for status in [0, 100, 199, 200, 204, 299, 600, 999] {
        check(
            |spec| spec.response.status = Some(status),
            &["C006 response.status"],
        );
    }
    for status in [300, 302, 401, 407, 599] {
        assert!(compile(&spec(|spec| spec.response.status = Some(status))).is_ok());
    }
}

#[test]
fn response_headers_are_checked() {
    check(
        |spec| {
            spec.response.headers = fields(&[
                ("X-A", "1"),
                ("a b", "1"),
                ("content-length", "1"),
                ("x-a", "2"),
                ("x-b", "a\r\nb"),
            ]);
        },
        &[
            "C012 response.headers.a b",
            "C012 response.headers.content-length",
            "C011 response.headers.x-a",
            "C006 response.headers.x-b",
        ],
    );
}

#[test]
fn a_file_beside_a_body_is_doubtful() {
    let both = spec(|spec| {
        spec.response.body = Some("please sign in".to_owned());
        spec.response.body_file = Some("401.txt".to_owned());
    });
    let warnings = compile(&both).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, Code::Conflict);
    assert!(!warnings[0].is_error());
}

#[test]
fn findings_of_all_sections_come_together() {
    let mut spec = spec(|spec| spec.response.status = Some(200));
    spec.forward_proxy_policy = ForwardProxySpec {
        trusted_proxy_ips: texts(&["0.0.0.0/0"]),
        development_mode: true,
        ..ForwardProxySpec::default()
    };
    let codes: Vec<_> = compile(&spec).unwrap_err().iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::Unsafe, Code::Unsafe, Code::InvalidValue]);
}

#[test]
fn a_proxy_dialect_needs_a_trusted_proxy() {
    let mut spec = spec(|_| {});
    spec.forward_proxy_policy.dialect = crate::Dialect::Nginx;
    assert_eq!(compile(&spec).unwrap_err()[0].code, Code::MissingKey);
    spec.forward_proxy_policy.development_mode = true;
    assert!(compile(&spec).is_ok());
}

#[test]
fn specs_are_written_in_camel_case() {
    let text = r#"{
        "authentication": {
            "required": false,
            "allow": {"authorization": ["basic"], "header": ["x-k"], "query": ["t"], "none": true},
            "challenge": {"type": "basic", "realm": "r", "charset": "UTF-8"},
            "response": {"status": 401, "headers": {"a": "b"}, "body": "x", "bodyFile": "y"}
        },
        "forwardProxyPolicy": {
            "dialect": "nginx", "trustedProxyIPs": ["127.0.0.1"], "developmentMode": true,
            "hops": 1, "allowPathParameters": true, "allowMethodOverride": true
        }
    }"#;
    let spec: AdmissionSpec = serde_json::from_str(text).unwrap();
    assert!(compile(&spec).is_ok());
    assert!(
        serde_json::from_str::<AdmissionSpec>(r#"{"forwardProxyPolicy": {"hops": 0}}"#).is_err()
    );
    assert!(serde_json::from_str::<AdmissionSpec>(r#"{"trustedProxies": []}"#).is_err());
}
