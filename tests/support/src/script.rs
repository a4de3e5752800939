//! Servers and expectations as data, for scenario files.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::mock::{Recorded, Reply};
use crate::wire::Headers;

/// One answer of a scripted server, and when to give it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// What a request must be like.
    #[serde(default)]
    when: Pattern,
    /// What is answered.
    #[serde(default)]
    reply: ScriptedReply,
}

/// What a request must be like; what is left out matches everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Pattern {
    method: Option<String>,
    path: Option<String>,
    query: Option<String>,
    headers: ExpectedHeaders,
    headers_contain: BTreeMap<String, String>,
    body_contains: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ScriptedReply {
    status: u16,
    headers: BTreeMap<String, String>,
    json: Option<serde_json::Value>,
    body: Option<String>,
    abort: bool,
}

impl Default for ScriptedReply {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            json: None,
            body: None,
            abort: false,
        }
    }
}

/// Header fields by name: the exact value, or `null` for a field that must not be there.
pub type ExpectedHeaders = BTreeMap<String, Option<String>>;

/// Answers with the first route that matches, else with 404.
pub fn scripted(routes: Vec<Route>) -> impl Fn(&Recorded) -> Reply + Send + Sync + 'static {
    move |request| {
        routes
            .iter()
            .find(|route| route.when.matches(request))
            .map_or_else(|| Reply::text(404, "no route"), |route| route.reply.build())
    }
}

/// How `headers` differ from what is expected, one sentence each.
pub fn mismatches(headers: &Headers, expected: &ExpectedHeaders) -> Vec<String> {
    expected
        .iter()
        .filter_map(|(name, expected)| {
            let found = headers.value(name);
            (found != *expected).then(|| match expected {
                Some(expected) => format!("`{name}` is {found:?} instead of {expected:?}"),
                None => format!("`{name}` is {found:?} instead of absent"),
            })
        })
        .collect()
}

impl Pattern {
    fn matches(&self, request: &Recorded) -> bool {
        let same = |expected: &Option<String>, found: Option<&str>| {
            expected
                .as_deref()
                .is_none_or(|expected| found == Some(expected))
        };
        same(&self.method, Some(&request.method))
            && same(&self.path, Some(request.path()))
            && same(&self.query, request.query())
            && mismatches(&request.headers, &self.headers).is_empty()
            && self.headers_contain.iter().all(|(name, wanted)| {
                let value = request.headers.value(name);
                value.is_some_and(|value| value.contains(wanted))
            })
            && self
                .body_contains
                .as_deref()
                .is_none_or(|wanted| String::from_utf8_lossy(&request.body).contains(wanted))
    }
}

impl ScriptedReply {
    fn build(&self) -> Reply {
        let (kind, body) = match (&self.json, &self.body) {
            (Some(json), _) => ("application/json", json.to_string()),
            (None, body) => ("text/plain", body.clone().unwrap_or_default()),
        };
        let mut names = self.headers.keys();
        let typed = names.any(|name| name.eq_ignore_ascii_case("content-type"));
        let own = (!typed).then(|| ("Content-Type".to_owned(), kind.to_owned()));
        let mut reply = Reply {
            status: self.status,
            headers: own.into_iter().collect(),
            body: body.into_bytes(),
            abort: self.abort,
        };
        for (name, value) in &self.headers {
            reply.headers.push((name.clone(), value.clone()));
        }
        reply
    }
}
