//! From spec to policy.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use ztag_expr::{Shape, Template, TemplateFiles, Vocabulary};
use ztag_types::{
    Code, ConfigPath, Diagnostic, Findings, Headers, OneOrMany, Outcome, Reads, Root, RuleName,
};

use crate::policy::{BodyPlan, HeaderPlan, HeaderSource, ReplyPlan, ResponsePolicy};
use crate::render::trimmed;
use crate::spec::{ReplySpec, ResponsePolicySpec};

/// What the replies of an endpoint may read, and what they carry.
#[derive(Clone, Copy, Debug)]
pub struct ReplyDeps<'a> {
    /// Names of the endpoint's variables.
    pub variables: &'a BTreeSet<String>,
    /// Names of `variables.environment`.
    pub environment: &'a BTreeSet<String>,
    /// Names of `variables.secrets`.
    pub secrets: &'a BTreeSet<String>,
    /// What the rules of the endpoint export.
    pub exports: &'a [ExportNames],
    /// The template folder.
    pub templates: &'a TemplateFiles,
    /// The header that echoes the correlation id.
    pub correlation: Option<&'a HeaderName>,
    /// The realm of challenges, as a quoted string (RFC 9110 section 5.6.4).
    pub realm: &'a str,
}

/// What one rule exports, all outcomes together.
#[derive(Clone, Debug)]
pub struct ExportNames {
    /// The rule.
    pub rule: RuleName,
    /// Names of its exports.
    pub names: BTreeSet<String>,
}

impl ResponsePolicy {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(
        spec: &ResponsePolicySpec,
        at: &ConfigPath,
        deps: &ReplyDeps<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let words = vocabulary(deps);
        let mut plan = |outcome: Outcome, spec: &ReplySpec| {
            let at = at.key(outcome.as_str());
            let mut compiler = Compiler {
                outcome,
                words: &words,
                deps,
                findings,
            };
            compiler.reply(spec, &at)
        };
        let (pass, fail, error) = (
            plan(Outcome::Pass, &spec.pass),
            plan(Outcome::Fail, &spec.fail),
            plan(Outcome::Error, &spec.error),
        );
        let mut reads = Reads::nothing();
        for plan in [&pass, &fail, &error] {
            plan.add_reads(&mut reads);
        }
        (findings.errors() == before).then(|| Self {
            pass,
            fail,
            error,
            correlation: deps.correlation.cloned(),
            realm: deps.realm.into(),
            reads,
        })
    }
}

fn vocabulary(deps: &ReplyDeps<'_>) -> Vocabulary {
    fn names<'n>(names: impl IntoIterator<Item = &'n String>, shape: &Shape) -> Shape {
        let names = names.into_iter();
        Shape::record(names.map(|name| (name.as_str(), shape.clone())))
    }
    let exports = deps.exports.iter();
    let by_rule = exports
        .clone()
        .map(|rule| (rule.rule.as_str(), names(&rule.names, &Shape::Any)));
    let variables = Shape::record([
        ("endpoint", names(deps.variables, &Shape::Any)),
        ("rule", Shape::record(by_rule)),
        ("environment", names(deps.environment, &Shape::String)),
        ("secrets", names(deps.secrets, &Shape::String)),
    ]);
    let merged = names(exports.flat_map(|rule| &rule.names), &Shape::Any);
    let rule = Shape::record(["name", "outcome", "reason"].map(|name| (name, Shape::String)));
    Vocabulary::policy(&[
        Root::Request,
        Root::Subrequest,
        Root::Admission,
        Root::Forward,
        Root::Backend,
        Root::Endpoint,
        Root::CorrelationId,
        Root::Now,
    ])
    .with(Root::Variables, variables)
    .with(Root::Response, merged)
    .with(Root::Chain, Shape::list(rule.clone()))
    .with(Root::Rule, rule)
}

struct Compiler<'a> {
    outcome: Outcome,
    words: &'a Vocabulary,
    deps: &'a ReplyDeps<'a>,
    findings: &'a mut Findings,
}

impl Compiler<'_> {
    fn reply(&mut self, spec: &ReplySpec, at: &ConfigPath) -> ReplyPlan {
        let headers_at = at.key("headers");
        let mut headers = Vec::with_capacity(spec.headers.len());
        for (name, values) in &spec.headers {
            let at = headers_at.key(name);
            if let Some(name) = self.header_name(name, values.is_none(), &at) {
                self.header(name, values.as_ref(), &at, &mut headers);
            }
        }
        let typed = headers.iter().any(|header| header.name == CONTENT_TYPE);
        ReplyPlan {
            status: self.status(spec, at),
            body: self.body(spec, at),
            headers: headers.into(),
            typed,
        }
    }

    fn status(&mut self, spec: &ReplySpec, at: &ConfigPath) -> StatusCode {
        let default = match self.outcome {
            Outcome::Pass => StatusCode::OK,
            Outcome::Fail => StatusCode::FORBIDDEN,
            Outcome::Error => StatusCode::BAD_GATEWAY,
        };
        let Some(number) = spec.status else {
            return default;
        };
        let at = at.key("status");
        let status = StatusCode::from_u16(number).ok();
        let Some(status) = status.filter(|_| (200..=599).contains(&number)) else {
            let message = format!("`{number}` is not a status from 200 to 599");
            self.findings
                .push(Diagnostic::error(Code::InvalidValue, &at, message));
            return default;
        };
        match self.outcome {
            Outcome::Pass if !status.is_success() => {
                let message = format!("a pass of status `{number}` is a denial to every proxy");
                self.findings
                    .push(Diagnostic::warning(Code::InvalidValue, &at, message));
            }
            Outcome::Fail | Outcome::Error if status.is_success() => {
                let outcome = self.outcome;
                let message =
                    format!("status `{number}` would let the request through on {outcome}");
                let hint = "use a status outside 2xx";
                self.findings
                    .push(Diagnostic::error(Code::InvalidValue, &at, message).hint(hint));
            }
            _ => {}
        }
        status
    }

    fn header_name(&mut self, name: &str, copied: bool, at: &ConfigPath) -> Option<HeaderName> {
        let lower = name.trim().to_ascii_lowercase();
        let parsed = HeaderName::from_bytes(lower.as_bytes());
        let refuse = |message: String| Diagnostic::error(Code::InvalidName, at, message);
        let checked = match parsed {
            Err(_) => Err(refuse(format!("`{name}` is not a header name"))),
            Ok(_) if FRAMING.contains(&lower.as_str()) => Err(refuse(format!(
                "`{lower}` belongs to the connection and is not set here"
            ))),
            Ok(_) if lower.starts_with("x-ztag-") => Err(refuse(format!(
                "`{lower}` is reserved for the gateway itself"
            ))),
            Ok(name) => Ok(name),
        };
        let parsed = self.findings.keep(checked)?;
        if self.deps.correlation == Some(&parsed) {
            let message = format!("`{lower}` carries the correlation id, which wins over this");
            self.findings
                .push(Diagnostic::warning(Code::Conflict, at, message));
        } else if copied && Headers::is_hidden(&lower) {
            let message = format!("`{lower}` speaks for a proxy and is never copied from a client");
            self.findings
                .push(Diagnostic::warning(Code::InvalidValue, at, message));
        }
        Some(parsed)
    }

    fn header(
        &mut self,
        name: HeaderName,
        values: Option<&OneOrMany<String>>,
        at: &ConfigPath,
        headers: &mut Vec<HeaderPlan>,
    ) {
        let Some(OneOrMany(values)) = values else {
            headers.push(HeaderPlan {
                name,
                source: HeaderSource::Copy,
            });
            return;
        };
        for (index, text) in values.iter().enumerate() {
            let at = if values.len() > 1 {
                &at.index(index)
            } else {
                at
            };
            if let Some(source) = self.header_source(text, at) {
                headers.push(HeaderPlan {
                    name: name.clone(),
                    source,
                });
            }
        }
    }

    fn header_source(&mut self, text: &str, at: &ConfigPath) -> Option<HeaderSource> {
        let template = Template::compile(text, self.words, self.deps.templates);
        let template = self.findings.keep(template.map_err(|e| e.at(at)))?;
        let Some(literal) = template.literal() else {
            return Some(HeaderSource::Template(template));
        };
        let value = HeaderValue::from_bytes(literal.trim().as_bytes()).map_err(|_| {
            let message = "a header value holds visible characters on one line only";
            Diagnostic::error(Code::InvalidValue, at, message)
        });
        let value = self.findings.keep(value)?;
        // An empty literal follows the same rule as a template that renders empty.
        Some(if value.is_empty() {
            HeaderSource::Template(template)
        } else {
            HeaderSource::Literal(value)
        })
    }

    fn body(&mut self, spec: &ReplySpec, at: &ConfigPath) -> BodyPlan {
        let (words, files) = (self.words, self.deps.templates);
        let (template, at) = match (&spec.body, &spec.body_file) {
            (Some(body), file) => {
                if file.is_some() {
                    let message = "`bodyFile` is not used beside `body`";
                    let at = at.key("bodyFile");
                    self.findings
                        .push(Diagnostic::warning(Code::Conflict, &at, message));
                }
                (Template::compile(body, words, files), at.key("body"))
            }
            (None, Some(path)) => {
                let template = Template::compile_file(path, words, files);
                (template, at.key("bodyFile"))
            }
            (None, None) => return BodyPlan::Literal(Bytes::new()),
        };
        match self.findings.keep(template.map_err(|e| e.at(&at))) {
            Some(template) => match template.literal() {
                Some(text) => BodyPlan::Literal(trimmed(text.to_owned())),
                None => BodyPlan::Template(template),
            },
            None => BodyPlan::Literal(Bytes::new()),
        }
    }
}

/// Headers that frame the message: set by the server, never by a policy.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
