//! Classifiers that guardrails name: which files are taken, and what a reload makes of new ones.

#![cfg(test)]
#![cfg(feature = "transformer")]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, HeaderValue, Method};
use tempfile::TempDir;
use ztag_admission::Hop;
use ztag_config::{Compiled, Report, Sources, Stores, Watcher, compile, load};
use ztag_pipeline::{EndpointState, Pipeline, PlanHandle, Selection};
use ztag_telemetry::{LoggingSpec, Telemetry};
use ztag_test_support::classifier::{Shape, TOKENIZER, model};
use ztag_types::{Clock, Code, EndpointName, ManualClock, Outcome, Timestamp};

/// Texts of users are marked, whatever they say, and the classifier asked. The endpoint `other` asks
/// nobody.
const CONFIG: &str = "
endpoints:
  api: {authentication: {allow: {none: true}}, rules: [{name: ask}]}
  other: {authentication: {allow: {none: true}}}
rules:
  ask: {inspect: {guardrail: chat, texts: [{value: '{{ request.headers[\"x-text\"] }}'}]}}
guardrails:
  chat:
    injection: {channels: {user: {mark: 0.0, block: 1.0}}}
    transformer: {model: model.onnx, tokenizer: tokenizer.json, clearAt: 0.1, deadline: 60s}
";

const CALM: &str = "the weather is fine today";
const ATTACK: &str = "this is an attack of hay fever";

/// A folder of configuration with a classifier.
struct House {
    folder: TempDir,
}

impl House {
    fn new(config: &str) -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        house.write("gateway.yaml", config.as_bytes());
        house.write("model.onnx", &model(Shape::AnyLength));
        house.write("tokenizer.json", TOKENIZER.as_bytes());
        house
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn sources(&self) -> Sources {
        Sources::file(self.folder.path().join("gateway.yaml"))
    }

    fn compile(&self) -> Compiled {
        let loaded = load(&self.sources());
        let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
        compile(&loaded, &stores)
    }

    fn open(&self) -> Door {
        let loaded = load(&self.sources());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let stores = Stores::offline(&loaded, Arc::clone(&clock)).unwrap();
        let compiled = compile(&loaded, &stores);
        assert_eq!(
            compiled.report.errors(),
            0,
            "{}",
            compiled.report.to_human()
        );
        let plan = PlanHandle::new(compiled.plan.unwrap());
        let telemetry = Telemetry::new(&LoggingSpec::default(), io::sink()).unwrap();
        Door {
            pipeline: Pipeline::new(plan.clone(), telemetry, clock),
            watcher: Watcher::new(self.sources(), loaded, stores, plan),
        }
    }
}

/// What serves it.
struct Door {
    pipeline: Pipeline,
    watcher: Watcher,
}

impl Door {
    /// What becomes of a request that says `text`; `None` where the endpoint does not serve.
    async fn says(&self, endpoint: &str, text: &'static str) -> Option<Outcome> {
        let plan = self.pipeline.plans().load();
        let Selection::Endpoint(EndpointState::Ready(endpoint)) = plan.select(Some(endpoint))
        else {
            return None;
        };
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("api.example.com"));
        headers.insert("x-text", HeaderValue::from_static(text));
        let hop = Hop {
            method: Method::GET,
            uri: "/api/auth".parse().unwrap(),
            headers,
            body: "".into(),
            peer: ([127, 0, 0, 1], 40_000).into(),
            encrypted: false,
            certificate: None,
            mount: "/api/auth".len(),
            received: Timestamp::default(),
            located: None,
        };
        let decided = self.pipeline.decide(endpoint, plan.generation(), hop);
        Some(decided.await.record.outcome)
    }

    async fn both(&self) -> [Option<Outcome>; 2] {
        [self.says("api", CALM).await, self.says("api", ATTACK).await]
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    let mut hex = String::new();
    for byte in digest.as_ref() {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

fn pinned(model: &str, tokenizer: &str) -> String {
    let pins = format!("clearAt: 0.1, sha256: {model}, tokenizerSha256: {tokenizer}");
    CONFIG.replace("clearAt: 0.1", &pins)
}

/// How many files cannot be used; what names them has findings of its own.
fn unreadable(report: &Report) -> usize {
    let codes = report.findings().iter().map(|found| found.code);
    codes.filter(|code| *code == Code::Unreadable).count()
}

#[test]
fn attack_52_a_file_that_is_not_the_one_pinned_is_refused() {
    let (own, other) = (sha256(&model(Shape::AnyLength)), sha256(b"another file"));
    let tokenizer = sha256(TOKENIZER.as_bytes());
    let upper = own.to_uppercase();
    let sound = House::new(&pinned(&upper, &tokenizer)).compile();
    assert_eq!(sound.report.errors(), 0, "{}", sound.report.to_human());

    for (config, key, file, found) in [
        (pinned(&other, &tokenizer), "sha256", "model.onnx", &own),
        (
            pinned(&own, &other),
            "tokenizerSha256",
            "tokenizer.json",
            &tokenizer,
        ),
    ] {
        let compiled = House::new(&config).compile();
        let findings = compiled.report.findings().iter();
        let told: Vec<_> = findings
            .filter(|told| told.code == Code::Unreadable)
            .collect();
        let [told] = told[..] else {
            panic!("{}", compiled.report.to_human());
        };
        assert_eq!(told.path, format!("guardrails.chat.transformer.{key}"));
        let message = format!("{file}` is another file than meant");
        assert!(told.message.ends_with(&message), "{}", told.message);
        // What to write instead, when it is the one that is wanted.
        let hint = told.hint.as_deref().unwrap_or_default();
        assert_eq!(hint, format!("its SHA-256 is `{found}`"));
        assert_eq!(compiled.quarantined.len(), 1, "{:?}", compiled.quarantined);
    }
}

#[tokio::test]
async fn attack_52_a_new_model_is_asked_after_a_reload() {
    const PASS: Option<Outcome> = Some(Outcome::Pass);
    const FAIL: Option<Outcome> = Some(Outcome::Fail);
    let house = House::new(CONFIG);
    let door = house.open();
    assert_eq!(door.both().await, [PASS, FAIL]);
    // The same files once more.
    door.watcher.reload_now().await;
    assert_eq!(door.both().await, [PASS, FAIL]);

    house.write("model.onnx", &model(Shape::Suspicious));
    let outcome = door.watcher.reload_now().await;
    assert_eq!((outcome.published, outcome.report.errors()), (Some(3), 0));
    assert_eq!(door.both().await, [FAIL, FAIL]);

    // Its words mean something else now.
    house.write("model.onnx", &model(Shape::AnyLength));
    let swapped = TOKENIZER.replace(r#""attack": 3, "perhaps": 4"#, r#""today": 3, "attack": 4"#);
    house.write("tokenizer.json", swapped.as_bytes());
    assert_eq!(door.watcher.reload_now().await.report.errors(), 0);
    assert_eq!(door.both().await, [FAIL, PASS]);
}

#[tokio::test]
async fn attack_52_a_broken_model_never_lets_anything_pass() {
    let house = House::new(CONFIG);
    let door = house.open();
    let whole = model(Shape::AnyLength);
    let other = Some(Outcome::Pass);
    for broken in [&whole[..whole.len() / 2], b"", &model(Shape::Pictures)] {
        house.write("model.onnx", broken);
        let outcome = door.watcher.reload_now().await;
        let quarantined: Vec<_> = outcome
            .quarantined
            .iter()
            .map(EndpointName::as_str)
            .collect();
        assert_eq!((quarantined, unreadable(&outcome.report)), (vec!["api"], 1));
        // It does not serve, and whoever does not ask it does.
        assert_eq!(door.both().await, [None, None]);
        assert_eq!(door.says("other", ATTACK).await, other);
    }
    house.write("model.onnx", &whole);
    door.watcher.reload_now().await;
    assert_eq!(
        door.both().await,
        [Some(Outcome::Pass), Some(Outcome::Fail)]
    );
}

#[tokio::test]
async fn attack_52_where_nothing_else_serves_the_model_in_force_stays() {
    let other = "  other: {authentication: {allow: {none: true}}}\n";
    let house = House::new(&CONFIG.replace(other, ""));
    let door = house.open();
    let whole = model(Shape::AnyLength);
    house.write("model.onnx", &whole[..whole.len() / 2]);
    let outcome = door.watcher.reload_now().await;
    assert_eq!((outcome.published, unreadable(&outcome.report)), (None, 1));
    assert_eq!(
        door.both().await,
        [Some(Outcome::Pass), Some(Outcome::Fail)]
    );
}
