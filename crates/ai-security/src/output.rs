//! What the answers of a model must not carry: its own orders, links that leak, control sequences and
//! text that no font shows.

mod control;
mod hidden;
mod links;
pub mod spec;
mod system;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::filter::Action;
use crate::filter::candidate::Finder;
use crate::filter::{Pattern, Tests};

pub use spec::{LinkSpec, OutputSpec};
pub use system::SystemText;

/// Name of the rule of links.
pub(crate) const LINK: &str = "output.link";
/// Lengths of canaries, in bytes.
const CANARY: std::ops::RangeInclusive<usize> = 8..=256;

/// What is to be looked for.
pub(crate) struct Parts {
    /// Readers of one sort each.
    pub(crate) finders: Vec<Part>,
    /// Words planted in the system text.
    pub(crate) canaries: Vec<Canary>,
}

/// One reader, made for the place of its rule.
pub(crate) struct Part {
    pub(crate) id: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) action: Action,
    pub(crate) finder: Box<dyn FnOnce(usize) -> Box<dyn Finder>>,
}

/// A word that no answer may have.
pub(crate) struct Canary {
    pub(crate) keyword: String,
    pub(crate) pattern: Pattern,
}

/// Compiles `spec`, which stands at `at`.
pub(crate) fn compile(spec: &OutputSpec, at: &ConfigPath, findings: &mut Findings) -> Parts {
    let mut finders = Vec::new();
    if spec.control_sequences != Action::Ignore {
        finders.push(Part {
            id: "output.control",
            kind: "CONTROL_SEQUENCE",
            action: spec.control_sequences,
            finder: Box::new(|rule| Box::new(control::ControlSequences { rule })),
        });
    }
    if spec.hidden_text != Action::Ignore {
        finders.push(Part {
            id: "output.hidden",
            kind: "HIDDEN_TEXT",
            action: spec.hidden_text,
            finder: Box::new(|rule| Box::new(hidden::HiddenText { rule })),
        });
    }
    if let Some(links) = spec.links.as_ref().filter(|l| l.action != Action::Ignore)
        && let Some(hosts) = links::Hosts::compile(&links.hosts, &at.key("links"), findings)
    {
        finders.push(Part {
            id: LINK,
            kind: "UNTRUSTED_LINK",
            action: links.action,
            finder: Box::new(|rule| Box::new(links::Links::new(rule, hosts))),
        });
    }
    let canaries = spec
        .canaries
        .iter()
        .enumerate()
        .filter_map(|(index, word)| {
            let at = at.key("canaries").index(index);
            canary(word.expose(), &at, findings)
        });
    let canaries = canaries.collect();
    Parts { finders, canaries }
}

fn canary(word: &str, at: &ConfigPath, findings: &mut Findings) -> Option<Canary> {
    if !CANARY.contains(&word.len()) || !word.is_ascii() {
        let message = "a canary has 8 to 256 bytes of ASCII";
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
        return None;
    }
    let keyword = word.get(..word.len().min(32)).unwrap_or(word).to_owned();
    let text = format!("(?i:{})", regex_syntax::escape(word));
    // The message would tell the canary.
    let pattern = Pattern::compile(&text, Tests::default())
        .map_err(|_| Diagnostic::error(Code::InvalidValue, at, "this canary cannot be looked for"));
    let pattern = findings.keep(pattern)?;
    Some(Canary { keyword, pattern })
}
