//! Rules whose guardrail asks a classifier about marked texts.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use ztag_ai_security::guardrail::{Digests, Guardrail, GuardrailSpec};
use ztag_ai_security::transformer::{Classifier, ModelFiles, TransformerSpec};
use ztag_test_support::classifier::{Shape, TOKENIZER, model};
use ztag_types::{CacheReport, ConfigPath, Directory, Findings, Outcome, ReasonCode};

use crate::support::{Ask, Gate, PASSED, ended};

const BLOCKED: (Outcome, ReasonCode) = (Outcome::Fail, ReasonCode::InspectionBlocked);

/// A guardrail that marks whatever users say, and one whose classifier is asked about it.
fn guardrails(more: &Json) -> Directory<Arc<Guardrail>> {
    let mut transformer = json!({
        "model": "m.onnx", "tokenizer": "t.json", "clearAt": 0.1, "deadline": "60s",
    });
    let more = more.as_object().unwrap().clone();
    transformer.as_object_mut().unwrap().extend(more);
    let settings: TransformerSpec = serde_json::from_value(transformer.clone()).unwrap();
    let files = ModelFiles {
        model: &model(Shape::AnyLength),
        tokenizer: TOKENIZER.as_bytes(),
    };
    let classifier = Arc::new(Classifier::load(&files, &settings.settings()).unwrap());
    let made = [("asking", Some(classifier)), ("absent", None)].map(|(name, classifier)| {
        let spec = json!({
            "injection": {"channels": {"user": {"mark": 0.0, "block": 1.0}}},
            "transformer": transformer,
        });
        let spec: GuardrailSpec = serde_json::from_value(spec).unwrap();
        let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
        let made = Guardrail::compile(&spec, digests, &at, &mut Findings::new()).unwrap();
        let made = match classifier {
            Some(classifier) => made.with_classifier(classifier),
            None => made,
        };
        (name.to_owned(), Some(Arc::new(made)))
    });
    Directory::new(made.into())
}

fn gate(guardrail: &str, more: &Json) -> Gate {
    let mut gate = Gate::one(json!({
        "inspect": {"guardrail": guardrail, "body": {"text": "user"}},
        "conditions": {"fail": ["guard.verdict == 'mark' && request.query.strict == 'yes'"]},
        "cache": {"ttl": {"pass": "1h", "fail": "1h"}},
    }));
    gate.guardrails = guardrails(more);
    gate
}

fn says(text: &str) -> Ask {
    Ask::to("/?strict=no").body("text/plain", text)
}

#[tokio::test]
async fn attack_52_what_a_classifier_says_decides_about_marked_texts() {
    let gate = gate("asking", &json!({}));
    for (text, expected) in [
        ("the weather is fine today", PASSED),
        ("perhaps the weather is fine", PASSED),
        ("an attack of hay fever", BLOCKED),
    ] {
        let (verdict, trace) = gate.ask(&says(text)).await;
        assert_eq!(ended(&verdict), expected, "{text}");
        let report = trace.rules[0].inspect.as_ref().unwrap();
        let consulted = report.consulted.unwrap();
        assert_eq!((consulted.asked, consulted.failed), (1, 0));
    }
    // Expressions see what came of it.
    let strict = |text: &str| Ask::to("/?strict=yes").body("text/plain", text);
    let (cleared, _) = gate.ask(&strict("the weather is fine today")).await;
    assert_eq!(ended(&cleared), PASSED);
    let (marked, _) = gate.ask(&strict("perhaps the weather is fine")).await;
    assert_eq!(marked.outcome, Outcome::Fail);
}

#[tokio::test]
async fn attack_52_without_an_answer_nothing_passes_and_nothing_is_remembered() {
    for (mode, expected) in [("block", BLOCKED), ("mark", PASSED)] {
        let gate = gate("absent", &json!({"onFailure": mode})).cached();
        let chain = gate.chain();
        for _ in 0..2 {
            let (verdict, trace) = gate.judge(&chain, &says("the weather is fine")).await;
            assert_eq!(ended(&verdict), expected, "{mode}");
            let rule = &trace.rules[0];
            let consulted = rule.inspect.as_ref().unwrap().consulted.unwrap();
            assert_eq!((consulted.asked, consulted.failed), (1, 1), "{mode}");
            assert_eq!(rule.cache.ttl, CacheReport::default().ttl, "{mode}");
        }
    }
}
