//! One endpoint: its stages in flow order, and its rules in the chain's.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::HeaderName;
use ztag_admission::{Admission, AdmissionDeps, AdmissionSpec, CapturePolicy, CredentialNames};
use ztag_backend::Client;
use ztag_endpoint_vars::{EndpointVars, VarsDeps};
use ztag_forward_policy::ForwardPolicy;
use ztag_pipeline::{DecisionCache, Endpoint, EndpointState, Quarantine, Uncacheable};
use ztag_response_policy::{ExportNames, ReplyDeps, ResponsePolicy};
use ztag_result_cache::{Fingerprint, Namespace, ceiled, check_endpoint_cache, check_rule_cache};
use ztag_rule_chain::{
    AdmittedNames, CacheDeps, EarlierRule, EndpointFacts, Rule, RuleChain, RuleDeps, RuleSpec,
};
use ztag_types::{
    Code, ConfigPath, Diagnostic, EndpointName, Findings, Object, Outcome, Reads, RuleName, Segment,
};

use super::Ledger;
use crate::canon::Canon;
use crate::diagnose;
use crate::load::{Definition, Loaded};
use crate::merge::Kind;
use crate::spec::{EndpointSpec, ServerSpec};
use crate::stores::Stores;

/// Everything that endpoints are made with.
pub(super) struct Workshop<'a> {
    loaded: &'a Loaded,
    server: &'a ServerSpec,
    stores: &'a Stores,
    environment: BTreeSet<String>,
    secrets: BTreeSet<String>,
    correlation: Option<HeaderName>,
    namespace: Namespace,
}

/// An endpoint under construction.
struct Bench<'a> {
    name: &'a str,
    spec: &'a EndpointSpec,
    at: ConfigPath,
    findings: Findings,
}

/// The stages before the rules, and the replies.
struct Stages {
    capture: CapturePolicy,
    admission: Admission,
    forward: ForwardPolicy,
    vars: EndpointVars,
    response: ResponsePolicy,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(loaded: &'a Loaded, server: &'a ServerSpec, stores: &'a Stores) -> Self {
        let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Self {
            loaded,
            server,
            stores,
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
        let Definition::Sound(spec) = definition else {
            return EndpointState::Quarantined(self.quarantine(name, &[], Vec::new()));
        };
        let at = ConfigPath::root().key(Kind::Endpoint.section()).key(name);
        let mut bench = Bench {
            name,
            spec,
            at,
            findings: Findings::new(),
        };
        let built = self.build(&mut bench);
        let sound = bench.findings.errors() == 0;
        let found = bench.findings.into_vec();
        for diagnostic in &found {
            ledger.add(diagnostic.clone(), Some(name));
        }
        match built.filter(|_| sound) {
            Some(endpoint) => EndpointState::Ready(Box::new(endpoint)),
            None => {
                let rules: Vec<_> = spec.rules.iter().map(|rule| rule.name.as_str()).collect();
                EndpointState::Quarantined(self.quarantine(name, &rules, found))
            }
        }
    }

    /// Why an endpoint is closed: what was noted about it and its rules, and what was found.
    fn quarantine(&self, name: &str, rules: &[&str], found: Vec<Diagnostic>) -> Quarantine {
        let concerns = |diagnostic: &Diagnostic| match diagnostic.path.segments() {
            [Segment::Key(section), Segment::Key(own), ..] => {
                section == "endpoints" && Kind::Endpoint.fold(own) == Kind::Endpoint.fold(name)
                    || section == "rules" && rules.contains(&own.as_str())
            }
            _ => false,
        };
        let noted = self
            .loaded
            .notes
            .iter()
            .filter(|note| note.diagnostic.is_error());
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
        let fingerprint = self.fingerprint(bench.name, &rules);
        let chain = self.chain(bench, &rules, &stages, &fingerprint)?;
        let mut reads = Reads::nothing();
        let parts = [
            stages.forward.reads(),
            stages.vars.reads(),
            chain.reads(),
            stages.response.reads(),
        ];
        parts.iter().for_each(|part| reads.extend(part));
        let mut capture = stages.capture;
        capture.prepare_for(&reads);
        if let Some(header) = &self.correlation {
            capture.correlate_by(header.clone());
        }
        let cache = self.decision_cache(bench, &reads, stages.response.reads(), fingerprint);
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

    /// The specs of the rules that the endpoint names, unless one is missing or broken.
    fn rules_named(&self, bench: &mut Bench<'_>) -> Option<Vec<(RuleName, &'a RuleSpec)>> {
        let mut rules = Vec::with_capacity(bench.spec.rules.len());
        for (index, reference) in bench.spec.rules.iter().enumerate() {
            let at = bench.at.key("rules").index(index).key("name");
            let name = reference.name.as_str();
            match self.loaded.rules.get(name) {
                Some(Definition::Sound(spec)) => rules.push((RuleName::from(name), spec)),
                Some(Definition::Broken) => {
                    let message = format!("rule `{name}` is broken");
                    bench
                        .findings
                        .push(Diagnostic::error(Code::BrokenRule, &at, message));
                }
                None => {
                    let message = format!("unknown rule `{name}`");
                    let diagnostic = Diagnostic::error(Code::UnknownRule, &at, message);
                    let known = self.loaded.rules.keys().map(String::as_str);
                    bench.findings.push(match Diagnostic::nearest(name, known) {
                        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                        None => diagnostic,
                    });
                }
            }
        }
        (rules.len() == bench.spec.rules.len()).then_some(rules)
    }

    /// Compiles everything but the rules; every part, so that all findings come together.
    fn stages(&self, bench: &mut Bench<'_>, rules: &[(RuleName, &RuleSpec)]) -> Option<Stages> {
        let (spec, at) = (bench.spec, bench.at.clone());
        let admission = self.admission(bench);
        let findings = &mut bench.findings;
        let templates = &self.loaded.templates;
        let forward = ForwardPolicy::compile(
            &spec.forward_request_policy,
            &at.key("forwardRequestPolicy"),
            templates,
            findings,
        );
        let deps = VarsDeps {
            environment: &self.environment,
            secrets: &self.secrets,
            templates,
        };
        let vars = EndpointVars::compile(&spec.variables, &at.key("variables"), &deps, findings);
        let exports: Vec<_> = rules
            .iter()
            .map(|(rule, spec)| exports_of(rule, spec))
            .collect();
        let deps = ReplyDeps {
            variables: &spec.variables.names().map(str::to_owned).collect(),
            environment: &self.environment,
            secrets: &self.secrets,
            exports: &exports,
            templates,
            correlation: self.correlation.as_ref(),
        };
        let response = ResponsePolicy::compile(
            &spec.response_policy,
            &at.key("responsePolicy"),
            &deps,
            findings,
        );
        findings.extend(check_endpoint_cache(
            &spec.cache,
            &self.server.cache,
            &at.key("cache"),
        ));
        let (capture, admission) = admission?;
        Some(Stages {
            capture,
            admission,
            forward: forward?,
            vars: vars?,
            response: response?,
        })
    }

    fn admission(&self, bench: &mut Bench<'_>) -> Option<(CapturePolicy, Admission)> {
        let spec = AdmissionSpec {
            authentication: bench.spec.authentication.clone(),
            forward_proxy_policy: bench.spec.forward_proxy_policy.clone(),
        };
        let endpoint = EndpointName::from(bench.name);
        let deps = AdmissionDeps {
            endpoint: &endpoint,
            files: &self.loaded.templates,
        };
        match Admission::compile(&spec, &bench.at, deps) {
            Ok(compiled) => {
                bench.findings.extend(compiled.warnings);
                Some((compiled.capture, compiled.admission))
            }
            Err(found) => {
                bench.findings.extend(found);
                None
            }
        }
    }

    /// The rules in order, each knowing what the earlier ones export.
    fn chain(
        &self,
        bench: &mut Bench<'_>,
        rules: &[(RuleName, &RuleSpec)],
        stages: &Stages,
        fingerprint: &Fingerprint,
    ) -> Option<RuleChain> {
        let facts = EndpointFacts {
            variables: bench.spec.variables.names().map(str::to_owned).collect(),
            environment: self.environment.clone(),
            secrets: self.secrets.clone(),
            admitted: admitted_names(bench.spec, stages.admission.credential_names()),
            forward_proxy_headers: stages.forward.forwards_proxy_headers(),
            correlation: self.correlation.clone(),
            response_reads: stages.response.reads().clone(),
        };
        let cached = !bench.spec.authentication.allow.none;
        let mut earlier = Vec::with_capacity(rules.len());
        let mut chain = Vec::with_capacity(rules.len());
        for (name, spec) in rules {
            let cache = cached.then(|| self.cache_deps(bench.spec, fingerprint));
            chain.extend(self.rule(name, spec, &facts, &earlier, cache, &mut bench.findings));
            let exports = spec.exports(Outcome::Pass).map(str::to_owned).collect();
            earlier.push(EarlierRule {
                name: name.clone(),
                exports,
            });
        }
        (chain.len() == rules.len()).then(|| RuleChain::new(chain))
    }

    fn rule(
        &self,
        name: &RuleName,
        spec: &RuleSpec,
        facts: &EndpointFacts,
        earlier: &[EarlierRule],
        cache: Option<CacheDeps>,
        findings: &mut Findings,
    ) -> Option<Rule> {
        let at = ConfigPath::root()
            .key(Kind::Rule.section())
            .key(name.as_str());
        findings.extend(check_rule_cache(
            &spec.cache,
            &self.server.cache,
            &at.key("cache"),
        ));
        let client = self.client(name, spec, &at, findings)?;
        let deps = RuleDeps {
            endpoint: facts,
            earlier,
            templates: &self.loaded.templates,
            client,
            cache,
            clock: Arc::clone(&self.stores.clock),
        };
        Rule::compile(name, spec, &at, &deps, findings)
    }

    /// The server's client, or one with the TLS settings of the rule.
    fn client(
        &self,
        name: &RuleName,
        spec: &RuleSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Arc<Client>> {
        let Some(tls) = &spec.backend_api.tls else {
            return Some(Arc::clone(&self.stores.client));
        };
        // Without material, loading has noted why.
        let material = self.loaded.rule_tls.get(name.as_str())?.clone();
        let at = at.key("backendApi").key("tls");
        self.stores
            .client
            .with_tls(tls, material, &at, findings)
            .map(Arc::new)
    }

    fn cache_deps(&self, spec: &EndpointSpec, fingerprint: &Fingerprint) -> CacheDeps {
        let own = spec.cache.result_ttl.map(|ttl| ttl.get());
        CacheDeps {
            cache: Arc::clone(&self.stores.cache),
            namespace: self.namespace.clone(),
            fingerprint: fingerprint.clone(),
            ceilings: own
                .into_iter()
                .chain([self.server.cache.ceiling()])
                .collect(),
        }
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

    /// Stands for everything the configuration says about an endpoint, its rules and what they
    /// can read: a verdict remembered under another one is never used.
    fn fingerprint(&self, endpoint: &str, rules: &[(RuleName, &RuleSpec)]) -> Fingerprint {
        let mut canon = Canon::new();
        let section = |kind: Kind| self.loaded.tree.get(kind.section());
        canon.text(endpoint);
        if let Some(node) = section(Kind::Endpoint).and_then(|section| section.get(endpoint)) {
            canon.node(node);
        }
        for (name, _) in rules {
            canon.text(name.as_str());
            if let Some(node) = section(Kind::Rule).and_then(|section| section.get(name.as_str())) {
                canon.node(node);
            }
        }
        canon.globals(&self.loaded.globals);
        for (name, text) in self.loaded.templates.entries() {
            canon.text(name);
            canon.text(text);
        }
        Fingerprint::new(canon.finish())
    }

    /// Compiles the rules that no endpoint names, to find what is wrong with them.
    pub(super) fn unused_rules(&self, ledger: &mut Ledger) {
        let sound = |definition: &'a Definition<EndpointSpec>| match definition {
            Definition::Sound(spec) => Some(spec),
            Definition::Broken => None,
        };
        let endpoints: Vec<_> = self.loaded.endpoints.values().filter_map(sound).collect();
        let named = endpoints
            .iter()
            .flat_map(|spec| &spec.rules)
            .map(|rule| rule.name.as_str());
        let named: BTreeSet<&str> = named.collect();
        let rules = self
            .loaded
            .rules
            .iter()
            .filter(|(name, _)| !named.contains(name.as_str()));
        for (name, definition) in rules {
            let Definition::Sound(spec) = definition else {
                continue;
            };
            let facts = self.any_endpoint(spec, &endpoints);
            let mut findings = Findings::new();
            self.rule(
                &RuleName::from(name.as_str()),
                spec,
                &facts,
                &[],
                None,
                &mut findings,
            );
            findings
                .into_vec()
                .into_iter()
                .for_each(|diagnostic| ledger.add(diagnostic, None));
        }
    }

    /// An endpoint that admits and defines whatever some endpoint could.
    fn any_endpoint(&self, rule: &RuleSpec, endpoints: &[&EndpointSpec]) -> EndpointFacts {
        let variables = endpoints.iter().flat_map(|spec| spec.variables.names());
        let matchers = rule.auth.iter().flat_map(|group| &group.matchers);
        let names = |kind: &str| -> BTreeSet<String> {
            let named = matchers
                .clone()
                .filter(|matcher| matcher.kind.eq_ignore_ascii_case(kind));
            named
                .filter_map(|matcher| matcher.name.as_deref())
                .map(|name| name.trim().to_owned())
                .collect()
        };
        EndpointFacts {
            variables: variables.map(str::to_owned).collect(),
            environment: self.environment.clone(),
            secrets: self.secrets.clone(),
            admitted: AdmittedNames {
                basic: true,
                bearer: true,
                headers: names("header")
                    .iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect(),
                queries: names("query"),
                none: true,
            },
            forward_proxy_headers: true,
            correlation: self.correlation.clone(),
            response_reads: Reads::nothing(),
        }
    }
}

fn exports_of(rule: &RuleName, spec: &RuleSpec) -> ExportNames {
    ExportNames {
        rule: rule.clone(),
        names: spec.all_exports().into_iter().map(str::to_owned).collect(),
    }
}

fn admitted_names(spec: &EndpointSpec, names: &CredentialNames) -> AdmittedNames {
    let allow = &spec.authentication.allow;
    let scheme = |wanted: &str| {
        allow
            .authorization
            .iter()
            .any(|own| own.trim().eq_ignore_ascii_case(wanted))
    };
    AdmittedNames {
        basic: scheme("basic"),
        bearer: scheme("bearer"),
        headers: allow
            .header
            .iter()
            .map(|name| name.trim().to_ascii_lowercase())
            .collect(),
        queries: names.queries.iter().map(|name| name.to_string()).collect(),
        none: allow.none,
    }
}
