//! Examples of forward-auth: requests as Traefik tells about them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;
use ztag_test_support::{
    ExpectedHeaders, Failure, ForwardAuth, MockServer, Ports, Recorded, Redis, Request, Response,
    Route, copy_rendered, free_port, from_yaml, mismatches, scripted, send,
};

/// The ports that the examples are written with.
const LISTEN: u16 = 8080;
const ADMIN: u16 = 9901;
const BACKEND: u16 = 3100;
const REDIS: u16 = 6379;

/// `cases.yaml`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Script {
    /// Environment of `forward-auth`.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether a Redis runs.
    #[serde(default)]
    redis: bool,
    /// Whether `forward-auth check` finds something to say.
    #[serde(default)]
    pub(crate) diagnostics: bool,
    /// What the backend answers.
    #[serde(default)]
    backend: Vec<Route>,
    /// The requests, in order.
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    endpoint: String,
    /// Whether another `forward-auth` with the same configuration is asked.
    #[serde(default)]
    replica: bool,
    /// Whether Redis is gone from here on.
    #[serde(default)]
    outage: bool,
    request: Original,
    expect: Expect,
}

/// The request that a client sent to the proxy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Original {
    #[serde(default = "get")]
    method: String,
    uri: String,
    #[serde(default = "documentation_address")]
    client: String,
    #[serde(default)]
    headers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(default)]
    headers: ExpectedHeaders,
    /// The body, its last line end aside.
    body: Option<String>,
    /// The calls that reach the backend; not looked at when left out.
    backend: Option<Vec<ExpectedCall>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectedCall {
    method: String,
    target: String,
    #[serde(default)]
    headers: ExpectedHeaders,
    body: Option<String>,
}

/// Starts an example and plays its requests; what differs from what it says.
pub(crate) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let name = folder.display().to_string();
    let cases: Script = from_yaml(&folder.join("cases.yaml"))?;
    let mut stage = Stage::set(folder, &cases).map_err(|failure| failure.during(&name))?;
    let mut deviations = Vec::new();
    for case in &cases.cases {
        let found = stage.play(case).map_err(|failure| failure.during(&name))?;
        let found = found.iter();
        deviations.extend(found.map(|what| format!("{name}: {}: {what}", case.name)));
    }
    Ok(deviations)
}

/// What runs for one example.
struct Stage {
    first: ForwardAuth,
    replica: Option<ForwardAuth>,
    backend: MockServer,
    redis: Option<Redis>,
    _folders: Vec<TempDir>,
}

impl Stage {
    fn set(example: &Path, cases: &Script) -> Result<Self, Failure> {
        let backend = MockServer::start(scripted(cases.backend.clone()))?;
        let redis = cases.redis.then(Redis::start).transpose()?;
        let mut folders = Vec::new();
        let mut start = || -> Result<ForwardAuth, Failure> {
            let (listen, folder) = (free_port()?, tempfile::tempdir()?);
            let mut ports = Ports::new()
                .with(LISTEN, listen)
                .with(ADMIN, free_port()?)
                .with(BACKEND, backend.address().port());
            if let Some(redis) = &redis {
                ports = ports.with(REDIS, redis.address().port());
            }
            copy_rendered(example, folder.path(), &ports)?;
            let environment: Vec<(&str, &str)> = cases
                .environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let config = folder.path().join("config.yaml");
            folders.push(folder);
            ForwardAuth::start(&config, listen, &environment)
        };
        let first = start()?;
        let replicated = cases.cases.iter().any(|case| case.replica);
        let replica = replicated.then(start).transpose()?;
        Ok(Self {
            first,
            replica,
            backend,
            redis,
            _folders: folders,
        })
    }

    fn play(&mut self, case: &Case) -> Result<Vec<String>, Failure> {
        if case.outage
            && let Some(redis) = &mut self.redis
        {
            redis.kill();
        }
        let asked = match &self.replica {
            Some(replica) if case.replica => replica,
            _ => &self.first,
        };
        self.backend.take_recorded();
        let response = send(asked.address, &case.question())?;
        let calls = self.backend.take_recorded();
        let mut deviations = case.expect.compare(&response, &calls);
        if !deviations.is_empty() {
            deviations.push(asked.process.log());
        }
        Ok(deviations)
    }
}

impl Case {
    /// What Traefik asks about the request.
    fn question(&self) -> Request {
        let original = &self.request;
        let mut question = Request::new("GET", format!("/{}/auth", self.endpoint))
            .header("Host: forward-auth")
            .header(format!("X-Forwarded-Method: {}", original.method))
            .header("X-Forwarded-Proto: https")
            .header("X-Forwarded-Host: app.example.com")
            .header(format!("X-Forwarded-Uri: {}", original.uri))
            .header(format!("X-Forwarded-For: {}", original.client));
        for line in &original.headers {
            question = question.header(line.as_bytes());
        }
        question
    }
}

impl Expect {
    fn compare(&self, response: &Response, calls: &[Recorded]) -> Vec<String> {
        let mut deviations = mismatches(&response.headers, &self.headers);
        if response.status != self.status {
            deviations.push(format!(
                "status {} instead of {}",
                response.status, self.status
            ));
        }
        if let Some(body) = &self.body
            && body.trim_end() != response.text().trim_end()
        {
            deviations.push(format!("body `{}` instead of `{body}`", response.text()));
        }
        if let Some(expected) = &self.backend {
            if expected.len() != calls.len() {
                let (found, wanted) = (calls.len(), expected.len());
                deviations.push(format!("the backend is asked {found} times, not {wanted}"));
            }
            let pairs = expected.iter().zip(calls);
            deviations.extend(pairs.flat_map(|(expected, call)| expected.compare(call)));
        }
        deviations
    }
}

impl ExpectedCall {
    fn compare(&self, call: &Recorded) -> Vec<String> {
        let mut deviations = mismatches(&call.headers, &self.headers);
        let (found, wanted) = (
            format!("{} {}", call.method, call.target),
            format!("{} {}", self.method, self.target),
        );
        if found != wanted {
            deviations.push(format!("the backend is asked `{found}`, not `{wanted}`"));
        }
        let body = String::from_utf8_lossy(&call.body);
        if self.body.as_ref().is_some_and(|wanted| *wanted != body) {
            deviations.push(format!("the backend is sent `{body}`"));
        }
        deviations
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// An address of TEST-NET-1 (RFC 5737).
fn documentation_address() -> String {
    "192.0.2.10".to_owned()
}
