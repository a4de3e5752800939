//! The guardrails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_ai_security::guardrail::Guardrail;
use ztag_types::Directory;

use super::ledger::Ledger;
use crate::kind::Kind;
use crate::load::Loaded;
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
    let standard = Guardrail::standard(digests.clone());
    let mut all = BTreeMap::from([(STANDARD.to_owned(), Some(Arc::new(standard)))]);
    for (name, definition) in &loaded.guardrails {
        let compile = |spec: &_, at: &_, findings: &mut _| {
            Guardrail::compile(spec, digests.clone(), at, findings).map(Arc::new)
        };
        let made = ledger.examine((Kind::Guardrail, name, definition), loaded, compile);
        all.insert(name.clone(), made);
    }
    Directory::new(all)
}
