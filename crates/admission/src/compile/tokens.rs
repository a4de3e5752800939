//! Who judges the tokens of an endpoint.

use std::collections::BTreeSet;

use ztag_types::{Code, ConfigPath, Diagnostic};

use super::{blank, repeated};
use crate::spec::AllowSpec;
use crate::token_sources::TokenSources;
use crate::tokens::{QUERY, Tokens};

/// Compiles `jwt` and `introspection` of `spec`, found at `path`; `None` where both are empty or
/// something is wrong with them.
pub(super) fn tokens(
    spec: &AllowSpec,
    path: &ConfigPath,
    sources: &dyn TokenSources,
    findings: &mut Vec<Diagnostic>,
) -> Option<Tokens> {
    if spec.jwt.is_empty() && spec.introspection.is_empty() {
        return None;
    }
    check_bearer(spec, path, findings);
    let (jwt, introspection) = (path.key("jwt"), path.key("introspection"));
    let known = (sources.issuers(), sources.introspections());
    let issuers = names(&spec.jwt, &jwt, "issuer", &known.0, findings);
    let asked = names(
        &spec.introspection,
        &introspection,
        "introspection",
        &known.1,
        findings,
    );
    let (issuers, asked) = (issuers?, asked?);
    let verifier = (!issuers.is_empty()).then(|| sources.verifier(&issuers));
    if matches!(verifier, Some(None)) {
        findings.push(broken("an issuer of this endpoint", &jwt));
    }
    let introspectors = asked.iter().enumerate().filter_map(|(index, name)| {
        let introspector = sources.introspector(name);
        if introspector.is_none() {
            let what = format!("introspection `{name}`");
            findings.push(broken(&what, &introspection.index(index)));
        }
        introspector
    });
    Some(Tokens {
        introspectors: introspectors.collect(),
        verifier: verifier.flatten(),
        proofs: sources.proofs(),
        query_is_credential: spec.query.iter().any(|name| name.trim() == QUERY),
    })
}

/// A bearer token that nobody verifies would be a credential beside those that somebody does.
fn check_bearer(spec: &AllowSpec, path: &ConfigPath, findings: &mut Vec<Diagnostic>) {
    let mut schemes = spec.authorization.iter();
    let bearer = schemes.position(|scheme| scheme.trim().eq_ignore_ascii_case("bearer"));
    if let Some(index) = bearer {
        let message = "`bearer` admits tokens that nobody has verified, beside those of issuers";
        let hint = "leave out `bearer`: `jwt` and `introspection` take bearer tokens themselves";
        let path = path.key("authorization").index(index);
        findings.push(Diagnostic::error(Code::Conflict, &path, message).hint(hint));
    }
}

/// The names in `list`, all of them known; `None` when one is not.
fn names(
    list: &[String],
    path: &ConfigPath,
    what: &str,
    known: &[&str],
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<String>> {
    let before = findings.len();
    let mut seen = BTreeSet::new();
    for (index, name) in list.iter().enumerate() {
        let path = path.index(index);
        let name = name.trim();
        if name.is_empty() {
            findings.push(blank(&path));
        } else if !seen.insert(name) {
            findings.push(repeated(name, &path));
        } else if !known.contains(&name) {
            findings.push(unknown(name, what, known, &path));
        }
    }
    let names = list.iter().map(|name| name.trim().to_owned());
    (findings.len() == before).then(|| names.collect())
}

fn unknown(name: &str, what: &str, known: &[&str], path: &ConfigPath) -> Diagnostic {
    let message = format!("unknown {what} `{name}`");
    let finding = Diagnostic::error(Code::UnknownDefinition, path, message);
    match Diagnostic::nearest(name, known.iter().copied()) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}

fn broken(what: &str, path: &ConfigPath) -> Diagnostic {
    let message = format!("{what} is broken, so that no token can be judged");
    Diagnostic::error(Code::BrokenDefinition, path, message)
}
