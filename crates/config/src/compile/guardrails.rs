//! The guardrails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_ai_security::guardrail::{Guardrail, GuardrailSpec};
use ztag_types::{ConfigPath, Directory, Findings};

use super::classifiers::classifier;
use super::ledger::Ledger;
use crate::kind::Kind;
use crate::load::{Definition, Loaded};
use crate::stores::Stores;

/// Name of the guardrail that nobody has to define.
const STANDARD: &str = "standard";

/// Compiles every guardrail, named or not, to find what is wrong.
pub(super) fn guardrails(
    loaded: &Loaded,
    places: &Stores,
    ledger: &mut Ledger,
) -> Directory<Arc<Guardrail>> {
    let digests = &places.digests;
    let mut all = BTreeMap::new();
    if names_standard(loaded) {
        let standard = Arc::new(Guardrail::standard(digests.clone()));
        all.insert(STANDARD.to_owned(), Some(standard));
    }
    for (name, definition) in &loaded.guardrails {
        let compile = |spec: &GuardrailSpec, at: &ConfigPath, findings: &mut Findings| {
            let made = Guardrail::compile(spec, digests.clone(), at, findings)?;
            let Some(asked) = &spec.transformer else {
                return Some(Arc::new(made));
            };
            let asked = (name.as_str(), asked, &at.key("transformer"));
            let classifier = classifier(asked, loaded, places, findings)?;
            Some(Arc::new(made.with_classifier(classifier)))
        };
        let made = ledger.examine((Kind::Guardrail, name, definition), loaded, compile);
        all.insert(name.clone(), made);
    }
    Directory::new(all)
}

/// Whether a rule or a route has the standard one read: who has nobody read anything shall not pay for
/// it.
fn names_standard(loaded: &Loaded) -> bool {
    let is_standard = |name: Option<&str>| name.is_none_or(|name| name.trim() == STANDARD);
    let mut rules = loaded.rules.values().filter_map(Definition::read);
    let mut routes = loaded.routes.values().filter_map(Definition::read);
    rules.any(|(rule, _)| {
        let inspect = rule.inspect.as_ref();
        inspect.is_some_and(|own| is_standard(own.guardrail.as_deref()))
    }) || routes.any(|(route, _)| {
        let guard = route.guard.as_ref();
        guard.is_some_and(|own| is_standard(own.guardrail.as_deref()))
    })
}
