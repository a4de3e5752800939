//! The scenario file: requests and what must come of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use ztag_test_support::{ExpectedHeaders, Failure, Proxy, Request, Route, from_yaml, workspace};

/// The file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What the identity service answers.
    pub(crate) identity: Vec<Route>,
    /// The requests, in order.
    pub(crate) requests: Vec<Case>,
}

/// One request and what must come of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Case {
    /// One sentence.
    pub(crate) name: String,
    /// What the client sends.
    pub(crate) request: CaseRequest,
    expect: Expect,
    /// What must come of it behind a proxy that cannot do otherwise, by its name.
    #[serde(default)]
    on: BTreeMap<String, Expect>,
}

/// What the client sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaseRequest {
    #[serde(default = "get")]
    method: String,
    /// The request target.
    pub(crate) target: String,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    /// Whether the client asks for a WebSocket.
    #[serde(default)]
    pub(crate) upgrade: bool,
}

/// What must come of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expect {
    /// The status the client gets.
    pub(crate) status: Option<u16>,
    /// Whether any refusal will do, instead of `status`.
    #[serde(default)]
    pub(crate) refused: bool,
    /// Header fields the client gets.
    #[serde(default)]
    pub(crate) headers: ExpectedHeaders,
    /// What the application gets.
    #[serde(default)]
    pub(crate) application: ExpectedRequest,
}

/// What the application gets of a request that passes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ExpectedRequest {
    headers: ExpectedHeaders,
    /// Header fields that say nothing: not there, or with an empty value.
    pub(crate) empty_or_absent: Vec<String>,
    /// The body.
    pub(crate) body: Option<String>,
}

/// Reads `scenario.yaml`.
pub(crate) fn load() -> Result<Scenario, Failure> {
    from_yaml(&workspace().join("tests/e2e/scenario.yaml"))
}

impl Case {
    /// What must come of the request behind `proxy`.
    pub(crate) fn expect(&self, proxy: Proxy) -> &Expect {
        self.on.get(proxy.name()).unwrap_or(&self.expect)
    }
}

impl CaseRequest {
    /// The request as bytes.
    pub(crate) fn build(&self) -> Request {
        let mut request = Request::new(&self.method, bytes(&self.target));
        if !self.headers.iter().any(|line| line.starts_with("Host:")) {
            request = request.header("Host: app.example.com");
        }
        for line in &self.headers {
            request = request.header(bytes(&fill(line)));
        }
        if self.upgrade {
            request = request
                .header("Connection: Upgrade")
                .header("Upgrade: websocket")
                .header("Sec-WebSocket-Version: 13")
                // The sample key of RFC 6455, section 1.3.
                .header("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        }
        match &self.body {
            Some(body) => request.body(body.as_bytes()),
            None => request,
        }
    }
}

impl ExpectedRequest {
    /// The header fields, padded as the request was.
    pub(crate) fn headers(&self) -> ExpectedHeaders {
        let padded =
            |(name, value): (&String, &Option<String>)| (name.clone(), value.as_deref().map(fill));
        self.headers.iter().map(padded).collect()
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// One byte per character, so that the file can hold bytes that are not text.
fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
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
