//! The rules of an endpoint, and those that no endpoint names.

use std::collections::BTreeSet;
use std::sync::Arc;

use ztag_admission::Admission;
use ztag_backend::Client;
use ztag_result_cache::{Fingerprint, RuleCacheSpec, check_rule_cache};
use ztag_rule_chain::{
    AdmittedNames, CacheDeps, EarlierRule, EndpointFacts, Rule, RuleChain, RuleDeps, RuleSpec,
};
use ztag_types::{
    Code, ConfigPath, Diagnostic, DurationSpec, Findings, OneOrMany, Outcome, Reads, RuleName,
};

use super::endpoint::{Bench, Workshop};
use super::ledger::Ledger;
use super::stages::Stages;
use crate::kind::Kind;
use crate::load::Definition;
use crate::spec::EndpointSpec;

/// Where in which chain a rule stands.
struct Spot<'a> {
    facts: &'a EndpointFacts,
    earlier: &'a [EarlierRule],
    cache: Option<CacheDeps>,
}

impl<'a> Workshop<'a> {
    /// The specs of the rules that the endpoint names, unless one is missing or broken.
    pub(super) fn rules_named(
        &self,
        bench: &mut Bench<'_>,
    ) -> Option<Vec<(RuleName, &'a RuleSpec)>> {
        let mut rules = Vec::with_capacity(bench.spec.rules.len());
        for (index, reference) in bench.spec.rules.iter().enumerate() {
            let at = bench.at.key("rules").index(index).key("name");
            let name = reference.name.as_str();
            match self.loaded.rules.get(name) {
                Some(Definition::Sound(spec)) => rules.push((RuleName::from(name), spec)),
                Some(Definition::Flawed(_) | Definition::Broken) => {
                    let message = format!("rule `{name}` is broken");
                    bench
                        .findings
                        .push(Diagnostic::error(Code::BrokenDefinition, &at, message));
                }
                None => {
                    let message = format!("unknown rule `{name}`");
                    let diagnostic = Diagnostic::error(Code::UnknownDefinition, &at, message);
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

    /// The rules in order, each knowing what the earlier ones export.
    pub(super) fn chain(
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
            admitted: admitted_names(bench.spec, &stages.admission),
            forward_proxy_headers: stages.forward.forwards_proxy_headers(),
            correlation: self.correlation.clone(),
            response_reads: stages.response.reads().clone(),
        };
        let mut earlier = Vec::with_capacity(rules.len());
        let mut chain = Vec::with_capacity(rules.len());
        for (name, spec) in rules {
            let spot = Spot {
                facts: &facts,
                earlier: &earlier,
                cache: self.cache_deps(bench.spec, *fingerprint),
            };
            let rule = self.rule(name, spec, spot, &mut bench.findings);
            let masks = rule.as_ref().is_some_and(Rule::masks);
            chain.extend(rule);
            if bench.spec.authentication.allow.none {
                bench.findings.extend(remembers_nothing(name, spec));
            }
            let exports = spec.exports(Outcome::Pass).map(str::to_owned).collect();
            earlier.push(EarlierRule {
                name: name.clone(),
                exports,
                masks,
            });
        }
        (chain.len() == rules.len()).then(|| RuleChain::new(chain))
    }

    fn rule(
        &self,
        name: &RuleName,
        spec: &RuleSpec,
        spot: Spot<'_>,
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
            endpoint: spot.facts,
            earlier: spot.earlier,
            templates: &self.loaded.templates,
            stores: self.directory,
            guardrails: self.guardrails,
            client,
            cache: spot.cache,
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

    fn cache_deps(&self, spec: &EndpointSpec, fingerprint: Fingerprint) -> Option<CacheDeps> {
        let own = spec.cache.result_ttl.map(DurationSpec::get);
        let remembers = !spec.authentication.allow.none;
        remembers.then(|| CacheDeps {
            cache: Arc::clone(&self.stores.cache),
            namespace: self.namespace.clone(),
            fingerprint,
            ceilings: own
                .into_iter()
                .chain([self.server.cache.ceiling()])
                .collect(),
        })
    }

    /// Compiles the rules that no endpoint is compiled with, to find what is wrong with them.
    pub(super) fn unused_rules(&self, ledger: &mut Ledger) {
        let endpoints = self.loaded.endpoints.values();
        let endpoints: Vec<_> = endpoints.filter_map(Definition::sound).collect();
        let named = endpoints.iter().flat_map(|spec| &spec.rules);
        let named: BTreeSet<&str> = named.map(|rule| rule.name.as_str()).collect();
        for (name, definition) in &self.loaded.rules {
            let spec = match definition {
                Definition::Sound(spec) if !named.contains(name.as_str()) => spec,
                Definition::Flawed(spec) => spec,
                Definition::Sound(_) | Definition::Broken => continue,
            };
            let facts = self.any_endpoint(spec, &endpoints);
            let mut findings = Findings::new();
            let spot = Spot {
                facts: &facts,
                earlier: &[],
                cache: None,
            };
            self.rule(&RuleName::from(name.as_str()), spec, spot, &mut findings);
            findings
                .into_vec()
                .into_iter()
                .for_each(|diagnostic| ledger.add_general(diagnostic));
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
                jwt: issuers_of(rule, "jwt"),
                introspection: issuers_of(rule, "introspection"),
                certificate: true,
                none: true,
            },
            forward_proxy_headers: true,
            correlation: self.correlation.clone(),
            response_reads: Reads::nothing(),
        }
    }
}

/// What is said of lifetimes that an endpoint which admits anybody makes void.
fn remembers_nothing(name: &RuleName, spec: &RuleSpec) -> Option<Diagnostic> {
    let RuleCacheSpec {
        ttl,
        follow_cache_control,
        ..
    } = &spec.cache;
    let lives = |ttl: &Option<DurationSpec>| ttl.is_some_and(|ttl| !ttl.get().is_zero());
    let wanted = lives(&ttl.pass) || lives(&ttl.fail) || *follow_cache_control;
    (spec.has_backend() && wanted).then(|| {
        let at = ConfigPath::root()
            .key(Kind::Rule.section())
            .key(name.as_str())
            .key("cache");
        let message =
            "verdicts are not remembered where an endpoint that names this rule admits anybody";
        Diagnostic::warning(Code::Uncacheable, &at, message)
            .hint("leave out `cache`, or `authentication.allow.none` of the endpoint")
    })
}

/// The issuers that a rule names, and one more: nobody says which of them an endpoint admits.
fn issuers_of(spec: &RuleSpec, kind: &str) -> BTreeSet<String> {
    let matchers = spec.auth.iter().flat_map(|group| &group.matchers);
    let matchers = matchers.filter(|matcher| matcher.kind.trim().eq_ignore_ascii_case(kind));
    let named = matchers.filter_map(|matcher| matcher.issuer.as_ref());
    let named = named.flat_map(|OneOrMany(issuers)| issuers.iter().cloned());
    named.chain([String::new()]).collect()
}

fn admitted_names(spec: &EndpointSpec, admission: &Admission) -> AdmittedNames {
    let names = admission.credential_names();
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
        queries: names.queries.iter().map(ToString::to_string).collect(),
        jwt: admission.issuers().map(str::to_owned).collect(),
        introspection: admission
            .introspected_issuers()
            .map(str::to_owned)
            .collect(),
        certificate: admission.accepts_certificates(),
        none: allow.none,
    }
}
