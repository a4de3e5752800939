//! What a configuration defines by name, for those who name it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Code, ConfigPath, Diagnostic};
use crate::findings::Findings;

/// Definitions by name. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Directory<T>(Arc<BTreeMap<String, Option<T>>>);

/// How definitions of one kind are called in messages.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionKind {
    /// One of them, such as `guardrail`.
    pub word: &'static str,
    /// The section that defines them, such as `guardrails`.
    pub section: &'static str,
}

impl<T> Directory<T> {
    /// These definitions; those that are broken without a value.
    pub fn new(definitions: BTreeMap<String, Option<T>>) -> Self {
        Self(Arc::new(definitions))
    }

    /// The definition that is named at `at`; `None` with a finding that says why there is none.
    pub fn find(
        &self,
        kind: DefinitionKind,
        name: &str,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<&T> {
        let (name, DefinitionKind { word, section }) = (name.trim(), kind);
        let found = match self.0.get(name) {
            Some(Some(found)) => return Some(found),
            Some(None) => {
                let message = format!("{word} `{name}` is broken");
                Diagnostic::error(Code::BrokenDefinition, at, message)
            }
            None if name.is_empty() => {
                Diagnostic::error(Code::MissingKey, at, format!("a `{word}` is needed"))
            }
            None => {
                let message = format!("unknown {word} `{name}`");
                let names = self.0.keys().map(String::as_str);
                let found = Diagnostic::error(Code::UnknownDefinition, at, message);
                match Diagnostic::nearest(name, names) {
                    Some(near) => found.hint(format!("did you mean `{near}`?")),
                    None => found.hint(format!("define it below `{section}`")),
                }
            }
        };
        findings.push(found);
        None
    }
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_what_is_sound_and_say_why_not() {
        let named = [("chat", Some(1)), ("tools", None)];
        let named = named.map(|(name, value)| (name.to_owned(), value));
        let directory = Directory::new(BTreeMap::from(named));
        let kind = DefinitionKind {
            word: "guardrail",
            section: "guardrails",
        };
        let at = ConfigPath::root().key("guardrail");
        for (name, expected) in [
            ("chat", Ok(1)),
            (" chat ", Ok(1)),
            ("tools", Err("guardrail `tools` is broken")),
            (
                "chta",
                Err("unknown guardrail `chta`: did you mean `chat`?"),
            ),
            (
                "x",
                Err("unknown guardrail `x`: define it below `guardrails`"),
            ),
            ("", Err("a `guardrail` is needed")),
        ] {
            let mut findings = Findings::new();
            let found = directory.find(kind, name, &at, &mut findings).copied();
            let told = findings
                .into_vec()
                .into_iter()
                .map(|found| match found.hint {
                    Some(hint) => format!("{}: {hint}", found.message),
                    None => found.message,
                });
            let told: Vec<_> = told.collect();
            match expected {
                Ok(value) => assert_eq!((found, &*told), (Some(value), &[][..])),
                Err(why) => assert_eq!((found, &*told), (None, &[why.to_owned()][..])),
            }
        }
    }
}
