//! What each stage proves, as values the next ones borrow.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::credential::Credential;
use crate::names::RuleName;
use crate::outcome::{Outcome, Reason};
use crate::request::Client;
use crate::scope::Root;
use crate::value::{Key, Map, Value};
use crate::view::{Object, View};

/// The proof of admission.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The credentials presented, in the order basic, bearer, headers, query, jwt, introspection,
    /// certificate.
    pub credentials: SmallVec<[Credential; 2]>,
    /// Whether at least one credential was presented.
    pub authenticated: bool,
    /// One sentence for the decision record.
    pub reason: Cow<'static, str>,
}

/// [`Admitted`] with the client it admits: the `admission` root of expressions.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionView<'a> {
    /// The proof.
    pub admitted: &'a Admitted,
    /// The client.
    pub client: &'a Client,
}

impl Object for AdmissionView<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "authenticated" => View::Bool(self.admitted.authenticated),
            "reason" => View::Str(&self.admitted.reason),
            "decision" => View::Str(Outcome::Pass.as_str()),
            "clientIp" => View::Str(&self.client.address_text),
            "trustedProxy" => View::Bool(self.client.trusted_proxy),
            "proxyStripped" => View::Bool(self.client.proxy_stripped),
            "forwardedFor" => View::Str(&self.client.forwarded_for),
            "forwarded" => View::Str(&self.client.forwarded),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec![
            "authenticated",
            "reason",
            "decision",
            "clientIp",
            "trustedProxy",
            "proxyStripped",
            "forwardedFor",
            "forwarded",
        ]
    }
}

/// What rules and backends may see of the proxy's words: the `forward` root of expressions.
#[derive(Clone, Debug, Default)]
pub struct Curated {
    /// Sanitised `x-forwarded-*` and `forwarded`, lower case.
    pub headers: Map,
    /// Query parameters for rules and backends.
    pub query: Map,
}

impl Object for Curated {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "headers" => Some(View::Map(&self.headers)),
            "query" => Some(View::Map(&self.query)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["headers", "query"]
    }
}

/// The endpoint's variables, evaluated once.
///
/// One that could not be computed is kept as failed: reading it is an evaluation error in CEL and
/// renders empty in a template, so that it can never satisfy a permissive condition.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    /// The values computed.
    pub values: Map,
    /// Names of those that failed, each with a message that holds no value.
    pub failed: Vec<(Box<str>, Box<str>)>,
}

impl Object for Vars {
    fn field(&self, name: &str) -> Option<View<'_>> {
        let failed = || self.failed.iter().find(|(own, _)| &**own == name);
        self.values
            .field(name)
            .or_else(|| failed().map(|(_, message)| View::Failed(message)))
    }

    fn names(&self) -> Vec<&str> {
        self.values.names()
    }
}

/// Variables that the server section defines for every endpoint.
#[derive(Clone, Default)]
pub struct Globals {
    /// `variables.environment`.
    pub environment: Map,
    /// `variables.secrets`.
    pub secrets: Map,
}

impl std::fmt::Debug for Globals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Globals")
            .field("environment", &self.environment.names())
            .field("secrets", &self.secrets.names())
            .finish()
    }
}

/// All tiers of variables: the `variables` root of expressions.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// Of the endpoint.
    pub endpoint: &'a Vars,
    /// Of the rule being judged; none outside a rule.
    pub local: Option<&'a dyn Object>,
    /// Exports by rule.
    pub rule: &'a Map,
    /// Of the server.
    pub globals: &'a Globals,
}

impl Object for Variables<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "endpoint" => Some(View::Object(self.endpoint)),
            "local" => self.local.map(View::Object),
            "rule" => Some(View::Map(self.rule)),
            "environment" => Some(View::Map(&self.globals.environment)),
            "secrets" => Some(View::Map(&self.globals.secrets)),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&str> {
        vec!["endpoint", "local", "rule", "environment", "secrets"]
    }
}

impl std::fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables")
            .field("globals", self.globals)
            .finish_non_exhaustive()
    }
}

/// One page of a backend's reply.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The URL called, without its query.
    pub url: Box<str>,
    /// The status.
    pub status: u16,
    /// The first value of each header field, lower case.
    pub headers: Map,
    /// The body as JSON when the content type says so, else an empty map.
    pub body: Value,
    /// The body as text.
    pub text: Box<str>,
    /// Whether the rule accepts the status.
    pub accepted: bool,
}

/// The reply of a rule's backend: the `backend` root of expressions.
#[derive(Clone, Debug, Default)]
pub struct BackendState {
    /// Whether the rule called a backend.
    pub requested: bool,
    /// Why there is no reply, empty when there is one.
    pub error: Box<str>,
    /// The pages, the last being the reply.
    pub pages: Vec<Page>,
    /// Of a cached verdict: the parts of the reply that later expressions read.
    pub remembered: Option<Map>,
}

impl BackendState {
    /// The parts of this reply that `reads` names, to be remembered with a verdict.
    pub fn remember(&self, reads: &crate::reads::Reads) -> Map {
        let mut kept = Map::new();
        for path in reads
            .paths()
            .filter(|path| path.root() == Root::Backend.as_str())
        {
            let steps: Vec<&str> = path.segments().skip(1).collect();
            if let Some(view) = View::Object(self).at_path(steps.iter().copied()) {
                keep(&mut kept, &steps, view.to_value());
            }
        }
        kept
    }

    fn last(&self) -> Option<&Page> {
        self.pages.last()
    }
}

/// Puts `value` at `path` below `map`.
fn keep(map: &mut Map, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            map.insert(Key::from(*last), value);
        }
        [first, rest @ ..] => {
            let mut inner = match map.get(first) {
                Some(Value::Map(inner)) => Map::clone(inner),
                _ => Map::new(),
            };
            keep(&mut inner, rest, value);
            map.insert(Key::from(*first), inner.into());
        }
    }
}

static EMPTY: Map = Map::new();

impl Object for BackendState {
    fn field(&self, name: &str) -> Option<View<'_>> {
        if let Some(map) = &self.remembered {
            return map.field(name);
        }
        Some(match name {
            "requested" => View::Bool(self.requested),
            "error" => View::Str(&self.error),
            "pages" => View::Sequence(self),
            "status" => View::Int(self.last().map_or(0, |page| page.status.into())),
            "headers" => View::Map(self.last().map_or(&EMPTY, |page| &page.headers)),
            "body" => self
                .last()
                .map_or(View::Map(&EMPTY), |page| page.body.view()),
            "bodyText" => View::Str(self.last().map_or("", |page| &page.text)),
            "accepted" => View::Bool(self.last().is_some_and(|page| page.accepted)),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        match &self.remembered {
            Some(map) => map.names(),
            None => vec![
                "requested",
                "error",
                "pages",
                "status",
                "headers",
                "body",
                "bodyText",
                "accepted",
            ],
        }
    }
}

impl crate::view::Sequence for BackendState {
    fn len(&self) -> usize {
        self.pages.len()
    }

    fn at(&self, index: usize) -> Option<View<'_>> {
        self.pages.get(index).map(|page| View::Object(page))
    }
}

impl Object for Page {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "url" => View::Str(&self.url),
            "status" => View::Int(self.status.into()),
            "headers" => View::Map(&self.headers),
            "body" => self.body.view(),
            "bodyText" => View::Str(&self.text),
            "accepted" => View::Bool(self.accepted),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec!["url", "status", "headers", "body", "bodyText", "accepted"]
    }
}

/// What the rules exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exports {
    /// By rule: `variables.rule['name'].x`.
    pub by_rule: Map,
    /// Of all rules, the later winning: `response.x`.
    pub merged: Map,
}

impl Exports {
    /// Adds the exports of one rule. A rule that exports nothing leaves no trace.
    pub fn add(&mut self, rule: &RuleName, exported: &Arc<Map>) {
        if exported.is_empty() {
            return;
        }
        if self.merged.is_empty() {
            self.merged = Map::clone(exported);
        } else {
            self.merged.extend(
                exported
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
        }
        self.by_rule
            .insert(rule.into(), Value::Map(Arc::clone(exported)));
    }
}

/// The judgement of the rule chain.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Pass, fail or error.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The rule that decided; the last one on a pass; none when there is no rule.
    pub rule: Option<RuleName>,
    /// What the rules exported.
    pub exports: Exports,
    /// The backend reply of the deciding rule.
    pub backend: BackendState,
    /// How long the verdict may be remembered at the most; `None` for no bound of its own.
    pub fresh_for: Option<Duration>,
    /// What would let the client pass, where a denial can be mended by the client.
    pub challenge: Option<Box<Challenge>>,
    /// The body that may pass in the place of the one received, where a guardrail masked it.
    pub masked: Option<Bytes>,
}

/// What a denial asks of the client: to authenticate better, or to come with more rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The status without which no client understands it, if there is one.
    pub status: Option<StatusCode>,
    /// The value of `WWW-Authenticate` (RFC 9110 section 11.6.1), without the realm: that of the
    /// endpoint is added by its reply.
    pub value: HeaderValue,
}

/// What is sent back to the asking proxy or client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Header fields, in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, possibly empty.
    pub body: Bytes,
}

impl Reply {
    /// An empty reply of this status.
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}

/// An early verdict with the reply that tells it.
#[derive(Clone, Debug)]
pub struct Halt {
    /// [`Outcome::Fail`] or [`Outcome::Error`]; a halt never passes.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The reply.
    pub reply: Box<Reply>,
}
