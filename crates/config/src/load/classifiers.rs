//! Files of classifiers, which guardrails ask about marked texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use ztag_ai_security::guardrail::GuardrailSpec;
use ztag_ai_security::transformer::{Classifier, Transformer, TransformerSpec};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::{Definition, Loading, Named};
use crate::files;
use crate::kind::Kind;

/// Most bytes of a model.
const MAX_MODEL: usize = 2 * 1024 * 1024 * 1024;
/// Most bytes of a tokenizer.
const MAX_TOKENIZER: usize = 64 * 1024 * 1024;

/// What a classifier is made of.
#[derive(Debug)]
pub(crate) struct ClassifierFiles {
    pub(crate) model: File,
    pub(crate) tokenizer: File,
}

/// A file as read.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sha256: [u8; 32],
}

/// A file that is named: where, what for, how large it may be, and what it must hold.
struct Wanted<'s> {
    path: &'s Path,
    most: usize,
    at: ConfigPath,
    pin: Option<&'s str>,
    pinned_at: ConfigPath,
}

impl Loading<'_> {
    /// Reads the files of classifiers, and notes those that cannot be read or are not the ones meant.
    /// A guardrail whose transformer is wrong otherwise has none.
    pub(super) fn classifier_files(
        &mut self,
        guardrails: &Named<GuardrailSpec>,
    ) -> BTreeMap<String, ClassifierFiles> {
        let mut all = BTreeMap::new();
        for (name, definition) in guardrails {
            let at = Kind::Guardrail.path(name).key("transformer");
            let spec = definition.read();
            let spec = spec.and_then(|(spec, _)| spec.transformer.as_ref());
            // What is wrong with it is told when it is compiled.
            let is_sound = |spec: &&TransformerSpec| {
                Transformer::compile(spec, &at, &mut Findings::new()).is_some()
            };
            let Some(spec) = spec.filter(is_sound) else {
                continue;
            };
            let files = self.files_of_classifier(spec, &at);
            all.extend(files.map(|files| (name.clone(), files)));
        }
        all
    }

    fn files_of_classifier(
        &mut self,
        spec: &TransformerSpec,
        at: &ConfigPath,
    ) -> Option<ClassifierFiles> {
        let model = self.pinned_file(&Wanted {
            path: &spec.model,
            most: MAX_MODEL,
            at: at.key("model"),
            pin: spec.sha256.as_deref(),
            pinned_at: at.key("sha256"),
        });
        let tokenizer = self.pinned_file(&Wanted {
            path: &spec.tokenizer,
            most: MAX_TOKENIZER,
            at: at.key("tokenizer"),
            pin: spec.tokenizer_sha256.as_deref(),
            pinned_at: at.key("tokenizerSha256"),
        });
        Some(ClassifierFiles {
            model: model?,
            tokenizer: tokenizer?,
        })
    }

    fn pinned_file(&mut self, wanted: &Wanted<'_>) -> Option<File> {
        let path = self.sources.resolve(wanted.path);
        let bytes = match files::bytes_at_most(&path, wanted.most) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                self.note(Diagnostic::error(Code::Unreadable, &wanted.at, message));
                return None;
            }
        };
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        let hex = hex(&sha256);
        if wanted
            .pin
            .is_some_and(|pin| !pin.eq_ignore_ascii_case(&hex))
        {
            let message = format!("`{}` is another file than meant", path.display());
            let found = Diagnostic::error(Code::Unreadable, &wanted.pinned_at, message);
            self.note(found.hint(format!("its SHA-256 is `{hex}`")));
            return None;
        }
        Some(File { bytes, sha256 })
    }
}

/// The files that guardrails name, as written, where this program reads them.
pub(super) fn paths(guardrails: &Named<GuardrailSpec>) -> impl Iterator<Item = &PathBuf> {
    let specs = guardrails.values().filter_map(Definition::read);
    let named = specs.filter_map(|(spec, _)| spec.transformer.as_ref());
    let named = named.filter(|_| Classifier::IS_BUILT);
    named
        .flat_map(|spec| [&spec.model, &spec.tokenizer])
        .filter(|path| !path.as_os_str().is_empty())
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
