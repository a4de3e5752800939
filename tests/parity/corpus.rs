//! Where configurations and requests come from: they are shown elsewhere too, and judged there
//! against what must come of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use tempfile::TempDir;
use ztag_test_support::{ExpectedHeaders, Failure, Route, from_yaml, workspace};

use crate::purse::Purse;

/// A configuration and requests.
pub(crate) struct Corpus {
    /// The folder that it comes from.
    pub(crate) name: String,
    /// The folder of `config.yaml`.
    pub(crate) folder: PathBuf,
    /// What backends answer.
    pub(crate) backend: Vec<Route>,
    /// Variables for the programs.
    pub(crate) environment: BTreeMap<String, String>,
    /// The requests, in order.
    pub(crate) cases: Vec<Case>,
    /// Whether both are asked over TLS, by the same bytes and with nobody between.
    pub(crate) tls: bool,
    /// What clients show, named in the configuration.
    pub(crate) purse: Option<Purse>,
    /// Holds `folder`, where it is not one of the workspace.
    pub(crate) _written: Option<TempDir>,
}

/// One request.
#[derive(Default)]
pub(crate) struct Case {
    /// One sentence.
    pub(crate) name: String,
    /// Who decides.
    pub(crate) endpoint: String,
    /// The method.
    pub(crate) method: String,
    /// The request target, one byte per character.
    pub(crate) target: String,
    /// Where it comes from.
    pub(crate) client: String,
    /// The header lines, one byte per character.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: Option<String>,
    /// The certificate shown in the handshake.
    pub(crate) certificate: Option<String>,
    /// Status and reason, where they are said here.
    pub(crate) expect: Option<String>,
    /// What the application must be told of who asks.
    pub(crate) identity: ExpectedHeaders,
}

#[derive(Deserialize)]
struct ExampleScript {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    redis: bool,
    #[serde(default)]
    backend: Vec<Route>,
    cases: Vec<ExampleCase>,
}

#[derive(Deserialize)]
struct ExampleCase {
    name: String,
    endpoint: String,
    request: ExampleRequest,
    expect: ExampleExpect,
}

#[derive(Deserialize)]
struct ExampleExpect {
    status: u16,
}

#[derive(Deserialize)]
struct ExampleRequest {
    #[serde(default = "get")]
    method: String,
    uri: String,
    #[serde(default = "documentation_address")]
    client: String,
    #[serde(default)]
    headers: Vec<String>,
}

#[derive(Deserialize)]
struct Scenario {
    identity: Vec<Route>,
    requests: Vec<ScenarioCase>,
}

#[derive(Deserialize)]
struct ScenarioCase {
    name: String,
    request: ScenarioRequest,
}

#[derive(Deserialize)]
struct ScenarioRequest {
    #[serde(default = "get")]
    method: String,
    target: String,
    #[serde(default)]
    headers: Vec<String>,
}

/// The examples with requests. Those that need a Redis are about replicas and outages of it.
pub(crate) fn examples() -> Result<Vec<Corpus>, Failure> {
    let mut corpora = Vec::new();
    for entry in fs::read_dir(workspace().join("examples"))? {
        let folder = entry?.path();
        let (config, cases) = (folder.join("config.yaml"), folder.join("cases.yaml"));
        // Examples of the gateway have routes of their own, which forward-auth does not serve.
        let routed = |text: String| text.lines().any(|line| line.starts_with("routes:"));
        if !cases.exists() || fs::read_to_string(config).map_or(true, routed) {
            continue;
        }
        let script: ExampleScript = from_yaml(&cases)?;
        if !script.redis {
            corpora.push(corpus_of(folder, script));
        }
    }
    corpora.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(corpora)
}

fn corpus_of(folder: PathBuf, script: ExampleScript) -> Corpus {
    // A question that names no endpoint has no counterpart: routes name those that there are.
    let cases = script.cases.into_iter();
    let cases = cases.filter(|case| case.expect.status != 404).map(|case| {
        let mut headers = case.request.headers;
        headers.push(String::from("Host: app.example.com"));
        Case {
            name: case.name,
            endpoint: case.endpoint,
            method: case.request.method,
            target: case.request.uri,
            client: case.request.client,
            headers,
            ..Case::default()
        }
    });
    let name = folder.file_name().unwrap_or_default();
    Corpus {
        name: name.to_string_lossy().into_owned(),
        backend: script.backend,
        environment: script.environment,
        cases: cases.collect(),
        folder,
        tls: false,
        purse: None,
        _written: None,
    }
}

/// The requests that go through every proxy.
pub(crate) fn scenario() -> Result<Corpus, Failure> {
    let folder = workspace().join("tests/e2e");
    let scenario: Scenario = from_yaml(&folder.join("scenario.yaml"))?;
    let cases = scenario.requests.into_iter().map(|case| {
        let request = case.request;
        let mut headers: Vec<String> = request.headers.iter().map(|line| fill(line)).collect();
        if !headers.iter().any(|line| line.starts_with("Host:")) {
            headers.push(String::from("Host: app.example.com"));
        }
        let web = request.target.starts_with("/web/");
        Case {
            name: case.name,
            endpoint: String::from(if web { "web" } else { "api" }),
            method: request.method,
            target: request.target,
            client: documentation_address(),
            headers,
            ..Case::default()
        }
    });
    Ok(Corpus {
        name: String::from("scenario"),
        backend: scenario.identity,
        environment: BTreeMap::new(),
        cases: cases.collect(),
        folder,
        tls: false,
        purse: None,
        _written: None,
    })
}

fn get() -> String {
    "GET".to_owned()
}

/// An address of TEST-NET-1 (RFC 5737).
fn documentation_address() -> String {
    "192.0.2.10".to_owned()
}

/// Replaces `${n}` by n characters.
fn fill(text: &str) -> String {
    let parts = text
        .split_once("${")
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (count, after))) => {
            let padding = "x".repeat(count.parse().unwrap_or(0));
            format!("{before}{padding}{after}")
        }
        None => text.to_owned(),
    }
}
