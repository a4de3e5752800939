//! From spec to transformer.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::{Classifier, Transformer, TransformerSpec};

/// Longest time that a request may be made to wait.
const LONGEST: Duration = Duration::from_mins(1);
/// Highest index of a label.
const MOST_LABELS: usize = 1024;

impl Transformer {
    /// Compiles `spec`, which stands at `at`; nobody is asked before [`Transformer::with_classifier`].
    /// `None` exactly when an error is among the findings.
    pub fn compile(
        spec: &TransformerSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        if !Classifier::IS_BUILT {
            let message = "this program is built without the feature `transformer`";
            let hint = "build it with `--features transformer`, or leave `transformer` out";
            findings.push(Diagnostic::error(Code::NotBuilt, at, message).hint(hint));
        }
        check_files(spec, at, findings);
        check_sizes(spec, at, findings);
        check_thresholds(spec, at, findings);
        (findings.errors() == before).then(|| Self {
            ask_from: spec.ask_from,
            block_at: spec.block_at,
            clear_at: spec.clear_at,
            deadline: spec.deadline.get(),
            on_failure: spec.on_failure,
            classifier: None,
        })
    }
}

fn check_files(spec: &TransformerSpec, at: &ConfigPath, findings: &mut Findings) {
    let empty = Path::new("");
    for (key, path) in [("model", &spec.model), ("tokenizer", &spec.tokenizer)] {
        if path == empty {
            let message = format!("no `{key}` is named");
            let hint = "name the file of the model and that of its tokenizer";
            findings.push(Diagnostic::error(Code::MissingKey, &at.key(key), message).hint(hint));
        }
    }
    let pins = [
        ("sha256", &spec.sha256),
        ("tokenizerSha256", &spec.tokenizer_sha256),
    ];
    for (key, pin) in pins {
        let is_digest =
            |pin: &String| pin.len() == 64 && pin.bytes().all(|b| b.is_ascii_hexdigit());
        if pin.as_ref().is_some_and(|pin| !is_digest(pin)) {
            let message = "a SHA-256 has 64 hexadecimal digits";
            findings.push(Diagnostic::error(Code::InvalidValue, &at.key(key), message));
        }
    }
}

fn check_sizes(spec: &TransformerSpec, at: &ConfigPath, findings: &mut Findings) {
    let mut check = |key: &str, value: usize, range: RangeInclusive<usize>| {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            let message = format!("`{value}` is not between {least} and {most}");
            findings.push(Diagnostic::error(Code::InvalidValue, &at.key(key), message));
        }
    };
    check("maxTokens", spec.max_tokens, 8..=8192);
    check("maxWindows", spec.max_windows, 1..=64);
    check("workers", spec.workers, 1..=64);
    check("queue", spec.queue, 1..=4096);
    for label in &spec.attack_labels {
        check("attackLabels", *label, 0..=MOST_LABELS);
    }
    let deadline = spec.deadline.get();
    if deadline.is_zero() || deadline > LONGEST {
        let message = "a deadline is above 0 and at most 60 seconds";
        let at = at.key("deadline");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
}

fn check_thresholds(spec: &TransformerSpec, at: &ConfigPath, findings: &mut Findings) {
    let thresholds = [
        ("askFrom", spec.ask_from),
        ("blockAt", Some(spec.block_at)),
        ("clearAt", spec.clear_at),
    ];
    for (key, value) in thresholds {
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            let message = "a threshold is between 0 and 1";
            findings.push(Diagnostic::error(Code::InvalidValue, &at.key(key), message));
        }
    }
    if spec.clear_at.is_some_and(|clear| clear >= spec.block_at) {
        let message = "`clearAt` is not below `blockAt`";
        findings.push(Diagnostic::error(
            Code::Conflict,
            &at.key("clearAt"),
            message,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(spec: &str) -> Vec<(Code, String)> {
        let spec = serde_json::from_str(spec).unwrap();
        let mut findings = Findings::new();
        let compiled = Transformer::compile(&spec, &ConfigPath::root(), &mut findings);
        assert_eq!(compiled.is_some(), findings.errors() == 0);
        let codes = findings.into_vec().into_iter();
        let codes = codes.filter(|found| found.code != Code::NotBuilt);
        codes
            .map(|found| (found.code, found.path.to_string()))
            .collect()
    }

    #[test]
    fn what_cannot_be_meant_is_told_all_at_once() {
        let sound =
            r#"{"model": "m.onnx", "tokenizer": "t.json", "clearAt": 0.1, "deadline": "1s"}"#;
        assert_eq!(codes(sound), []);
        let broken = r#"{"model": "m.onnx", "sha256": "abc", "maxTokens": 4, "queue": 0,
            "blockAt": 0.2, "clearAt": 0.2, "askFrom": 2.0, "deadline": "0s"}"#;
        let found = codes(broken);
        let found: Vec<_> = found
            .iter()
            .map(|(code, at)| (*code, at.as_str()))
            .collect();
        let wanted = [
            (Code::MissingKey, "tokenizer"),
            (Code::InvalidValue, "sha256"),
            (Code::InvalidValue, "maxTokens"),
            (Code::InvalidValue, "queue"),
            (Code::InvalidValue, "deadline"),
            (Code::InvalidValue, "askFrom"),
            (Code::Conflict, "clearAt"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_program_without_the_feature_says_so() {
        let spec = r#"{"model": "m.onnx", "tokenizer": "t.json"}"#;
        let spec = serde_json::from_str(spec).unwrap();
        let mut findings = Findings::new();
        let compiled = Transformer::compile(&spec, &ConfigPath::root(), &mut findings);
        let is_built = Classifier::IS_BUILT;
        assert_eq!(compiled.is_some(), is_built);
        let told = findings.into_vec();
        assert_eq!(
            told.iter().any(|found| found.code == Code::NotBuilt),
            !is_built
        );
    }
}
