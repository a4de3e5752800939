//! An endpoint with rules, and requests to it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use serde_json::Value as Json;
use smallvec::SmallVec;
use ztag_ai_security::guardrail::Guardrail;
use ztag_backend::{ClientSpec, TlsMaterial};
use ztag_expr::TemplateFiles;
use ztag_fga_remote::Directory;
use ztag_result_cache::{CacheSpec, Fingerprint, ResultCache};
use ztag_rule_chain::{
    CacheDeps, ChainInput, EarlierRule, EndpointFacts, Rule, RuleChain, RuleDeps, RuleSpec,
};
use ztag_types::{
    Admitted, Body, Client, Clock, Code, ConfigPath, Credential, Curated, Detail, Diagnostic,
    EndpointName, Findings, Globals, Headers, ManualClock, Outcome, Query, ReasonCode, RequestLine,
    RuleName, Secret, Snapshot, Subrequest, Trace, Vars, Verdict,
};

/// An endpoint, its rules and its places.
pub(crate) struct Gate {
    pub(crate) facts: EndpointFacts,
    pub(crate) globals: Globals,
    pub(crate) vars: Vars,
    pub(crate) curated: Curated,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cache: Option<Arc<ResultCache>>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) detail: Detail,
    pub(crate) stores: Directory,
    pub(crate) guardrails: ztag_types::Directory<Arc<Guardrail>>,
    rules: Vec<(RuleName, RuleSpec)>,
}

impl Gate {
    /// An endpoint that admits everything, with one rule named `r`.
    pub(crate) fn one(rule: Json) -> Self {
        Self::many([("r", rule)])
    }

    pub(crate) fn many<'n>(rules: impl IntoIterator<Item = (&'n str, Json)>) -> Self {
        let rules = rules.into_iter().map(|(name, rule)| {
            let spec: RuleSpec = serde_json::from_value(rule).unwrap();
            (RuleName::from(name), spec)
        });
        let mut facts = EndpointFacts::default();
        facts.admitted.basic = true;
        facts.admitted.bearer = true;
        facts.admitted.none = true;
        facts.admitted.headers = BTreeSet::from(["x-api-key".to_owned(), "x-second".to_owned()]);
        facts.admitted.queries = BTreeSet::from(["key".to_owned()]);
        facts.correlation = Some(HeaderName::from_static("x-request-id"));
        Self {
            facts,
            globals: Globals::default(),
            vars: Vars::default(),
            curated: Curated::default(),
            clock: Arc::new(ManualClock::new()),
            cache: None,
            fingerprint: Fingerprint::of(b"test"),
            detail: Detail::Summary,
            stores: Directory::default(),
            guardrails: ztag_types::Directory::default(),
            rules: rules.collect(),
        }
    }

    /// The same with a cache in memory.
    pub(crate) fn cached(mut self) -> Self {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let spec = CacheSpec {
            ttl_seconds: 3_600,
            ..CacheSpec::default()
        };
        self.cache = Some(Arc::new(ResultCache::memory(&spec, clock)));
        self
    }

    /// The chain and all warnings, or all findings.
    pub(crate) fn compile(&self) -> (Option<RuleChain>, Vec<Diagnostic>) {
        let (templates, mut findings) = (TemplateFiles::empty(), Findings::new());
        let client = ztag_backend::Client::new(&ClientSpec::default(), TlsMaterial::none());
        let client = Arc::new(client.unwrap());
        let (mut earlier, mut rules) = (Vec::new(), Vec::new());
        for (name, spec) in &self.rules {
            let deps = RuleDeps {
                endpoint: &self.facts,
                earlier: &earlier,
                templates: &templates,
                stores: &self.stores,
                guardrails: &self.guardrails,
                client: Arc::clone(&client),
                cache: self.cache.clone().map(|cache| CacheDeps {
                    cache,
                    namespace: CacheSpec::default().namespace(),
                    fingerprint: self.fingerprint,
                    ceilings: vec![Duration::from_hours(1)],
                }),
                clock: self.clock.clone(),
            };
            let at = ConfigPath::root().key("rules").key(name.as_str());
            let rule = Rule::compile(name, spec, &at, &deps, &mut findings);
            let masks = rule.as_ref().is_some_and(Rule::masks);
            rules.push(rule);
            let exports = spec.exports(Outcome::Pass).map(str::to_owned).collect();
            earlier.push(EarlierRule {
                name: name.clone(),
                exports,
                masks,
            });
        }
        let rules: Option<Vec<_>> = rules.into_iter().collect();
        (rules.map(RuleChain::new), findings.into_vec())
    }

    /// The chain, which must compile without an error.
    pub(crate) fn chain(&self) -> RuleChain {
        let (chain, findings) = self.compile();
        chain.unwrap_or_else(|| panic!("{findings:#?}"))
    }

    /// Judges `ask` by `chain`.
    pub(crate) async fn judge(&self, chain: &RuleChain, ask: &Ask) -> (Verdict, Trace) {
        let mut trace = Trace::new(self.detail);
        let endpoint = EndpointName::from("api");
        let input = ChainInput {
            snapshot: &ask.snapshot,
            admitted: &ask.admitted,
            curated: &self.curated,
            vars: &self.vars,
            globals: &self.globals,
            endpoint: &endpoint,
        };
        let verdict = chain.judge(input, &mut trace).await;
        (verdict, trace)
    }

    /// Compiles and judges `ask`.
    pub(crate) async fn ask(&self, ask: &Ask) -> (Verdict, Trace) {
        self.judge(&self.chain(), ask).await
    }

    /// The code, path and hint of every finding.
    pub(crate) fn findings(&self) -> Vec<(Code, String)> {
        let (_, findings) = self.compile();
        let findings = findings.into_iter();
        findings
            .map(|found| (found.code, found.path.to_string()))
            .collect()
    }
}

/// A request as admission leaves it.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) snapshot: Snapshot,
    pub(crate) admitted: Admitted,
}

impl Ask {
    /// `GET https://app.test/x` without credentials.
    pub(crate) fn get() -> Self {
        Self::to("/x")
    }

    /// `GET` of a path and query.
    pub(crate) fn to(uri: &str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let query = Query(
            pairs
                .map(|(n, v)| (n.as_ref().into(), v.as_ref().into()))
                .collect(),
        );
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let snapshot = Snapshot {
            line: RequestLine {
                method: Method::GET,
                scheme: "https",
                host: "app.test".into(),
                port: None,
                uri: uri.into(),
                path_len: path.len(),
                canonical_path: None,
            },
            query,
            subrequest: Subrequest {
                method: Method::GET,
                target: http::Uri::from_static("/auth"),
                path: "/api/auth".into(),
                host: "gate".into(),
                query: Query::default(),
                remote_addr: "127.0.0.1:4000".into(),
                headers: Headers::default(),
            },
            client: Client {
                address: local,
                address_text: "127.0.0.1".into(),
                peer: SocketAddr::new(local, 4000),
                trusted_proxy: true,
                proxy_stripped: false,
                forwarded_for: "127.0.0.1".into(),
                forwarded: "".into(),
                certificate: None,
            },
            body: Body::default(),
            correlation: "c-1".into(),
            received: ManualClock::new().now(),
        };
        let admitted = Admitted {
            credentials: SmallVec::new(),
            authenticated: false,
            reason: Cow::Borrowed("test"),
        };
        Self { snapshot, admitted }
    }

    pub(crate) fn method(mut self, method: Method) -> Self {
        self.snapshot.line.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let mut headers: HeaderMap = self.snapshot.headers().raw().clone();
        headers.insert(name, value.parse().unwrap());
        self.snapshot.subrequest.headers = Headers::new(headers);
        self
    }

    /// The same with a body of this media type.
    pub(crate) fn body(mut self, media: &str, body: &str) -> Self {
        self.snapshot.body.bytes = body.to_owned().into();
        self.header("content-type", media)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.credential(Credential::Bearer {
            token: Secret::new(token.into()),
        })
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        self.credential(Credential::Basic {
            user: user.into(),
            password: Secret::new(password.into()),
        })
    }

    /// An admitted header, which the client also sent.
    pub(crate) fn key_header(self, name: &'static str, value: &str) -> Self {
        self.header(name, value).credential(Credential::Header {
            name: name.into(),
            value: Secret::new(value.into()),
        })
    }

    /// An admitted query parameter.
    pub(crate) fn key_query(self, name: &str, value: &str) -> Self {
        self.credential(Credential::Query {
            name: name.into(),
            value: Secret::new(value.into()),
        })
    }

    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        self.admitted.credentials.push(credential);
        self.admitted.authenticated = true;
        self
    }
}

/// Outcome and reason in one.
pub(crate) fn ended(verdict: &Verdict) -> (Outcome, ReasonCode) {
    (verdict.outcome, verdict.reason.code())
}

pub(crate) const PASSED: (Outcome, ReasonCode) = (Outcome::Pass, ReasonCode::RulesPassed);
