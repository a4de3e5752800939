//! The public and the admin listener of the real program, as proxies and operators see them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;
use ztag_test_support::{Failure, ForwardAuth, Request, Response, free_port, send};

const CONFIG: &str = r#"
endpoints:
  open:
    authentication: {allow: {none: true}}
    rules: []
  api:
    authentication: {allow: {authorization: [bearer]}, challenge: {type: bearer, realm: api}}
    rules: [{name: admin}]
    responsePolicy: {pass: {headers: {X-User: "{{ response.user }}"}}}
  broken:
    authentication: {allow: {none: true}}
    rules: [{name: absent}]
rules:
  admin:
    auth: [{match: [{type: bearer, value: token-of-ada}]}]
    conditions: {pass: ["request.method == 'GET'"]}
    responses: {pass: {variables: {user: "'ada'"}}}
"#;

struct Surfaces {
    public: SocketAddr,
    admin: SocketAddr,
    server: ForwardAuth,
    folder: TempDir,
}

impl Surfaces {
    fn start() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (public, admin) = (free_port()?, free_port()?);
        let config = folder.path().join("config.yaml");
        let listeners = format!(
            "server: {{listen: {{address: 127.0.0.1, port: {public}}}, admin: {{port: {admin}}}, \
             logging: {{level: debug}}}}\n{CONFIG}"
        );
        fs::write(&config, listeners)?;
        let server = ForwardAuth::start(&config, public, &[])?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
        Ok(Self {
            public: server.address,
            admin,
            server,
            folder,
        })
    }

    fn ask(&self, path: &str, headers: &[&str]) -> Result<Response, Failure> {
        let mut request = Request::new("GET", path).header("Host: app.example");
        for line in headers {
            request = request.header(*line);
        }
        Ok(send(self.public, &request)?)
    }

    fn operator(&self, method: &str, path: &str, body: &str) -> Result<Response, Failure> {
        let request = Request::new(method, path)
            .header("Host: localhost")
            .header(format!("Content-Length: {}", body.len()))
            .body(body);
        Ok(send(self.admin, &request)?)
    }

    fn signal(&self, name: &str) -> Result<(), Failure> {
        let id = self.server.process.id().to_string();
        Command::new("kill").args(["-s", name, &id]).status()?;
        Ok(())
    }
}

#[test]
fn only_endpoints_and_health_are_public() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    let check = |path: &str, headers: &[&str], status: u16| -> Result<(), Failure> {
        let response = surfaces.ask(path, headers)?;
        assert_eq!(response.status, status, "{path}");
        Ok(())
    };
    check("/open/auth", &[], 200)?;
    check("/OPEN/Auth/", &[], 200)?;
    check("/healthz", &[], 200)?;
    check("/readyz", &[], 200)?;
    for hidden in ["/metrics", "/explain", "/api/explain", "/", "//open//auth"] {
        check(hidden, &[], 404)?;
    }
    check("/api/auth", &[], 401)?;
    check("/api/auth", &["Authorization: Bearer token-of-ada"], 200)?;
    check("/api/auth", &["Authorization: Bearer other"], 403)?;
    Ok(())
}

#[test]
fn defect_03_02_a_quarantined_endpoint_is_closed_and_still_counts() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    assert_eq!(surfaces.ask("/broken/auth", &[])?.status, 503);
    let unnamed = surfaces.ask("/auth", &[])?;
    assert_eq!(unnamed.status, 400);
    assert!(unnamed.headers.value("x-request-id").is_some());
    let unknown = surfaces.ask("/nobody/auth", &["X-Request-Id: abc-1"])?;
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.headers.value("x-request-id").as_deref(),
        Some("abc-1")
    );
    let health: Json = json(&surfaces.operator("GET", "/healthz", "")?)?;
    assert_eq!(health["status"], "degraded");
    let metrics = surfaces.operator("GET", "/metrics", "")?.text();
    assert!(
        metrics.contains("ztag_quarantined{kind=\"endpoint\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("status_code=\"404\""), "{metrics}");
    Ok(())
}

#[test]
fn defect_03_11_callers_do_not_choose_the_endpoint() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    assert_eq!(surfaces.ask("/auth?endpoint=open", &[])?.status, 400);
    assert_eq!(
        surfaces.ask("/auth", &["X-Ztag-Endpoint: open"])?.status,
        400
    );
    assert_eq!(
        surfaces
            .ask("/api/auth?endpoint=open", &["X-Ztag-Endpoint: open"])?
            .status,
        401
    );
    Ok(())
}

#[test]
fn a_dry_run_tells_everything_but_secrets() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    let described = r#"{"endpoint": "api", "url": "https://app.example/x?t=1", "method": "POST",
        "headers": {"authorization": "Bearer token-of-ada", "cookie": "sid=cookie-of-ada"}}"#;
    let response = surfaces.operator("POST", "/explain", described)?;
    assert_eq!(response.status, 200, "{}", response.text());
    let record = json(&response)?;
    assert_eq!(record["outcome"], "fail");
    assert_eq!(record["reason"], "pass_condition_unmet");
    assert_eq!(
        record["rules"][0]["conditions"][0]["source"],
        "request.method == 'GET'"
    );
    assert_eq!(
        record["rules"][0]["conditions"][0]["reads"]["request.method"],
        "POST"
    );
    assert_eq!(record["response"]["status"], 403);
    for secret in ["token-of-ada", "cookie-of-ada"] {
        assert!(!response.text().contains(secret), "{}", response.text());
    }
    let graph = json(&surfaces.operator("GET", "/api/explain", "")?)?;
    assert_eq!(graph["state"], "ready");
    let broken = json(&surfaces.operator("GET", "/broken/explain", "")?)?;
    assert_eq!(broken["state"], "quarantined");
    assert!(
        broken["reasons"][0]
            .as_str()
            .unwrap_or_default()
            .contains("unknown rule `absent`")
    );
    let rebound = Request::new("GET", "/explain").header("Host: evil.example");
    assert_eq!(send(surfaces.admin, &rebound)?.status, 403);
    Ok(())
}

#[test]
fn attack_56_no_secret_reaches_a_log_at_any_level() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    surfaces.ask(
        "/api/auth?key=query-secret",
        &[
            "Authorization: Bearer token-of-ada",
            "Cookie: sid=cookie-secret",
            "X-Api-Key: header-secret",
        ],
    )?;
    let process = &surfaces.server.process;
    // Lines of one request are written together.
    process.wait_for_line(|line| line.contains("\"msg\":\"decision\""))?;
    let log = process.log();
    for secret in [
        "token-of-ada",
        "cookie-secret",
        "header-secret",
        "query-secret",
    ] {
        assert!(!log.contains(secret), "{log}");
    }
    Ok(())
}

#[test]
fn every_answer_echoes_the_correlation_id_and_names_no_reason() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    for path in [
        "/open/auth",
        "/api/auth",
        "/nobody/auth",
        "/broken/auth",
        "/auth",
    ] {
        let response = surfaces.ask(path, &["X-Request-Id: abc-1"])?;
        let echoed = response.headers.value("x-request-id");
        assert_eq!(echoed.as_deref(), Some("abc-1"), "{path}");
        assert!(!response.text().contains("endpoint_"), "{path}");
    }
    Ok(())
}

#[test]
fn every_stage_speaks_at_debug() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    surfaces.ask("/api/auth", &["Authorization: Bearer token-of-ada"])?;
    surfaces.signal("TERM")?;
    let process = &surfaces.server.process;
    process.wait_for_line(|line| line.contains("\"msg\":\"decision\""))?;
    process.wait_for_line(|line| line.contains("stopped"))?;
    let log = process.log();
    for agent in [
        "admission",
        "forward_policy",
        "endpoint_vars",
        "rule_chain",
        "response_policy",
    ] {
        let spoken = format!("\"agent\":\"{agent}\",\"msg\":\"stage\"");
        assert!(log.contains(&spoken), "{spoken} in {log}");
    }
    Ok(())
}

#[test]
fn hangups_while_files_change_do_not_hold_each_other_up() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    let config = surfaces.folder.path().join("config.yaml");
    let first = fs::read_to_string(&config)?;
    for round in 0..20 {
        fs::write(&config, format!("{first}# {round}\n"))?;
        surfaces.signal("HUP")?;
        // What a few questions take: hangups fall into other moments of a reload each time.
        for _ in 0..round {
            surfaces.ask("/open/auth", &[])?;
        }
    }
    surfaces.signal("TERM")?;
    surfaces
        .server
        .process
        .wait_for_line(|line| line.contains("stopped"))?;
    Ok(())
}

#[test]
fn a_hangup_reads_the_configuration_again() -> Result<(), Failure> {
    let surfaces = Surfaces::start()?;
    let config = surfaces.folder.path().join("config.yaml");
    let first = fs::read_to_string(&config)?;
    fs::write(&config, first.replace("endpoints:", "endpoints: ["))?;
    surfaces.signal("HUP")?;
    surfaces
        .server
        .process
        .wait_for_line(|line| line.contains("configuration not reloaded"))?;
    assert_eq!(surfaces.ask("/open/auth", &[])?.status, 200);
    assert_eq!(surfaces.ask("/readyz", &[])?.status, 503);
    assert_eq!(surfaces.ask("/healthz", &[])?.status, 200);
    fs::write(
        &config,
        first.replace("value: token-of-ada", "value: token-of-bea"),
    )?;
    surfaces.signal("HUP")?;
    surfaces
        .server
        .process
        .wait_for_line(|line| line.contains("configuration reloaded"))?;
    assert_eq!(
        surfaces
            .ask("/api/auth", &["Authorization: Bearer token-of-ada"])?
            .status,
        403
    );
    assert_eq!(
        surfaces
            .ask("/api/auth", &["Authorization: Bearer token-of-bea"])?
            .status,
        200
    );
    assert_eq!(surfaces.ask("/readyz", &[])?.status, 200);
    Ok(())
}

fn json(response: &Response) -> Result<Json, Failure> {
    serde_json::from_str(&response.text()).map_err(|error| Failure::new(error.to_string()))
}
