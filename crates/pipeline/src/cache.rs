//! The endpoint's cache: remembers the verdict of the whole chain under a derived key.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use smallvec::SmallVec;
use ztag_result_cache::{
    CacheKey, Decided, Entry, Fingerprint, KeyBuilder, Namespace, ResultCache, ceiled,
};
use ztag_rule_chain::ChainInput;
use ztag_types::{
    AdmissionView, Admitted, BackendState, Credential, Exports, Halt, Map, ReadPath, Reads, Root,
    RuleReport, Slots, Timestamp, Value, Variables, Verdict, View,
};

use crate::plan::Endpoint;
use crate::stages::{Stages, step};

/// Remembers the verdicts of one endpoint.
#[derive(Debug)]
pub struct DecisionCache {
    store: Arc<ResultCache>,
    namespace: Namespace,
    fingerprint: Fingerprint,
    lifetime: Duration,
    inputs: Vec<(ReadPath, Root, String)>,
    kept: Reads,
}

/// Why an endpoint's verdicts cannot be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncacheable {
    /// A rule or variable reads the time, or chance.
    #[error("the rules read the time or a random value")]
    Volatile,
    /// A reply reads how each rule was judged.
    #[error("a response template reads `chain`")]
    ReadsChain,
    /// A reply reads a whole backend reply.
    #[error("a response template reads the whole backend reply")]
    ReadsWholeBackend,
}

impl DecisionCache {
    /// A cache for an endpoint whose stages read `inputs` and whose replies read `replies`.
    ///
    /// # Errors
    /// When no key can stand for the verdict.
    pub fn new(
        store: Arc<ResultCache>,
        namespace: Namespace,
        fingerprint: Fingerprint,
        lifetime: Duration,
        (inputs, replies): (&Reads, &Reads),
    ) -> Result<Self, Uncacheable> {
        if inputs.is_volatile() {
            return Err(Uncacheable::Volatile);
        }
        if replies.touches(&[Root::Chain.as_str()]) {
            return Err(Uncacheable::ReadsChain);
        }
        let whole = |path: &ReadPath| {
            [
                &["backend"][..],
                &["backend", "body"],
                &["backend", "bodyText"],
                &["backend", "pages"],
            ]
            .iter()
            .any(|whole| path.segments().eq(whole.iter().copied()))
        };
        if replies.paths().any(whole) {
            return Err(Uncacheable::ReadsWholeBackend);
        }
        let inputs = inputs.paths().filter_map(|path| {
            let root = Root::ALL
                .iter()
                .copied()
                .find(|root| root.as_str() == path.root())?;
            is_input(path, root).then(|| (path.clone(), root, path.to_string()))
        });
        let inputs = inputs.collect();
        Ok(Self {
            store,
            namespace,
            fingerprint,
            lifetime,
            inputs,
            kept: replies.clone(),
        })
    }

    /// Its settings, for explanations.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let names: Vec<_> = self.inputs.iter().map(|(_, _, name)| name).collect();
        json!({
            "resultTtlMs": u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX),
            "keyInputs": names,
            "stats": self.store.stats(),
        })
    }

    /// The verdict remembered for these inputs, or that of the chain.
    pub(crate) async fn get_or_decide(
        &self,
        endpoint: &Endpoint,
        input: ChainInput<'_>,
        stages: &mut Stages<'_>,
    ) -> Result<Verdict, Halt> {
        let key = self.key(&input);
        let full = stages.trace.is_full();
        let (decided, mut report) = if let Some((entry, report)) = self.store.recall(&key) {
            (Decided::Remembered(entry), report)
        } else {
            let running = &mut *stages;
            let decide = move || async move {
                let verdict = step(&endpoint.rules, input, running).await;
                let now = running.clock.now();
                let entry = verdict
                    .as_ref()
                    .ok()
                    .and_then(|verdict| self.entry(verdict, input.admitted, now));
                (verdict, entry)
            };
            // Boxed: endpoints without a cache shall not pay for its size.
            Box::pin(self.store.get_or_decide(&key, decide)).await
        };
        if full {
            report.key_inputs = self
                .inputs
                .iter()
                .map(|(_, _, name)| name.clone())
                .collect();
            report.key_inputs.push("credentials".to_owned());
        }
        stages.cache = report;
        match decided {
            Decided::Fresh(verdict) => verdict,
            Decided::Remembered(entry) => {
                let verdict = restore(&entry);
                stages
                    .trace
                    .rules
                    .extend(verdict.rule.iter().map(|rule| RuleReport {
                        rule: rule.clone(),
                        outcome: verdict.outcome,
                        reason: verdict.reason.clone(),
                        cache: stages.cache.clone(),
                        latency: Duration::ZERO,
                        backend: None,
                        fga: None,
                        inspect: None,
                        conditions: Vec::new(),
                        variables: Vec::new(),
                    }));
                Ok(verdict)
            }
        }
    }

    /// Every input the stages read, and every credential.
    fn key(&self, input: &ChainInput<'_>) -> CacheKey {
        let admission = AdmissionView {
            admitted: input.admitted,
            client: &input.snapshot.client,
        };
        let none = Map::new();
        let variables = Variables {
            endpoint: input.vars,
            local: None,
            rule: &none,
            globals: input.globals,
        };
        let slots = Slots::new()
            .with(Root::Request, View::Object(input.snapshot))
            .with(Root::Subrequest, View::Object(&input.snapshot.subrequest))
            .with(Root::Admission, View::Object(&admission))
            .with(Root::Forward, View::Object(input.curated))
            .with(Root::Variables, View::Object(&variables))
            .with(Root::CorrelationId, View::Str(&input.snapshot.correlation));
        let mut key = KeyBuilder::new(&self.namespace, &self.fingerprint);
        for (path, root, name) in &self.inputs {
            let view = slots.scope().slot(root.slot());
            key.view(name, view.at_path(path.segments().skip(1)));
        }
        for credential in &input.admitted.credentials {
            add_credential(&mut key, credential);
        }
        key.finish()
    }

    /// What to remember and for how long: not beyond any credential that somebody vouches for.
    fn entry(
        &self,
        verdict: &Verdict,
        admitted: &Admitted,
        now: Timestamp,
    ) -> Option<(Entry, Duration)> {
        let expiries = admitted.credentials.iter().filter_map(Credential::expires);
        let bounds = expiries.map(|at| at.since(now)).chain(verdict.fresh_for);
        let bounds: SmallVec<[Duration; 4]> = bounds.collect();
        let lifetime = ceiled(self.lifetime, &bounds)?;
        // Collected, a map takes no more than it holds.
        let exports: Map = [
            ("rules".into(), verdict.exports.by_rule.clone().into()),
            ("merged".into(), verdict.exports.merged.clone().into()),
        ]
        .into_iter()
        .collect();
        let kept = verdict.backend.remember(&self.kept);
        let entry = Entry::try_new(verdict.outcome, verdict.reason.clone(), exports, kept).ok()?;
        Some((entry.decided_by(verdict.rule.clone()), lifetime))
    }
}

/// Whether a path is given by the request; the other roots are computed from those that are.
fn is_input(path: &ReadPath, root: Root) -> bool {
    match root {
        Root::Request
        | Root::Subrequest
        | Root::Admission
        | Root::Forward
        | Root::CorrelationId => true,
        Root::Variables => ["environment", "secrets"]
            .iter()
            .any(|tier| path.starts_with(&[Root::Variables.as_str(), tier])),
        Root::Auth
        | Root::Backend
        | Root::Fga
        | Root::Guard
        | Root::Response
        | Root::Rule
        | Root::Chain
        | Root::Endpoint
        | Root::Now => false,
    }
}

fn add_credential(key: &mut KeyBuilder, credential: &Credential) {
    key.text("credential", credential.kind());
    match credential {
        Credential::Basic { user, password } => {
            key.text("user", user).text("password", password.expose())
        }
        Credential::Bearer { token } => key.text("token", token.expose()),
        Credential::Header { name, value } | Credential::Query { name, value } => {
            key.text("name", name).text("value", value.expose())
        }
        Credential::Jwt { principal, .. } | Credential::Introspected { principal, .. } => key
            .text("issuer", principal.issuer())
            .text("claims", &principal.text()),
        Credential::Certificate { certificate } => {
            key.text("certificate", &certificate.fingerprint)
        }
    };
}

fn restore(entry: &Entry) -> Verdict {
    let part = |name: &str| match entry.exports().get(name) {
        Some(Value::Map(map)) => Map::clone(map),
        _ => Map::new(),
    };
    Verdict {
        outcome: entry.outcome(),
        reason: entry.reason().clone(),
        rule: entry.rule().cloned(),
        exports: Exports {
            by_rule: part("rules"),
            merged: part("merged"),
        },
        backend: BackendState {
            remembered: Some(entry.backend().clone()),
            ..BackendState::default()
        },
        fresh_for: None,
        challenge: None,
        masked: None,
    }
}

#[cfg(test)]
mod tests;
