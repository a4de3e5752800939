//! From spec to guard.

use std::sync::Arc;

use http::HeaderName;
use ztag_ai_security::guardrail::{BodyPlan, BodySpec, Guardrail};
use ztag_types::{Code, ConfigPath, DefinitionKind, Diagnostic, Directory, Findings, SmolStr};

use super::RouteGuard;
use super::request::RequestPlan;
use super::spec::{RequestGuardSpec, RouteGuardSpec};

/// The guardrails by name.
type Guardrails = Directory<Arc<Guardrail>>;

/// Name of the guardrail that nobody has to define.
const STANDARD: &str = "standard";
/// How guardrails are called in messages.
const GUARDRAIL: DefinitionKind = DefinitionKind {
    word: "guardrail",
    section: "guardrails",
};
/// Most bytes of a body.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// Most header fields that are read.
const MAX_FIELDS: usize = 16;
/// Fields that are no texts: they say where a message goes, how it is read or who sends it.
const NO_TEXTS: [&str; 17] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
];

impl RouteGuard {
    /// The guard that `spec`, standing at `at`, describes. `None` when something is wrong, with
    /// findings.
    pub(crate) fn compile(
        spec: &RouteGuardSpec,
        at: &ConfigPath,
        guardrails: &Guardrails,
        findings: &mut Findings,
    ) -> Option<Self> {
        let name = spec.guardrail.as_deref().map_or(STANDARD, str::trim);
        let guardrail = guardrails.find(GUARDRAIL, name, &at.key("guardrail"), findings);
        let before = findings.errors();
        let request = spec.request.as_ref();
        let request =
            request.and_then(|own| RequestPlan::compile(own, &at.key("request"), findings));
        let response = body(spec.response.as_ref(), &at.key("response"), findings);
        if spec.request.is_none() && spec.response.is_none() {
            let found = Diagnostic::error(Code::MissingKey, at, "nothing is read");
            findings.push(found.hint("write `request`, `response` or both"));
        }
        if !(1..=MAX_BODY).contains(&spec.max_bytes) {
            let message = format!("`{}` is not between 1 and {MAX_BODY}", spec.max_bytes);
            let at = at.key("maxBytes");
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        }
        if let Some(guardrail) = guardrail.filter(|_| spec.restore) {
            check_restore(spec, guardrail, &at.key("restore"), findings);
        }
        if findings.errors() > before {
            return None;
        }
        Some(Self {
            name: SmolStr::new(name),
            guardrail: Arc::clone(guardrail?),
            request,
            response,
            restore: spec.restore,
            shadow: spec.shadow,
            on_unreadable: spec.on_unreadable,
            max_body: spec.max_bytes,
        })
    }
}

impl RequestPlan {
    fn compile(spec: &RequestGuardSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Self> {
        let fields = fields(&spec.headers, &at.key("headers"), findings);
        let own = BodySpec {
            json: spec.json.clone(),
            text: spec.text,
        };
        let reads_body = own.json.is_some() || own.text.is_some() || spec.headers.is_empty();
        let body = body(Some(&own).filter(|_| reads_body), at, findings);
        (body.is_some() == reads_body).then_some(Self { body, fields })
    }
}

fn fields(names: &[String], at: &ConfigPath, findings: &mut Findings) -> Box<[HeaderName]> {
    if names.len() > MAX_FIELDS {
        let message = format!("`{}` fields are more than {MAX_FIELDS}", names.len());
        findings.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
    let mut fields: Vec<HeaderName> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match HeaderName::try_from(name.trim()) {
            Ok(name) if NO_TEXTS.contains(&name.as_str()) => {
                let message = format!("`{name}` is no text that could be masked");
                findings.push(Diagnostic::error(
                    Code::InvalidValue,
                    &at.index(index),
                    message,
                ));
            }
            Ok(name) if fields.contains(&name) => {
                let message = format!("`{name}` is named twice");
                findings.push(Diagnostic::error(
                    Code::InvalidValue,
                    &at.index(index),
                    message,
                ));
            }
            Ok(name) => fields.push(name),
            Err(_) => {
                let message = format!("`{name}` is not the name of a header field");
                findings.push(Diagnostic::error(
                    Code::InvalidValue,
                    &at.index(index),
                    message,
                ));
            }
        }
    }
    fields.into()
}

fn body(spec: Option<&BodySpec>, at: &ConfigPath, findings: &mut Findings) -> Option<BodyPlan> {
    BodyPlan::compile(spec?, at, findings)
}

/// What is to be given back must have been taken, and must come to its owner only.
fn check_restore(
    spec: &RouteGuardSpec,
    guardrail: &Guardrail,
    at: &ConfigPath,
    findings: &mut Findings,
) {
    if spec.request.is_none() || spec.response.is_none() || !guardrail.hides() {
        let message = "there is nothing to give back";
        let hint = "write `request` and `response`, and have the guardrail mask `content`";
        findings.push(Diagnostic::error(Code::Conflict, at, message).hint(hint));
    } else if !guardrail.watches_links() {
        let message = "an answer may carry given back values in links to anywhere";
        let hint = "say which hosts links may lead to: `content.output.links` of the guardrail";
        findings.push(Diagnostic::warning(Code::Unsafe, at, message).hint(hint));
    }
}
