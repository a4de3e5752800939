//! Classifiers, which guardrails ask about marked texts.

use std::sync::Arc;

use ztag_ai_security::transformer::{Classifier, LoadError, ModelFiles, TransformerSpec};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::canon::Canon;
use crate::load::{ClassifierFiles, Loaded};
use crate::stores::{Fingerprint, Stores};

/// The classifier of the guardrail `name`: the one there is, where files and settings are those of
/// before. `None` when there is none, with findings or because loading has noted why.
pub(super) fn classifier(
    (name, spec, at): (&str, &TransformerSpec, &ConfigPath),
    loaded: &Loaded,
    places: &Stores,
    findings: &mut Findings,
) -> Option<Arc<Classifier>> {
    let files = loaded.classifier_files.get(name)?;
    places.classifiers.open(fingerprint(files, spec), || {
        let bytes = ModelFiles {
            model: &files.model.bytes,
            tokenizer: &files.tokenizer.bytes,
        };
        let read = Classifier::load(&bytes, &spec.settings());
        let read = read.map_err(|error| told(&error, at));
        findings.keep(read).map(Arc::new)
    })
}

/// Stands for everything that a classifier is made of.
fn fingerprint(files: &ClassifierFiles, spec: &TransformerSpec) -> Fingerprint {
    let mut canon = Canon::new();
    canon.bytes(&files.model.sha256);
    canon.bytes(&files.tokenizer.sha256);
    canon.text(&format!("{:?}", spec.settings()));
    canon.finish()
}

/// What is wrong, at the key that says so.
fn told(error: &LoadError, at: &ConfigPath) -> Diagnostic {
    let (code, key) = match error {
        LoadError::Tokenizer(_) => (Code::Unreadable, "tokenizer"),
        LoadError::Output(_) => (Code::InvalidValue, "output"),
        LoadError::Label { .. } => (Code::InvalidValue, "attackLabels"),
        _ => (Code::Unreadable, "model"),
    };
    Diagnostic::error(code, &at.key(key), error.to_string())
}
