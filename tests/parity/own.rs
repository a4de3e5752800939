//! Policies and requests of our own: `*.yaml` in this folder. What must come of each is said there,
//! so that both programs cannot be wrong in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;
use ztag_test_support::{ExpectedHeaders, Failure, Route, from_yaml, workspace};

use crate::corpus::{Case, Corpus};
use crate::purse::{HOST, Purse, PurseScript};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Script {
    /// Whether both are asked over TLS, by the same bytes and with nobody between.
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    purse: PurseScript,
    /// More lines of the section `server`.
    #[serde(default)]
    server: String,
    /// The other sections.
    policy: String,
    #[serde(default)]
    backend: Vec<Route>,
    cases: Vec<OwnCase>,
}

/// A request: a GET of `/` where nothing else is said.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OwnCase {
    name: String,
    #[serde(default = "api")]
    endpoint: String,
    #[serde(default = "get")]
    method: String,
    target: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    /// A token shown as `Authorization: Bearer`.
    bearer: Option<String>,
    body: Option<String>,
    /// The certificate shown in the handshake.
    certificate: Option<String>,
    /// Status and reason; `unreadable` for what nobody can read in one way.
    expect: String,
    /// What the application is told of who asks.
    #[serde(default)]
    identity: ExpectedHeaders,
}

/// All of them.
pub(crate) fn own() -> Result<Vec<Corpus>, Failure> {
    let mut corpora = Vec::new();
    for entry in fs::read_dir(workspace().join("tests/parity"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let corpus = read(&path);
            let name = path.display().to_string();
            corpora.push(corpus.map_err(|failure| failure.during(&name))?);
        }
    }
    corpora.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(corpora)
}

fn read(path: &Path) -> Result<Corpus, Failure> {
    let script: Script = from_yaml(path)?;
    let purse = Purse::make(&script.purse)?;
    let folder = written(&script, &purse)?;
    let cases = script.cases.into_iter();
    let cases = cases.map(|case| case_of(case, script.tls, &purse));
    let name = path.file_name().unwrap_or_default();
    Ok(Corpus {
        name: name.to_string_lossy().into_owned(),
        folder: folder.path().to_owned(),
        backend: script.backend,
        environment: BTreeMap::new(),
        cases: cases.collect::<Result<_, _>>()?,
        tls: script.tls,
        purse: Some(purse),
        _written: Some(folder),
    })
}

/// The configuration; what is shown is filled in last, because ports are replaced in the rest.
fn written(script: &Script, purse: &Purse) -> Result<TempDir, Failure> {
    let listener = if script.tls {
        purse.listener()
    } else {
        String::new()
    };
    let folder = tempfile::tempdir()?;
    let server: String = script
        .server
        .lines()
        .flat_map(|line| ["  ", line, "\n"])
        .collect();
    let text = format!(
        "server:\n  listen:\n    address: 127.0.0.1\n    port: 8080\n{listener}  \
         admin: {{address: 127.0.0.1, port: 9901}}\n{server}{}",
        script.policy,
    );
    fs::write(folder.path().join("config.yaml"), text)?;
    Ok(folder)
}

fn case_of(case: OwnCase, tls: bool, purse: &Purse) -> Result<Case, Failure> {
    let bearer = case.bearer.iter();
    let bearer = bearer.map(|token| format!("Authorization: Bearer ${{token {token}}}"));
    let mut headers: Vec<String> = case.headers.into_iter().chain(bearer).collect();
    if !headers.iter().any(|line| line.starts_with("Host:")) {
        headers.push(format!("Host: {HOST}"));
    }
    let filled = headers.iter().map(|line| purse.fill(line));
    let headers = filled.collect::<Result<_, _>>()?;
    // With nobody between, forward-auth is asked where it answers.
    let usual = if tls {
        format!("/{}/auth", case.endpoint)
    } else {
        String::from("/")
    };
    Ok(Case {
        name: case.name,
        endpoint: case.endpoint,
        method: case.method,
        target: case.target.unwrap_or(usual),
        client: String::from("192.0.2.10"),
        headers,
        body: case.body,
        certificate: case.certificate,
        expect: Some(case.expect),
        identity: case.identity,
    })
}

fn api() -> String {
    "api".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}
