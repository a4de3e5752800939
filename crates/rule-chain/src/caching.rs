//! Remembering the verdicts of a rule that asks a backend.
//!
//! The key is derived, never chosen: the rendered request, the credentials that won, and every
//! other value that the rule's expressions read.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use ztag_backend::{Call, Pages};
use ztag_result_cache::{CacheKey, Entry, KeyBuilder, RuleCacheSpec, ceiled, lifetime};
use ztag_types::{Credential, Outcome, ReadPath, Reads, Root, RuleName, Scope, Timestamp, View};

use crate::auth::Won;
use crate::deps::CacheDeps;
use crate::evidence::Evidence;
use crate::judged::Judged;
use crate::reply::is_broken;

/// How the verdicts of one rule are remembered.
#[derive(Clone, Debug)]
pub(crate) struct Caching {
    pub(crate) deps: CacheDeps,
    pub(crate) spec: RuleCacheSpec,
    /// What the endpoint's replies read; the backend's part of it is kept.
    pub(crate) replies: Reads,
    /// What the expressions read beside the backend's reply.
    pub(crate) inputs: Box<[KeyInput]>,
    /// The header of the correlation id: new for each request, so not part of the key.
    pub(crate) correlation: Option<HeaderName>,
}

/// One value that is part of the key.
#[derive(Clone, Debug)]
pub(crate) struct KeyInput {
    pub(crate) label: Box<str>,
    slot: usize,
    below: Box<[Arc<str>]>,
}

impl KeyInput {
    /// The inputs that `reads` makes: all but the reply and the rule's own local variables, whose
    /// reads are followed through.
    pub(crate) fn of(reads: &Reads) -> Box<[Self]> {
        reads.paths().filter_map(Self::new).collect()
    }

    fn new(path: &ReadPath) -> Option<Self> {
        let root = Root::ALL.iter().find(|root| root.as_str() == path.root())?;
        let own = *root == Root::Backend || path.starts_with(&["variables", "local"]);
        (!own).then(|| Self {
            label: path.to_string().into(),
            slot: root.slot(),
            below: path.segments().skip(1).map(Arc::from).collect(),
        })
    }

    fn view<'a>(&self, scope: Scope<'a>) -> Option<View<'a>> {
        let below = self.below.iter().map(AsRef::as_ref);
        scope.slot(self.slot).at_path(below)
    }
}

impl Caching {
    /// The key of one judgement.
    pub(crate) fn key(
        &self,
        rule: &RuleName,
        call: &Call,
        won: &Won<'_>,
        evidence: &Evidence<'_>,
    ) -> CacheKey {
        let mut key = KeyBuilder::new(&self.deps.namespace, &self.deps.fingerprint);
        key.text("rule", rule.as_str())
            .text("method", call.method.as_str())
            .text("url", call.url.as_str())
            .bytes("body", &call.body);
        self.add_headers(&call.headers, &mut key);
        add_credentials(won, &mut key);
        evidence.over(|scope| {
            for input in &self.inputs {
                key.view(&input.label, input.view(scope));
            }
        });
        if self.spec.strict {
            key.view("exports", Some(View::Map(&evidence.exports.by_rule)));
        }
        key.finish()
    }

    /// Names of all that makes up the key, for explanations.
    pub(crate) fn input_names(&self) -> Vec<String> {
        let request = ["method", "url", "headers", "body", "credentials"];
        let strict = self.spec.strict.then_some("exports");
        let names = self.inputs.iter().map(|input| &*input.label);
        let names = request.into_iter().chain(names).chain(strict);
        names.map(str::to_owned).collect()
    }

    fn add_headers(&self, headers: &HeaderMap, key: &mut KeyBuilder) {
        let mut sent: SmallVec<[(&str, &HeaderValue); 8]> = headers
            .iter()
            .filter(|(name, _)| self.counts(name))
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        sent.sort_by_key(|(name, _)| *name);
        for (name, value) in sent {
            key.text("header", name).bytes("value", value.as_bytes());
        }
    }

    fn counts(&self, name: &HeaderName) -> bool {
        let proxy = !self.spec.include_proxy_headers && PROXY_HEADERS.contains(&name.as_str());
        let correlation = self.correlation.as_ref() == Some(name);
        !(proxy || correlation || is_trace_header(name.as_str()))
    }

    /// What to remember of a judgement and for how long, which is not beyond any credential that
    /// somebody vouches for; nothing of errors and broken backends.
    pub(crate) fn entry(
        &self,
        judged: &Judged,
        won: &Won<'_>,
        now: Timestamp,
    ) -> Option<(Entry, Duration)> {
        if judged.outcome == Outcome::Error || is_broken(&judged.backend) {
            return None;
        }
        let expiries = won.credentials.iter().filter_map(|own| own.expires());
        let bounds: SmallVec<[Duration; 2]> = expiries.map(|at| at.since(now)).collect();
        let lifetime = ceiled(judged.keep_for?, &bounds)?;
        let entry = Entry::try_new(
            judged.outcome,
            judged.reason.clone(),
            Arc::clone(&judged.exports),
            judged.backend.remember(&self.replies),
        );
        Some((entry.ok()?, lifetime))
    }

    /// How long a judgement is kept: as long as the shortest-lived page of the reply.
    pub(crate) fn lifetime(&self, outcome: Outcome, pages: &Controls) -> Option<Duration> {
        let lifetimes = pages
            .0
            .iter()
            .map(|control| lifetime(&self.spec, outcome, control.as_deref(), &self.deps.ceilings));
        // `None` is less than any lifetime.
        lifetimes.min().flatten()
    }
}

/// The `Cache-Control` of each page.
#[derive(Debug, Default)]
pub(crate) struct Controls(SmallVec<[Option<String>; 1]>);

impl Controls {
    pub(crate) fn of(pages: &Pages) -> Self {
        let pages = pages.pages.iter();
        Self(pages.map(|page| cache_control(&page.headers)).collect())
    }
}

fn add_credentials(won: &Won<'_>, key: &mut KeyBuilder) {
    key.bytes("group", &won.index.to_le_bytes());
    for credential in &won.credentials {
        match credential {
            Credential::Bearer { token } => key.text("bearer", token.expose()),
            Credential::Basic { user, password } => {
                key.text("user", user).text("password", password.expose())
            }
            Credential::Header { name, value } => key
                .text("header credential", name)
                .text("value", value.expose()),
            Credential::Query { name, value } => key
                .text("query credential", name)
                .text("value", value.expose()),
            Credential::Jwt { principal, .. } | Credential::Introspected { principal, .. } => key
                .text("issuer", principal.issuer())
                .text("claims", &principal.text()),
            Credential::Certificate { certificate } => {
                key.text("certificate", &certificate.fingerprint)
            }
        };
    }
}

/// All `Cache-Control` lines as one.
fn cache_control(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(http::header::CACHE_CONTROL).iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Headers that differ on each request and never matter to a decision.
fn is_trace_header(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "traceparent",
        "tracestate",
        "uber-trace-id",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "x-request-start",
        "x-timer",
    ];
    NAMES.contains(&name) || name.starts_with("x-b3-")
}

/// Headers of proxies and content networks that `includeProxyHeaders: false` leaves out.
const PROXY_HEADERS: &[&str] = &[
    "cf-connecting-ip",
    "cf-ipcountry",
    "cf-ray",
    "cf-visitor",
    "forwarded",
    "true-client-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-original-forwarded-for",
    "x-real-ip",
];
