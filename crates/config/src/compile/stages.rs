//! The stages before the rules, and the replies.

use ztag_admission::{Admission, AdmissionDeps, AdmissionSpec, CapturePolicy};
use ztag_endpoint_vars::{EndpointVars, VarsDeps};
use ztag_forward_policy::ForwardPolicy;
use ztag_response_policy::{ExportNames, ReplyDeps, ResponsePolicy};
use ztag_result_cache::check_endpoint_cache;
use ztag_rule_chain::RuleSpec;
use ztag_types::{EndpointName, RuleName};

use super::endpoint::{Bench, Workshop};

/// The stages before the rules, and the replies.
pub(super) struct Stages {
    pub(super) capture: CapturePolicy,
    pub(super) admission: Admission,
    pub(super) forward: ForwardPolicy,
    pub(super) vars: EndpointVars,
    pub(super) response: ResponsePolicy,
}

impl Workshop<'_> {
    /// Compiles everything but the rules; every part, so that all findings come together.
    pub(super) fn stages(
        &self,
        bench: &mut Bench<'_>,
        rules: &[(RuleName, &RuleSpec)],
    ) -> Option<Stages> {
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
            realm: &spec.authentication.quoted_realm(bench.name),
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
        let jwt = &bench.spec.authentication.allow.jwt;
        let at = bench.at.key("authentication").key("allow").key("jwt");
        self.tokens.check_set(jwt, &at, &mut bench.findings);
        let endpoint = EndpointName::from(bench.name);
        let deps = AdmissionDeps {
            endpoint: &endpoint,
            files: &self.loaded.templates,
            tokens: self.tokens,
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
}

fn exports_of(rule: &RuleName, spec: &RuleSpec) -> ExportNames {
    ExportNames {
        rule: rule.clone(),
        names: spec.all_exports().into_iter().map(str::to_owned).collect(),
    }
}
