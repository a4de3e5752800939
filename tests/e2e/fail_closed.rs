//! Nobody passes unless every rule passed: generated configurations and requests against a naive
//! reading of the decision model, and the pieces that may break away.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use ztag_admission::Hop;
use ztag_config::{Sources, Stores, compile, load};
use ztag_pipeline::{Decision, EndpointState, Pipeline, Plan, PlanHandle, Selection};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_types::{Clock, Outcome, SystemClock};

/// A condition whose value is known without evaluating it; `None` is an evaluation error.
#[derive(Clone, Copy, Debug)]
enum Atom {
    True,
    False,
    Broken,
    IsGet,
    BelowA,
    TenantIsOne,
}

impl Atom {
    const fn source(self) -> &'static str {
        match self {
            Self::True => "1 < 2",
            Self::False => "size('') > 0",
            Self::Broken => "1 / size('') == 1",
            Self::IsGet => "request.method == 'GET'",
            Self::BelowA => "request.path.startsWith('/a')",
            Self::TenantIsOne => "request.headers['x-tenant'] == '1'",
        }
    }

    fn holds(self, request: &Request) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Broken => None,
            Self::IsGet => Some(request.method == "GET"),
            Self::BelowA => Some(request.path.starts_with("/a")),
            Self::TenantIsOne => request.tenant.map(|tenant| tenant == "1"),
        }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    token: Option<&'static str>,
    error: Vec<Atom>,
    fail: Vec<Atom>,
    pass: Vec<Atom>,
    /// Asks a backend that is not there.
    asks_nobody: bool,
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    path: &'static str,
    tenant: Option<&'static str>,
    token: Option<&'static str>,
}

impl Rule {
    /// The decision model, read naively.
    fn passes(&self, request: &Request) -> bool {
        let all =
            |atoms: &[Atom], wanted| atoms.iter().all(|atom| atom.holds(request) == Some(wanted));
        let matched = self.token.is_none_or(|token| request.token == Some(token));
        matched
            && !self.asks_nobody
            && all(&self.error, false)
            && all(&self.fail, false)
            && all(&self.pass, true)
    }

    fn yaml(&self, name: &str, nobody: SocketAddr) -> String {
        let list = |atoms: &[Atom]| {
            let quoted = atoms.iter().map(|atom| format!("\"{}\"", atom.source()));
            quoted.collect::<Vec<_>>().join(", ")
        };
        let auth = self
            .token
            .map(|token| format!("    auth: [{{match: [{{type: bearer, value: {token}}}]}}]\n"));
        let backend = format!("    backendApi: {{url: 'http://{nobody}/'}}\n");
        let conditions = format!(
            "    conditions: {{error: [{}], fail: [{}], pass: [{}]}}\n",
            list(&self.error),
            list(&self.fail),
            list(&self.pass),
        );
        let backend = if self.asks_nobody { &backend } else { "" };
        format!(
            "  {name}:\n{}{backend}{conditions}",
            auth.unwrap_or_default()
        )
    }
}

fn config(rules: &[Rule], nobody: SocketAddr) -> String {
    let names = (0..rules.len()).map(|index| format!("{{name: r{index}}}"));
    let rules = rules.iter().enumerate();
    let rules = rules.map(|(index, rule)| rule.yaml(&format!("r{index}"), nobody));
    format!(
        "endpoints:\n  api:\n    authentication: {{allow: {{authorization: [bearer]}}}}\n    \
         rules: [{}]\nrules:\n  unused: {{}}\n{}",
        names.collect::<Vec<_>>().join(", "),
        rules.collect::<String>(),
    )
}

/// An address where nobody listens: bound once, then left.
fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

struct Gate {
    pipeline: Pipeline,
}

impl Gate {
    fn open(file: &Path) -> Option<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let loaded = load(&Sources::file(file));
        let stores = Stores::offline(&loaded, Arc::clone(&clock)).unwrap();
        let plan: Plan = compile(&loaded, &stores).plan?;
        let telemetry = Telemetry::new(&LoggingSpec::default(), std::io::sink()).unwrap();
        Some(Self {
            pipeline: Pipeline::new(PlanHandle::new(plan), telemetry, clock),
        })
    }

    async fn decide(&self, request: &Request) -> (Decision, Outcome) {
        let plan = self.pipeline.plans().load_full();
        let Selection::Endpoint(EndpointState::Ready(endpoint)) = plan.select(None) else {
            panic!("the endpoint is not ready");
        };
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, HeaderValue::from_static("app.example"));
        if let Some(tenant) = request.tenant {
            let name = HeaderName::from_static("x-tenant");
            headers.insert(name, HeaderValue::from_static(tenant));
        }
        if let Some(token) = request.token {
            let value = format!("Bearer {token}").parse().unwrap();
            headers.insert(http::header::AUTHORIZATION, value);
        }
        let hop = Hop {
            method: request.method.parse().unwrap(),
            uri: request.path.parse().unwrap(),
            headers,
            body: bytes::Bytes::new(),
            peer: "127.0.0.1:1".parse().unwrap(),
            encrypted: false,
            certificate: None,
            mount: 0,
            received: self.pipeline.clock().now(),
            located: None,
        };
        let decided = self.pipeline.decide(endpoint, plan.generation(), hop).await;
        (decided.decision, decided.record.outcome)
    }
}

fn atoms() -> impl Strategy<Value = Vec<Atom>> {
    let atom = prop_oneof![
        4 => Just(Atom::True),
        4 => Just(Atom::False),
        1 => Just(Atom::Broken),
        2 => Just(Atom::IsGet),
        2 => Just(Atom::BelowA),
        2 => Just(Atom::TenantIsOne),
    ];
    prop::collection::vec(atom, 0..3)
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let token = prop_oneof![3 => Just(None), 2 => Just(Some("one")), 1 => Just(Some("two"))];
    let asks_nobody = prop_oneof![9 => Just(false), 1 => Just(true)];
    let rule = (token, atoms(), atoms(), atoms(), asks_nobody);
    let rule = rule.prop_map(|(token, error, fail, pass, asks_nobody)| {
        let (error, fail) = (mostly_false(error), mostly_false(fail));
        Rule {
            token,
            error,
            fail,
            pass,
            asks_nobody,
        }
    });
    prop::collection::vec(rule, 0..4)
}

/// Conditions that forbid are rarely true in real life; as many passes as denials are wanted.
fn mostly_false(atoms: Vec<Atom>) -> Vec<Atom> {
    let flip = |atom| {
        if matches!(atom, Atom::True) {
            Atom::False
        } else {
            atom
        }
    };
    atoms.into_iter().map(flip).collect()
}

fn requests() -> impl Strategy<Value = Request> {
    let request = (
        prop::sample::select(vec!["GET", "POST"]),
        prop::sample::select(vec!["/a", "/a/x", "/b"]),
        prop::sample::select(vec![None, Some("1"), Some("2")]),
        prop::sample::select(vec![Some("one"), Some("two"), Some("three"), None]),
    );
    request.prop_map(|(method, path, tenant, token)| Request {
        method,
        path,
        tenant,
        token,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_permit_unless_every_rule_passed(
        rules in rules(),
        requests in prop::collection::vec(requests(), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, config(&rules, nobody())).unwrap();
        let gate = Gate::open(&file).expect("the configuration is sound");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for request in &requests {
            let expected = request.token.is_some() && rules.iter().all(|rule| rule.passes(request));
            let (decision, outcome) = runtime.block_on(gate.decide(request));
            let passed = matches!(decision, Decision::Pass(..));
            prop_assert_eq!(passed, expected, "{:?} by {:?}", request, rules);
            prop_assert_eq!(passed, outcome == Outcome::Pass);
            prop_assert_eq!(passed, decision.reply().status.is_success());
        }
    }
}

#[test]
fn defect_03_01_no_usable_endpoint_is_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    for broken in [
        "",
        "endpoints: {}\n",
        "endpoints: {api: {authentication: {allow: {none: true}}, rules: [{name: absent}]}}\n",
        "endpoints: {api: {authentication: {allow: {none: true}}, rules: [{name: r}]}}\n\
         rules: {r: {auth: [{match: [{type: bearer, value: '/(/'}]}]}}\n",
        "endpoints: {api: {authentication: {allow: {none: true}}, rules: [{name: r}]}}\n\
         rules: {r: {conditions: {pass: ['1 +']}}}\n",
    ] {
        fs::write(&file, broken).unwrap();
        assert!(Gate::open(&file).is_none(), "{broken}");
    }
}
