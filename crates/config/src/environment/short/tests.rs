use ztag_types::{Code, Severity};

use crate::diagnose;
use crate::load::{Loaded, Program, Sources, load};
use crate::report::{Finding, Report};

const DOMAIN: (&str, &str) = ("ZTAG_AUTH0_DOMAIN", "tenant.eu.auth0.com");
const AUDIENCE: (&str, &str) = ("ZTAG_AUDIENCE", "https://api.example");

fn loaded(sources: Sources, variables: &[(&str, &str)]) -> (Loaded, Report) {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = load(&sources.read_by(Program::Gateway).with_environment(pairs));
    let report = diagnose::report(&loaded, &[]);
    (loaded, report)
}

fn alone(variables: &[(&str, &str)]) -> (Loaded, Report) {
    loaded(Sources::default(), variables)
}

fn over(text: &str, variables: &[(&str, &str)]) -> (Loaded, Report) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, text).unwrap();
    loaded(Sources::file(file), variables)
}

/// The code and variable of each finding.
fn found(report: &Report) -> Vec<(Severity, Code, Option<&str>)> {
    let short = |finding: &'_ Finding| (finding.severity, finding.code);
    let findings = report.findings().iter();
    findings
        .map(|finding| {
            let (severity, code) = short(finding);
            (severity, code, finding.variable.as_deref())
        })
        .collect()
}

#[test]
fn the_short_variables_are_a_configuration() {
    let (loaded, report) = alone(&[
        DOMAIN,
        AUDIENCE,
        ("ZTAG_HOST", "127.0.0.1"),
        ("ZTAG_PORT", "8443"),
        ("ZTAG_CLIENT_ID", "us"),
        ("ZTAG_PRIVATE_KEY", "not looked at here"),
        ("ZTAG_CACHE_SIZE", "10000"),
        ("ZTAG_CONNECTION_POOL_SIZE", "32"),
    ]);
    assert!(report.is_empty(), "{}", report.to_human());
    let server = loaded.server().unwrap();
    assert_eq!(server.listen.socket().to_string(), "127.0.0.1:8443");
    assert_eq!(server.tokens.cache.max_bytes, 10_240_000);
    assert_eq!(server.backend.pool.max_idle_per_origin, 32);
    assert_eq!(server.client_auth.as_ref().unwrap().client_id, "us");
    let issuer = loaded.issuers["auth0"].sound().unwrap();
    assert_eq!(issuer.issuer, "https://tenant.eu.auth0.com/");
    assert_eq!(issuer.audiences, ["https://api.example"]);
    let endpoint = loaded.endpoints["default"].sound().unwrap();
    assert_eq!(endpoint.authentication.allow.jwt, ["auth0"]);
    assert!(!endpoint.authentication.allow.none && endpoint.authentication.required);
}

#[test]
fn a_full_url_is_the_issuer_letter_by_letter() {
    for url in ["http://127.0.0.1:9000", "https://idp.example/realm"] {
        let (loaded, _) = alone(&[("ZTAG_AUTH0_DOMAIN", url), AUDIENCE]);
        assert_eq!(loaded.issuers["auth0"].sound().unwrap().issuer, url);
    }
}

#[test]
fn the_client_id_is_the_audience_where_none_is_named() {
    let (loaded, report) = alone(&[DOMAIN, ("ZTAG_CLIENT_ID", "us")]);
    assert!(report.is_empty(), "{}", report.to_human());
    let issuer = loaded.issuers["auth0"].sound().unwrap();
    assert_eq!(issuer.audiences, ["us"]);
    // Nothing to show: there is no key.
    assert!(loaded.server().unwrap().client_auth.is_none());
}

#[test]
fn files_define_and_variables_set_the_keys_they_name() {
    let text = "
server: {listen: {port: 1, address: 127.0.0.2}}
endpoints: {default: {description: own, authentication: {allow: {none: true}}}}
issuers: {auth0: {issuer: 'https://old.example/', audiences: [old, older], clockSkew: 1s}}
";
    let (loaded, report) = over(text, &[DOMAIN, AUDIENCE, ("ZTAG_PORT", "2")]);
    assert!(report.is_empty(), "{}", report.to_human());
    let listen = &loaded.server().unwrap().listen;
    assert_eq!(listen.socket().to_string(), "127.0.0.2:2");
    assert_eq!(
        loaded.endpoints["default"].sound().unwrap().description,
        "own"
    );
    let issuer = loaded.issuers["auth0"].sound().unwrap();
    assert_eq!(issuer.issuer, "https://tenant.eu.auth0.com/");
    assert_eq!(issuer.audiences, ["https://api.example"], "the whole list");
    assert_eq!(issuer.clock_skew.get().as_secs(), 1);
}

#[test]
fn a_full_name_outranks_a_short_one() {
    let port = ("ZTAG_SERVER__LISTEN__PORT", "3");
    let (loaded, _) = alone(&[("ZTAG_PORT", "2"), port]);
    assert_eq!(loaded.server().unwrap().listen.port, 3);
}

#[test]
fn what_a_variable_holds_is_checked_where_it_stands() {
    for (name, value, code) in [
        ("ZTAG_PORT", "high", Code::WrongType),
        ("ZTAG_PORT", "70000", Code::InvalidValue),
        ("ZTAG_HOST", "nowhere", Code::InvalidValue),
        ("ZTAG_CACHE_SIZE", "-1", Code::WrongType),
        ("ZTAG_CONNECTION_POOL_SIZE", "many", Code::WrongType),
        ("ZTAG_FGA_API_URL", "ftp://fga", Code::WrongType),
        ("ZTAG_BATCH_SIZE", "x", Code::WrongType),
        ("ZTAG_CONTENT_FILTERING", "maybe", Code::WrongType),
    ] {
        let (_, report) = alone(&[(name, value)]);
        assert_eq!(
            found(&report),
            [(Severity::Error, code, Some(name))],
            "{name}={value}"
        );
    }
}

#[test]
fn a_protection_that_is_not_there_is_not_promised() {
    for (name, on, off) in [
        ("ZTAG_CONTENT_FILTERING", "true", "false"),
        ("ZTAG_PROMPT_INJECTION_DETECTION", "1", "0"),
        ("ZTAG_RATE_LIMIT_PER_MINUTE", "100", "0"),
    ] {
        let upstream = ("ZTAG_UPSTREAM", "http://127.0.0.1:3000");
        let (_, report) = alone(&[(name, on), DOMAIN, AUDIENCE, upstream]);
        let expected = [(Severity::Error, Code::InvalidValue, Some(name))];
        assert_eq!(found(&report), expected, "{name}");
        let text = report.to_human();
        assert!(text.contains("is not available in this build"), "{text}");
        assert!(text.contains("effect: no start"), "{text}");
        for off in [off, "", " "] {
            assert!(alone(&[(name, off)]).1.is_empty(), "{name}={off}");
        }
    }
}

#[test]
fn where_nothing_is_forwarded_a_missing_protection_is_a_warning() {
    for (name, on) in [
        ("ZTAG_CONTENT_FILTERING", "true"),
        ("ZTAG_PROMPT_INJECTION_DETECTION", "true"),
        ("ZTAG_RATE_LIMIT_PER_MINUTE", "1000"),
    ] {
        let (_, report) = alone(&[(name, on)]);
        let expected = [(Severity::Warning, Code::InvalidValue, Some(name))];
        assert_eq!(found(&report), expected, "{name}");
    }
}

#[test]
fn what_nothing_uses_yet_is_a_warning() {
    for (name, value) in [
        ("ZTAG_FGA_API_URL", "https://fga.example"),
        ("ZTAG_FGA_STORE_ID", "01H"),
        ("ZTAG_BATCH_SIZE", "100"),
    ] {
        let (_, report) = alone(&[(name, value)]);
        let expected = [(Severity::Warning, Code::UnknownEnvironment, Some(name))];
        assert_eq!(found(&report), expected, "{name}");
    }
}

/// An identity token has the client for its audience, and may look like an access token otherwise.
#[test]
fn attack_28_tokens_for_a_client_open_no_upstream() {
    let upstream = ("ZTAG_UPSTREAM", "http://127.0.0.1:3000");
    let (_, report) = alone(&[DOMAIN, ("ZTAG_CLIENT_ID", "c"), upstream]);
    let expected = [(Severity::Error, Code::MissingKey, Some("ZTAG_UPSTREAM"))];
    assert_eq!(found(&report), expected);
    assert!(alone(&[DOMAIN, AUDIENCE, upstream]).1.is_empty());
}

#[test]
fn a_misspelt_protection_is_an_error() {
    let (_, report) = alone(&[("ZTAG_CONTENT_FILTER", "true")]);
    let [finding] = report.findings() else {
        panic!("{}", report.to_human())
    };
    assert_eq!(finding.code, Code::UnknownEnvironment);
    let hint = "did you mean `ZTAG_CONTENT_FILTERING`?";
    assert_eq!(finding.hint.as_deref(), Some(hint));
    for other in ["ZTAG_SERVICE_HOST", "ZTAG_PORT_80_TCP", "ZTAG_CONFIG"] {
        assert!(alone(&[(other, "x")]).1.is_empty(), "{other}");
    }
}

#[test]
fn a_service_called_ztag_is_no_port() {
    let (loaded, report) = alone(&[("ZTAG_PORT", "tcp://10.0.0.1:80")]);
    assert_eq!(loaded.server().unwrap().listen.port, 8080);
    assert_eq!(report.errors(), 0);
    assert_eq!(report.warnings(), 1);
}

#[test]
fn forward_auth_reads_no_short_variables() {
    let pairs = [
        DOMAIN,
        ("ZTAG_PORT", "1"),
        ("ZTAG_CONTENT_FILTERING", "true"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = load(&Sources::default().with_environment(pairs));
    assert!(loaded.issuers.is_empty() && loaded.endpoints.is_empty());
    assert_eq!(loaded.server().unwrap().listen.port, 8080);
    assert!(diagnose::report(&loaded, &[]).is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let variables = [DOMAIN, ("ZTAG_PRIVATE_KEY", "hunter2")];
    let (loaded, report) = alone(&variables);
    let shown = format!("{loaded:?} {} {}", report.to_human(), report.to_json());
    assert!(!shown.contains("hunter2"));
}
