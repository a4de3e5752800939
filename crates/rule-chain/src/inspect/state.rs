//! What a guardrail says of a request, as expressions see it.

use ztag_ai_security::guardrail::{Found, Judgement};
use ztag_ai_security::{Origin, Verdict};
use ztag_types::{Key, Map, Object, Value, View};

/// The `guard` root of expressions.
#[derive(Debug)]
pub(crate) struct GuardState {
    verdict: Verdict,
    score: f64,
    threshold: f64,
    masked: i64,
    complete: bool,
    findings: Vec<Value>,
}

impl GuardState {
    /// Of a request in which nothing was read.
    pub(crate) fn unread() -> Self {
        Self {
            complete: false,
            ..Self::of(&Judgement::default())
        }
    }

    pub(crate) fn of(judgement: &Judgement) -> Self {
        Self {
            verdict: judgement.verdict,
            score: judgement.score.into(),
            threshold: judgement.threshold.into(),
            masked: i64::try_from(judgement.masked).unwrap_or(i64::MAX),
            complete: judgement.coverage.is_complete(),
            findings: judgement.findings.iter().map(finding).collect(),
        }
    }
}

fn finding(found: &Found) -> Value {
    let (kind, id) = named(&found.finding.origin);
    let texts = [
        ("kind", kind),
        ("id", id),
        ("channel", found.channel.as_str()),
        ("place", &found.place),
        ("digest", &found.digest),
    ];
    let mut map = Map::new();
    for (name, text) in texts {
        map.insert(Key::from(name), Value::text(text));
    }
    let score = f64::from(found.finding.score);
    map.insert(Key::from("score"), Value::Double(score));
    Value::from(map)
}

/// What found it: its kind, and which one of them.
fn named(origin: &Origin) -> (&'static str, &str) {
    match origin {
        Origin::Rule { id, .. } => ("rule", id),
        Origin::Model => ("model", "model"),
        Origin::Filter { kind } => ("content", kind),
        Origin::Hidden { .. } => ("hidden", "hidden"),
        Origin::Limit => ("limit", "limit"),
        Origin::Transformer => ("transformer", "transformer"),
    }
}

impl Object for GuardState {
    fn field(&self, name: &str) -> Option<View<'_>> {
        Some(match name {
            "verdict" => View::Str(self.verdict.as_str()),
            "score" => View::Double(self.score),
            "threshold" => View::Double(self.threshold),
            "masked" => View::Int(self.masked),
            "complete" => View::Bool(self.complete),
            "findings" => View::List(&self.findings),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<&str> {
        vec![
            "verdict",
            "score",
            "threshold",
            "masked",
            "complete",
            "findings",
        ]
    }
}
