//! One endpoint: its stages in flow order, and its rules in the chain's.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderName;
use ztag_ai_security::guardrail::Guardrail;
use ztag_fga_remote::{Authority, Directory, STORE};
use ztag_pipeline::{DecisionCache, Endpoint, EndpointState, Quarantine, Uncacheable};
use ztag_result_cache::{Fingerprint, Namespace, ceiled};
use ztag_rule_chain::RuleSpec;
use ztag_types::{Code, ConfigPath, Diagnostic, EndpointName, Findings, Object, Reads, RuleName};

use super::ledger::Ledger;
use super::tokens::Tokens;
use crate::canon::Canon;
use crate::diagnose;
use crate::kind::Kind;
use crate::load::{Definition, Loaded};
use crate::spec::{EndpointSpec, ServerSpec};
use crate::stores::Stores;
use crate::users::{Users, users_of};

/// Everything that endpoints are made with.
pub(super) struct Workshop<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) server: &'a ServerSpec,
    pub(super) stores: &'a Stores,
    pub(super) tokens: &'a Tokens<'a>,
    pub(super) directory: &'a Directory,
    pub(super) guardrails: &'a ztag_types::Directory<Arc<Guardrail>>,
    pub(super) environment: BTreeSet<String>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) correlation: Option<HeaderName>,
    pub(super) namespace: Namespace,
}

/// An endpoint under construction.
pub(super) struct Bench<'a> {
    pub(super) name: &'a str,
    pub(super) spec: &'a EndpointSpec,
    pub(super) at: ConfigPath,
    pub(super) findings: Findings,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(
        loaded: &'a Loaded,
        server: &'a ServerSpec,
        stores: &'a Stores,
        (tokens, directory, guardrails): (
            &'a Tokens<'a>,
            &'a Directory,
            &'a ztag_types::Directory<Arc<Guardrail>>,
        ),
    ) -> Self {
        let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Self {
            loaded,
            server,
            stores,
            tokens,
            directory,
            guardrails,
            environment: names(loaded.globals.environment.names()),
            secrets: names(loaded.globals.secrets.names()),
            correlation: server.logging.correlation_header.parse().ok(),
            namespace: server.cache.namespace(),
        }
    }

    /// Compiles an endpoint, or closes it with the reasons.
    pub(super) fn endpoint(
        &self,
        name: &str,
        definition: &Definition<EndpointSpec>,
        ledger: &mut Ledger,
    ) -> EndpointState {
        let Some((spec, serves)) = definition.read() else {
            return EndpointState::Quarantined(self.quarantine(name, Vec::new()));
        };
        let at = Kind::Endpoint.path(name);
        let mut bench = Bench {
            name,
            spec,
            at,
            findings: Findings::new(),
        };
        let built = self.build(&mut bench);
        let sound = serves && bench.findings.errors() == 0;
        let mut found = bench.findings.into_vec();
        // What seems to be missing may stand under the key that does not exist.
        found.retain(|diagnostic| serves || diagnostic.code != Code::NoCredentialSource);
        for diagnostic in &found {
            ledger.add(diagnostic.clone(), Users::endpoint(name));
        }
        if let Some(endpoint) = built.filter(|_| sound) {
            return EndpointState::Ready(Box::new(endpoint));
        }
        EndpointState::Quarantined(self.quarantine(name, found))
    }

    /// Why an endpoint is closed: what was noted about it and all it names, and what was found.
    fn quarantine(&self, name: &str, found: Vec<Diagnostic>) -> Quarantine {
        let own = Kind::Endpoint.fold(name);
        let concerns = |diagnostic: &Diagnostic| {
            let users = users_of(&diagnostic.path, &self.loaded.tree);
            let mut endpoints = users.endpoints.iter();
            endpoints.any(|user| Kind::Endpoint.fold(user) == own)
        };
        let noted = self.loaded.notes.iter();
        let noted = noted.filter(|note| note.diagnostic.is_error());
        let noted: Vec<_> = noted.filter(|note| concerns(&note.diagnostic)).collect();
        let found = found.into_iter().filter(Diagnostic::is_error);
        let found: Vec<_> = found.collect();
        let reasons = noted
            .iter()
            .map(|note| diagnose::line(&note.diagnostic, note.place, self.loaded));
        let reasons = reasons.chain(
            found
                .iter()
                .map(|one| diagnose::line(one, None, self.loaded)),
        );
        Quarantine {
            name: EndpointName::from(name),
            reasons: reasons.collect(),
            diagnostics: noted
                .iter()
                .map(|note| note.diagnostic.clone())
                .chain(found)
                .collect(),
        }
    }

    fn build(&self, bench: &mut Bench<'_>) -> Option<Endpoint> {
        let rules = self.rules_named(bench);
        let stages = self.stages(bench, rules.as_deref().unwrap_or_default());
        let (rules, stages) = (rules?, stages?);
        let fingerprint = self.fingerprint(bench.name, bench.spec, &rules);
        let chain = self.chain(bench, &rules, &stages, &fingerprint)?;
        let mut reads = Reads::nothing();
        let parts = [
            stages.forward.reads(),
            stages.vars.reads(),
            chain.reads(),
            stages.response.reads(),
        ];
        for part in parts {
            reads.extend(part);
        }
        let mut capture = stages.capture;
        capture.prepare_for(&reads);
        capture.protect(stages.response.pass_headers().cloned());
        if let Some(header) = &self.correlation {
            capture.correlate_by(header.clone());
        }
        let cache = self.decision_cache(bench, &reads, stages.response.reads(), fingerprint);
        if cache.is_some() {
            self.tell_of_local_stores(bench, &rules);
        }
        Some(Endpoint {
            name: EndpointName::from(bench.name),
            description: bench.spec.description.clone(),
            capture,
            admission: stages.admission,
            forward: stages.forward,
            vars: stages.vars,
            rules: chain,
            response: stages.response,
            cache,
            globals: Arc::clone(&self.loaded.globals),
        })
    }

    fn decision_cache(
        &self,
        bench: &mut Bench<'_>,
        inputs: &Reads,
        replies: &Reads,
        fingerprint: Fingerprint,
    ) -> Option<DecisionCache> {
        let wanted = bench.spec.cache.result_ttl?.get();
        let lifetime = ceiled(wanted, &[self.server.cache.ceiling()])?;
        let at = bench.at.key("cache").key("resultTTL");
        if bench.spec.authentication.allow.none {
            let message = "an endpoint that admits anybody remembers no verdicts";
            bench
                .findings
                .push(Diagnostic::warning(Code::Uncacheable, &at, message));
            return None;
        }
        let cache = DecisionCache::new(
            Arc::clone(&self.stores.cache),
            self.namespace.clone(),
            fingerprint,
            lifetime,
            (inputs, replies),
        );
        let uncacheable = |why: Uncacheable| {
            Diagnostic::warning(
                Code::Uncacheable,
                &at,
                format!("no verdict is remembered: {why}"),
            )
        };
        bench.findings.keep(cache.map_err(uncacheable))
    }

    /// Tells of rules whose verdicts are not remembered although the endpoint shall remember them.
    fn tell_of_local_stores(&self, bench: &mut Bench<'_>, rules: &[(RuleName, &RuleSpec)]) {
        let at = bench.at.key("cache").key("resultTTL");
        for (name, rule) in rules {
            let Some(fga) = &rule.fga else {
                continue;
            };
            let is_lasting = rule.cache.ttl.pass.is_some() || rule.cache.ttl.fail.is_some();
            // What is wrong with the name was told where it stands.
            let found = self
                .directory
                .find(STORE, &fga.store, &at, &mut Findings::new());
            let is_local = found.is_some_and(|own| matches!(own.authority, Authority::Local(_)));
            if is_local && !is_lasting {
                let message = format!(
                    "verdicts of rule `{name}` are not remembered: it asks a store of this process, \
                     whose next write may change them"
                );
                let hint = "leave it out, or give the rule a `cache.ttl` if old verdicts will do";
                let found = Diagnostic::warning(Code::NoEffect, &at, message);
                bench.findings.push(found.hint(hint));
            }
        }
    }

    /// Stands for everything the configuration says about an endpoint, its rules and what they
    /// can read: a verdict remembered under another one is never used.
    pub(super) fn fingerprint(
        &self,
        endpoint: &str,
        spec: &EndpointSpec,
        rules: &[(RuleName, &RuleSpec)],
    ) -> Fingerprint {
        let allow = &spec.authentication.allow;

        let own = [(Kind::Endpoint, endpoint)];
        let rule_names = rules.iter().map(|(name, _)| (Kind::Rule, name.as_str()));
        let asked = rules.iter().filter_map(|(_, spec)| spec.fga.as_ref());
        let asked = asked.map(|fga| (Kind::FgaStore, fga.store.trim()));
        let inspected = rules.iter().filter_map(|(_, spec)| spec.inspect.as_ref());
        let inspected = inspected.filter_map(|own| own.guardrail.as_deref());
        let inspected = inspected.map(str::trim);
        let guardrails = inspected.clone().map(|name| (Kind::Guardrail, name));
        let issuers = allow.jwt.iter().map(|name| (Kind::Issuer, name.as_str()));
        let introspection = allow.introspection.iter();
        let introspection = introspection.map(|name| (Kind::Introspection, name.as_str()));
        let mut canon = Canon::new();
        for (kind, name) in own
            .into_iter()
            .chain(rule_names)
            .chain(issuers)
            .chain(introspection)
            .chain(asked)
            .chain(guardrails)
        {
            canon.definition(kind, name, &self.loaded.tree);
        }
        for files in inspected.filter_map(|name| self.loaded.classifier_files.get(name)) {
            canon.bytes(&files.model.sha256);
            canon.bytes(&files.tokenizer.sha256);
        }
        canon.globals(&self.loaded.globals);
        for (name, text) in self.loaded.templates.entries() {
            canon.text(name);
            canon.text(text);
        }
        Fingerprint::new(canon.finish())
    }
}
