//! From spec to policy.

use std::collections::BTreeMap;

use ztag_expr::{Shape, Template, TemplateFiles, Vocabulary};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Headers, ReadPath, Root};

use crate::policy::{Entry, ForwardPolicy, Source};
use crate::spec::ForwardPolicySpec;

impl ForwardPolicy {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(
        spec: &ForwardPolicySpec,
        at: &ConfigPath,
        files: &TemplateFiles,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let words = vocabulary();
        let part = |key| Part {
            at: at.key(key),
            words: &words,
            files,
        };
        let headers = part("headers").entries(&spec.headers, header_name, findings);
        let query = part("query").entries(&spec.query, query_name, findings);
        let policy = Self::new(spec.forward_proxy_headers, headers, query);
        (findings.errors() == before).then_some(policy)
    }
}

fn vocabulary() -> Vocabulary {
    let variables = Shape::record([
        ("environment", Shape::map(Shape::String)),
        ("secrets", Shape::map(Shape::String)),
    ]);
    Vocabulary::policy(&[
        Root::Request,
        Root::Subrequest,
        Root::Admission,
        Root::Endpoint,
        Root::CorrelationId,
        Root::Now,
    ])
    .with(Root::Variables, variables)
}

struct Part<'a> {
    at: ConfigPath,
    words: &'a Vocabulary,
    files: &'a TemplateFiles,
}

impl Part<'_> {
    fn entries(
        &self,
        spec: &BTreeMap<String, Option<String>>,
        name: fn(&str, &ConfigPath) -> Result<Box<str>, Diagnostic>,
        findings: &mut Findings,
    ) -> Box<[Entry]> {
        let entries = spec.iter().filter_map(|(key, text)| {
            let at = self.at.key(key);
            let name = findings.keep(name(key, &at));
            let source = match text {
                None => Some(Source::Copy),
                Some(text) => findings
                    .keep(Template::compile(text, self.words, self.files).map_err(|e| e.at(&at)))
                    .map(Source::Template),
            };
            Some(Entry {
                name: name?,
                source: source?,
            })
        });
        entries.collect()
    }
}

fn header_name(name: &str, at: &ConfigPath) -> Result<Box<str>, Diagnostic> {
    let lower = name.trim().to_ascii_lowercase();
    if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
        let message = format!("`{name}` is not a header name");
        return Err(Diagnostic::error(Code::InvalidName, at, message));
    }
    if lower == "authorization" {
        let message = "`authorization` is a credential and is not forwarded by hand";
        let hint = "forward credentials with `auth[].forwardAs` of a rule";
        return Err(Diagnostic::error(Code::CredentialHeader, at, message).hint(hint));
    }
    if Headers::is_hidden(&lower) {
        let message = format!("`{lower}` speaks for a proxy and cannot be set here");
        let hint = "use `forwardProxyHeaders: true`";
        return Err(Diagnostic::error(Code::InvalidName, at, message).hint(hint));
    }
    Ok(lower.into())
}

fn query_name(name: &str, at: &ConfigPath) -> Result<Box<str>, Diagnostic> {
    if name.trim().is_empty() {
        let message = "a query parameter needs a name";
        return Err(Diagnostic::error(Code::InvalidName, at, message));
    }
    Ok(name.into())
}

/// What copying `name` from `part` of the request reads.
pub(crate) fn copied(part: &'static str, name: &str) -> ReadPath {
    ReadPath::new([Root::Request.as_str(), part, name])
}
