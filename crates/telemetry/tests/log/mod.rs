//! A log kept in memory, a JSON reader that refuses duplicate keys, and a full decision record.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use smallvec::smallvec;
use ztag_telemetry::{LogFormat, LogLevel, LoggingSpec, Telemetry};
use ztag_types::{
    BackendReport, CacheReport, ConditionReport, Detail, Outcome, Participation, Reason,
    ReasonCode, Record, RuleReport, StageName, StageReport, Timestamp, Trace,
};

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines as JSON objects.
    pub(crate) fn objects(&self) -> Vec<Object> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.text().lines().map(read).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn telemetry(level: LogLevel, format: LogFormat) -> (Telemetry, Log) {
    let log = Log::default();
    let spec = LoggingSpec {
        level,
        format,
        ..LoggingSpec::default()
    };
    (Telemetry::new(&spec, log.clone()).unwrap(), log)
}

/// A JSON object that has no key twice.
#[derive(Debug)]
pub(crate) struct Object(pub(crate) BTreeMap<String, serde_json::Value>);

impl Object {
    pub(crate) fn text(&self, key: &str) -> &str {
        let value = self.0.get(key).and_then(serde_json::Value::as_str);
        value.unwrap_or_else(|| panic!("no text `{key}` in {self:?}"))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if entries.insert(key.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("`{key}` twice")));
                    }
                }
                Ok(Object(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

fn introspection() -> BackendReport {
    BackendReport {
        method: "POST".to_owned(),
        url: "http://idp/introspect".to_owned(),
        status: 200,
        pages: 1,
        attempts: 1,
        latency: Duration::from_micros(800),
        error: None,
    }
}

/// A decision with everything in it. Where explanations keep values read, it has `SECRET`.
pub(crate) fn record() -> Record {
    let secret = || vec![("x".to_owned(), serde_json::json!({"deep": "SECRET"}))];
    let mut trace = Trace::new(Detail::Full);
    trace.stages.push(StageReport {
        stage: StageName::Admission,
        outcome: Outcome::Pass,
        latency: Duration::from_nanos(700),
        note: "admitted".into(),
    });
    trace.rules.push(RuleReport {
        rule: "introspect".into(),
        outcome: Outcome::Fail,
        reason: Reason::with_detail(ReasonCode::FailCondition, "fail[0]"),
        latency: Duration::from_micros(900),
        cache: CacheReport {
            participation: Participation::Stored,
            age: None,
            ttl: Some(Duration::from_secs(30)),
            key_inputs: vec!["SECRET".to_owned()],
        },
        backend: Some(Box::new(introspection())),
        fga: None,
        inspect: None,
        conditions: vec![ConditionReport {
            list: Outcome::Fail,
            index: 0,
            source: "request.headers.x == 'SECRET'".to_owned(),
            result: Err("SECRET".to_owned()),
            reads: secret(),
        }],
        variables: secret(),
    });
    Record {
        endpoint: Some("api".into()),
        generation: 4,
        correlation: "abc-123".into(),
        received: Timestamp::new(1_767_225_600, 0).unwrap(),
        latency: Duration::from_micros(1_234),
        outcome: Outcome::Fail,
        reason: Reason::with_detail(ReasonCode::FailCondition, "rule `introspect`, fail[0]"),
        status: 403,
        rule: Some("introspect".into()),
        method: "GET".into(),
        host: "shop.example".into(),
        path: "/orders/7".into(),
        client: "203.0.113.7".into(),
        credentials: smallvec!["bearer"],
        cache: CacheReport {
            participation: Participation::Miss,
            ..CacheReport::default()
        },
        trace,
        forwarded: None,
    }
}
