//! A gateway in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

use http::HeaderName;
use ztag_admission::{Admission, AdmissionDeps, AdmissionSpec, NoTokens};
use ztag_ai_security::guardrail::{Digests, Guardrail};
use ztag_backend::TlsMaterial;
use ztag_endpoint_vars::{EndpointVars, EndpointVarsSpec, VarsDeps};
use ztag_expr::TemplateFiles;
use ztag_fga::{Store, Tuple, WriteRequest, dsl};
use ztag_fga_remote::{Authority, Directory, Entry, LocalStore, OnOutage};
use ztag_forward_policy::{ForwardPolicy, ForwardPolicySpec};
use ztag_pipeline::{Endpoint, EndpointState, Intake, Pipeline, Plan, PlanHandle};
use ztag_proxy::{
    EdgeHandle, GatewayService, RouteDeps, RouteEndpoint, RouteSpec, RouteTable, TargetSpec,
    Upstream, UpstreamDeps, UpstreamPlaces, UpstreamSpec, WrittenRoute,
};
use ztag_response_policy::{ReplyDeps, ResponsePolicy, ResponsePolicySpec};
use ztag_rule_chain::RuleChain;
use ztag_server::{LimitsSpec, Listen, Server, Shutdown};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_token::client::OutboundCredential;
use ztag_types::{ConfigPath, EndpointName, Findings, Globals, SystemClock, Timestamp};

use crate::PATIENCE;

const CORRELATION: HeaderName = HeaderName::from_static("x-request-id");

/// A gateway on loopback with one worker. It drains when dropped.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    shutdown: Shutdown,
    server: Option<Server>,
    telemetry: Telemetry,
    log: Log,
}

/// What the gateway logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Gate {
    /// One route for everything, described by the JSON members `more`, to the upstream at `origin`.
    pub(crate) fn route(origin: SocketAddr, more: &str) -> Self {
        Self::routes(origin, &format!(r#"{{"all": {{{more}}}}}"#))
    }

    /// Routes in JSON, all to the upstream at `origin`.
    ///
    /// Endpoint `open` admits everybody; `guarded` asks for a bearer token. Both say `x-user: mia`
    /// and an empty `x-groups`.
    pub(crate) fn routes(origin: SocketAddr, routes: &str) -> Self {
        let specs: BTreeMap<String, RouteSpec> = serde_json::from_str(routes).unwrap();
        let specs: BTreeMap<String, RouteSpec> = specs
            .into_iter()
            .map(|(name, spec)| {
                let upstream = "app".into();
                (name, RouteSpec { upstream, ..spec })
            })
            .collect();
        Self::start(origin, &specs, &OutboundCredential::NONE)
    }

    /// One route for everything that is open to everybody, to the upstream at `origin`, which gets
    /// `credential`.
    pub(crate) fn with_credential(origin: SocketAddr, credential: &OutboundCredential) -> Self {
        let spec = RouteSpec {
            public: true,
            upstream: "app".into(),
            ..RouteSpec::default()
        };
        Self::start(origin, &[("all".to_owned(), spec)].into(), credential)
    }

    /// Begins to drain, and waits until every connection is over.
    pub(crate) fn drain(&mut self) {
        self.shutdown.begin();
        if let Some(server) = self.server.take() {
            server.join();
        }
    }

    /// Drains, and returns the line of the log that says `message`.
    pub(crate) fn log(&mut self, message: &str) -> String {
        self.drain();
        let end = Instant::now() + PATIENCE;
        loop {
            self.telemetry.flush();
            let log = String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap();
            let quoted = format!("\"msg\":\"{message}\"");
            if let Some(line) = log.lines().find(|line| line.contains(&quoted)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "no `{message}` in {log}");
            std::thread::yield_now();
        }
    }

    fn start(
        origin: SocketAddr,
        specs: &BTreeMap<String, RouteSpec>,
        credential: &OutboundCredential,
    ) -> Self {
        let endpoints = [
            endpoint("open", r#"{"authentication": {"allow": {"none": true}}}"#),
            endpoint(
                "guarded",
                r#"{"authentication": {"allow": {"authorization": ["bearer"]}}}"#,
            ),
        ];
        let states = endpoints.map(|endpoint| EndpointState::Ready(Box::new(endpoint)));
        let table = table(specs, &states, upstream(origin, credential));
        let plan = Plan::new(Timestamp::default(), states).unwrap();
        let log = Log::default();
        let telemetry = Telemetry::new(&LoggingSpec::default(), log.clone()).unwrap();
        let plans = PlanHandle::new(plan);
        let edges = EdgeHandle::new(plans.load_full(), table);
        let pipeline = Pipeline::new(plans, telemetry.clone(), Arc::new(SystemClock::new()));
        let limits = LimitsSpec {
            workers: 1,
            ..LimitsSpec::default()
        };
        let shutdown = Shutdown::new();
        let service = GatewayService::new(
            pipeline,
            edges,
            Some(CORRELATION),
            Intake::new(&limits),
            shutdown.clone(),
        );
        let listen = Listen::plain("127.0.0.1:0".parse().unwrap(), limits);
        let server = Server::start(&listen, &shutdown, move || service.clone()).unwrap();
        Self {
            address: server.address(),
            shutdown,
            server: Some(server),
            telemetry,
            log,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

fn table(
    specs: &BTreeMap<String, RouteSpec>,
    states: &[EndpointState],
    upstream: Arc<Upstream>,
) -> RouteTable {
    let known = states
        .iter()
        .map(|state| (state.name().to_string(), RouteEndpoint::of(state)));
    let mut findings = Findings::new();
    let deps = RouteDeps {
        endpoints: &known.collect(),
        upstreams: &[("app".to_owned(), Some(upstream))].into(),
        credentials: &BTreeMap::new(),
        identity: &["x-user", "x-groups"].map(HeaderName::from_static),
        correlation: Some(&CORRELATION),
        stores: &stores(),
        guardrails: &GUARDRAILS,
        templates: &TemplateFiles::empty(),
    };
    let written = specs
        .iter()
        .map(|(name, spec)| (name.as_str(), WrittenRoute::Read(spec)));
    let table = RouteTable::compile(written, &ConfigPath::root(), &deps, &mut findings);
    assert_eq!(findings.errors(), 0, "{:?}", findings.as_slice());
    table
}

/// A store named `docs`, in which `mia` sees the documents 1 and 3. Whether `tim` does depends on a
/// parameter that nobody gives.
fn stores() -> Directory {
    let model = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user, user:*, user with late]

condition late(now: timestamp) {
  now > timestamp(\"2026-01-01T00:00:00Z\")
}
";
    let store = Store::default();
    store.write_model(dsl::parse(model).unwrap()).unwrap();
    let tuples = [
        Tuple::new("user:mia", "viewer", "doc:1"),
        Tuple::new("user:mia", "viewer", "doc:3"),
        Tuple::new("user:mia", "viewer", "doc:7").when("late", None),
        Tuple::new("user:*", "viewer", "doc:9"),
    ];
    store.write(&WriteRequest::writes(tuples)).unwrap();
    let entry = Entry {
        authority: Authority::Local(Arc::new(LocalStore::new(Arc::new(store), None))),
        model: None,
        on_outage: OnOutage::Error,
    };
    Directory::new([("docs".to_owned(), Some(entry))].into())
}

/// Guardrails named `content`, which masks, and `all`, which also looks for injections and blocks keys
/// of the bank.
static GUARDRAILS: LazyLock<ztag_types::Directory<Arc<Guardrail>>> = LazyLock::new(|| {
    let made = [
        (
            "content",
            r#"{"injection": null, "content": {"output": {"links": {}}}}"#,
        ),
        (
            "all",
            r#"{"content": {"kinds": {"IBAN": "block"}, "output": {"systemPrompt": "mask"}}}"#,
        ),
    ]
    .map(|(name, spec)| {
        let spec = serde_json::from_str(spec).unwrap();
        let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
        let made = Guardrail::compile(&spec, digests, &at, &mut Findings::new());
        (name.to_owned(), made.map(Arc::new))
    });
    let all = made.into_iter();
    #[cfg(feature = "transformer")]
    let all = all.chain([("asking".to_owned(), Some(Arc::new(asking())))]);
    ztag_types::Directory::new(all.collect())
});

/// A guardrail that marks whatever users say and tools and models answer, and asks a classifier about it.
#[cfg(feature = "transformer")]
fn asking() -> Guardrail {
    use ztag_ai_security::guardrail::GuardrailSpec;
    use ztag_ai_security::transformer::{Classifier, ModelFiles};
    use ztag_test_support::classifier::{Shape, TOKENIZER, model};

    let spec = r#"{
        "injection": {"channels": {
            "user": {"mark": 0.0, "block": 1.0}, "tool": {"mark": 0.0, "block": 1.0},
            "output": {"mark": 0.0, "block": 1.0}}},
        "spotlight": "lines",
        "transformer": {
            "model": "m.onnx", "tokenizer": "t.json", "clearAt": 0.1, "deadline": "60s"}}"#;
    let spec: GuardrailSpec = serde_json::from_str(spec).unwrap();
    let settings = spec.transformer.as_ref().unwrap().settings();
    let files = ModelFiles {
        model: &model(Shape::AnyLength),
        tokenizer: TOKENIZER.as_bytes(),
    };
    let classifier = Arc::new(Classifier::load(&files, &settings).unwrap());
    let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
    let made = Guardrail::compile(&spec, digests, &at, &mut Findings::new());
    made.unwrap().with_classifier(classifier)
}

fn upstream(origin: SocketAddr, credential: &OutboundCredential) -> Arc<Upstream> {
    let spec = UpstreamSpec {
        targets: vec![TargetSpec {
            url: format!("http://{origin}"),
            weight: 1,
        }],
        ..UpstreamSpec::default()
    };
    let deps = UpstreamDeps {
        places: &UpstreamPlaces::new(),
        material: &TlsMaterial::none(),
        credential,
    };
    Upstream::compile(
        &spec,
        "app",
        &ConfigPath::root(),
        deps,
        &mut Findings::new(),
    )
    .unwrap()
}

fn endpoint(name: &str, admission: &str) -> Endpoint {
    let name = EndpointName::from(name);
    let at = ConfigPath::root();
    let files = TemplateFiles::empty();
    let none = BTreeSet::new();
    let mut findings = Findings::new();
    let spec: AdmissionSpec = serde_json::from_str(admission).unwrap();
    let deps = AdmissionDeps {
        endpoint: &name,
        files: &files,
        tokens: &NoTokens,
    };
    let admitted = Admission::compile(&spec, &at, deps).unwrap();
    let spec: ResponsePolicySpec =
        serde_json::from_str(r#"{"pass": {"headers": {"x-user": "mia", "x-groups": ""}}}"#)
            .unwrap();
    let deps = ReplyDeps {
        variables: &none,
        environment: &none,
        secrets: &none,
        exports: &[],
        templates: &files,
        correlation: Some(&CORRELATION),
        realm: "\"gate\"",
    };
    let response = ResponsePolicy::compile(&spec, &at, &deps, &mut findings).unwrap();
    let deps = VarsDeps {
        environment: &none,
        secrets: &none,
        templates: &files,
    };
    let vars = EndpointVars::compile(&EndpointVarsSpec::default(), &at, &deps, &mut findings);
    let forward = ForwardPolicy::compile(&ForwardPolicySpec::default(), &at, &files, &mut findings);
    let mut capture = admitted.capture;
    capture.protect(response.pass_headers().cloned());
    capture.correlate_by(CORRELATION);
    Endpoint {
        name,
        description: String::new(),
        capture,
        admission: admitted.admission,
        forward: forward.unwrap(),
        vars: vars.unwrap(),
        rules: RuleChain::new(Vec::new()),
        response,
        cache: None,
        globals: Arc::new(Globals::default()),
    }
}
