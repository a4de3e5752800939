//! `cases.yaml`: requests, and what must come of them at each door.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use serde::Deserialize;
use ztag_test_support::door::Knock;
use ztag_test_support::{ExpectedHeaders, Failure, from_yaml, workspace};

/// Requests that attack in the same way.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Case {
    /// The number of the class.
    pub(crate) class: u8,
    /// A few words.
    pub(crate) name: String,
    expect: Expect,
    gateway: Option<Expect>,
    forward_auth: Option<Expect>,
    /// The requests.
    pub(crate) requests: Vec<CaseRequest>,
}

/// One request, and what differs in what must come of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct CaseRequest {
    method: String,
    /// The request target.
    pub(crate) target: String,
    hosts: Vec<String>,
    headers: Vec<String>,
    token: Option<String>,
    gateway: Option<Expect>,
    forward_auth: Option<Expect>,
}

impl Default for CaseRequest {
    fn default() -> Self {
        Self {
            method: String::from("GET"),
            target: String::from("/orders/7"),
            hosts: vec![String::from("app.example.com")],
            headers: Vec::new(),
            token: Some(String::from("t-alice")),
            gateway: None,
            forward_auth: None,
        }
    }
}

/// What must come of a request.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Expect {
    /// It is not understood, with this reason.
    Refused(String),
    /// It is understood, and turned away with this reason.
    Denied(String),
    /// It reaches the upstream.
    Passed(Arrival),
}

/// What the upstream sees.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Arrival {
    /// The target, where it is not the one that was sent.
    pub(crate) target: Option<String>,
    /// Header fields.
    pub(crate) headers: ExpectedHeaders,
}

/// The policy behind all of them.
pub(crate) fn policy() -> Result<String, Failure> {
    let path = workspace().join("tests/attacks/policy.yaml");
    Ok(fs::read_to_string(path)?)
}

/// The cases of one class.
pub(crate) fn cases(class: u8) -> Result<Vec<Case>, Failure> {
    let all: Vec<Case> = from_yaml(&workspace().join("tests/attacks/cases.yaml"))?;
    let own: Vec<Case> = all.into_iter().filter(|case| case.class == class).collect();
    if own.is_empty() {
        return Err(Failure::new(format!(
            "`cases.yaml` has none of class {class}"
        )));
    }
    Ok(own)
}

impl Case {
    /// What must come of `request` at the door of this name.
    pub(crate) fn expect<'c>(&'c self, request: &'c CaseRequest, door: &str) -> &'c Expect {
        let (of_request, of_case) = match door {
            "gateway" => (&request.gateway, &self.gateway),
            _ => (&request.forward_auth, &self.forward_auth),
        };
        of_request
            .as_ref()
            .or(of_case.as_ref())
            .unwrap_or(&self.expect)
    }
}

impl CaseRequest {
    /// The request as bytes.
    pub(crate) fn knock(&self) -> Knock {
        let token = self.token.iter();
        let credential = token.map(|token| format!("Authorization: Bearer {token}"));
        let lines = credential.chain(self.headers.iter().cloned());
        Knock {
            method: self.method.clone(),
            target: bytes(&self.target),
            hosts: self.hosts.iter().map(|host| bytes(host)).collect(),
            lines: lines.map(|line| bytes(&line)).collect(),
        }
    }
}

impl fmt::Display for CaseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, target) = (&self.method, &self.target);
        write!(f, "{method} {target:?} {:?} {:?}", self.hosts, self.headers)
    }
}

/// alice's identity, which stands in place of whatever the client says.
pub(crate) fn identity() -> ExpectedHeaders {
    let own = [("x-user", "alice"), ("x-groups", "staff"), ("x-tenant", "")];
    let own = own.map(|(name, value)| (String::from(name), Some(String::from(value))));
    BTreeMap::from(own)
}

/// One byte per character, so that the file can hold bytes that are not text.
fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
}
