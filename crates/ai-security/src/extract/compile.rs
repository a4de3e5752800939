//! From spec to extractor.

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::{ExtractSpec, Extractor, Selector};

/// Most bytes of a body.
const MOST: usize = 64 * 1024 * 1024;

impl Extractor {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(spec: &ExtractSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let mut selections = Vec::new();
        for (index, text) in spec.texts.iter().enumerate() {
            let selector = Selector::compile(&text.select).map_err(|error| {
                let at = at.key("texts").index(index).key("select");
                let hint = "understood are `.name`, `['name']`, `[*]`, `[0]`, `..name` and `[?@.name=='text']`";
                Diagnostic::error(Code::InvalidValue, &at, error.to_string()).hint(hint)
            });
            if let Some(selector) = findings.keep(selector) {
                selections.push((selector, text.channel));
            }
        }
        for (index, preset) in spec.presets.iter().enumerate() {
            for (text, channel) in preset.selections() {
                let selector = Selector::compile(text).map_err(|error| {
                    let at = at.key("presets").index(index);
                    Diagnostic::error(Code::InvalidValue, &at, error.to_string())
                });
                selections.extend(findings.keep(selector).map(|it| (it, *channel)));
            }
        }
        if spec.texts.is_empty() && spec.presets.is_empty() {
            let message = "nothing is selected";
            let hint = "name a preset such as `openai-chat`, or selectors of your own";
            findings.push(Diagnostic::error(Code::MissingKey, at, message).hint(hint));
        }
        if !(1..=MOST).contains(&spec.max_bytes) {
            let message = format!("`{}` is not between 1 and {MOST}", spec.max_bytes);
            let at = at.key("maxBytes");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
        (findings.errors() == before).then(|| Self::new(selections, spec.max_bytes))
    }
}
