//! From spec to rule: every finding, not only the first.

mod auth;
mod call;
mod fga;
mod forward;
mod headers;
mod inspect;
mod logic;
mod vouched;

use http::HeaderName;
use ztag_expr::{CompileError, Template, TemplateFiles, Vocabulary};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Reads, RuleName};

use crate::asking::Asking;
use crate::auth::{Auth, Group, Matcher};
use crate::caching::{Caching, KeyInput};
use crate::conditions::Conditions;
use crate::deps::RuleDeps;
use crate::exports::Exporter;
use crate::fga::FgaPlan;
use crate::forward::Forwards;
use crate::inspect::InspectPlan;
use crate::locals::Locals;
use crate::redact::Redaction;
use crate::reply::{Wanted, whole_body};
use crate::rule::Rule;
use crate::spec::RuleSpec;
use crate::words::Words;

impl Rule {
    /// Compiles `spec`, which stands at `at`, for one endpoint. `None` exactly when an error is
    /// among the findings.
    pub fn compile(
        name: &RuleName,
        spec: &RuleSpec,
        at: &ConfigPath,
        deps: &RuleDeps<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let mut compiler = Compiler {
            spec,
            at,
            deps,
            words: Words::new(spec, deps),
            findings,
        };
        let auth = compiler.auth();
        let logic = compiler.logic();
        let inspect = compiler.inspect(&logic.locals).map(Box::new);
        let fga = compiler.fga(&logic.locals).map(Box::new);
        let call = compiler.call(&auth);
        let reads = all_reads(&auth, &logic, (inspect.as_deref(), fga.as_deref()));
        let backend = call.map(|(call, accepted)| {
            let caching = compiler.caching(&logic);
            let readers = [&reads, &deps.endpoint.response_reads];
            Box::new(Asking {
                call,
                accepted,
                wanted: Wanted::new(readers),
                client: deps.client.clone(),
                caching,
                follows_cache_control: spec.cache.follow_cache_control,
            })
        });
        (findings.errors() == before).then(|| {
            let mut reads = reads;
            if let Some(asking) = &backend {
                asking.call.add_reads(&mut reads);
            }
            Self {
                name: name.clone(),
                description: spec.description.as_str().into(),
                auth,
                inspect,
                fga,
                backend,
                locals: logic.locals,
                conditions: logic.conditions,
                exporter: logic.exporter,
                redaction: Redaction::new(&deps.endpoint.admitted),
                reads,
                clock: deps.clock.clone(),
            }
        })
    }
}

/// What a rule judges by.
#[derive(Default)]
struct Logic {
    locals: Locals,
    conditions: Conditions,
    exporter: Exporter,
}

fn all_reads(
    auth: &Auth,
    logic: &Logic,
    (inspect, fga): (Option<&InspectPlan>, Option<&FgaPlan>),
) -> Reads {
    let mut reads = Reads::nothing();
    if let Some(plan) = inspect {
        plan.add_reads(&mut reads);
    }
    if let Some(plan) = fga {
        plan.add_reads(&mut reads);
    }
    for group in &auth.groups {
        if let Forwards::Instead(forwards) = &group.forwards {
            for forward in forwards {
                forward.add_reads(&mut reads);
            }
        }
    }
    logic.conditions.add_reads(&mut reads);
    logic.exporter.add_reads(&mut reads);
    for local in logic.locals.iter() {
        reads.extend(local.source.reads());
    }
    reads
}

struct Compiler<'a> {
    spec: &'a RuleSpec,
    at: &'a ConfigPath,
    deps: &'a RuleDeps<'a>,
    words: Words,
    findings: &'a mut Findings,
}

impl Compiler<'_> {
    fn keep<T>(&mut self, result: Result<T, CompileError>, at: &ConfigPath) -> Option<T> {
        self.findings.keep(result.map_err(|error| error.at(at)))
    }

    fn error(&mut self, code: Code, at: &ConfigPath, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, at, message));
    }

    fn warn(&mut self, code: Code, at: &ConfigPath, message: impl Into<String>, hint: &str) {
        let warning = Diagnostic::warning(code, at, message);
        self.findings.push(warning.hint(hint));
    }

    fn template(
        &mut self,
        source: &str,
        at: &ConfigPath,
        words: fn(&Words) -> &Vocabulary,
    ) -> Option<Template> {
        let files: &TemplateFiles = self.deps.templates;
        let template = Template::compile(source, words(&self.words), files);
        self.keep(template, at)
    }

    /// How verdicts are remembered; `None` when they are not, or cannot be.
    fn caching(&mut self, logic: &Logic) -> Option<Caching> {
        let cache = &self.spec.cache;
        let lives = [cache.ttl.pass, cache.ttl.fail].into_iter().flatten();
        if !cache.follow_cache_control && !lives.into_iter().any(|ttl| !ttl.get().is_zero()) {
            return None;
        }
        let deps = self.deps.cache.clone()?;
        let mut reads = Reads::nothing();
        logic.conditions.add_reads(&mut reads);
        logic.exporter.add_reads(&mut reads);
        let reads = logic.locals.read_through(&reads);
        let at = self.at.key("cache");
        if reads.is_volatile() {
            let message = "verdicts are not remembered: the rule reads the time or a random value";
            self.warn(
                Code::Uncacheable,
                &at,
                message,
                "leave out `now` and `uuid()`, or `cache`",
            );
            return None;
        }
        let replies = &self.deps.endpoint.response_reads;
        if let Some(path) = whole_body(replies) {
            let message =
                format!("verdicts are not remembered: a reply of the endpoint reads `{path}`");
            let hint = "export what the reply needs with `responses`, and read `response`";
            self.warn(Code::Uncacheable, &at, message, hint);
            return None;
        }
        Some(Caching {
            deps,
            spec: cache.clone(),
            replies: replies.clone(),
            inputs: KeyInput::of(&reads),
            correlation: self.deps.endpoint.correlation.clone(),
        })
    }

    /// Header names that are credentials here: of any matcher, or admitted by the endpoint.
    fn is_credential_header(&self, auth: &Auth, name: &HeaderName) -> bool {
        let admitted = &self.deps.endpoint.admitted.headers;
        let matched = matchers(auth).any(|matcher| match matcher {
            Matcher::Header { name: own, .. } => **own == *name.as_str(),
            _ => false,
        });
        matched || admitted.contains(name.as_str())
    }

    fn is_credential_query(&self, auth: &Auth, name: &str) -> bool {
        let admitted = &self.deps.endpoint.admitted.queries;
        let matched = matchers(auth).any(|matcher| match matcher {
            Matcher::Query { name: own, .. } => **own == *name,
            _ => false,
        });
        matched || admitted.contains(name)
    }
}

fn matchers(auth: &Auth) -> impl Iterator<Item = &Matcher> {
    let groups = auth.groups.iter();
    groups.flat_map(|group: &Group| group.matchers.iter())
}
