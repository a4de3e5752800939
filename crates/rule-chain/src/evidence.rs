//! Everything a rule's expressions read, in one borrowed place.

use ztag_types::{
    AdmissionView, BackendState, ChainView, Exports, Object, Root, RuleName, RuleReport, Scope,
    Slots, Variables, View,
};

use crate::auth::Won;
use crate::auth_view::AuthView;
use crate::chain::ChainInput;
use crate::fga::FgaState;
use crate::forward::Forwarded;
use crate::inspect::GuardState;
use crate::locals::{LocalValues, Needs};

/// The evidence of earlier stages and rules, and the credentials of the winning group.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) input: ChainInput<'a>,
    pub(crate) exports: &'a Exports,
    admission: AdmissionView<'a>,
    auth: AuthView<'a>,
    chain: ChainView<'a>,
    rule: Named<'a>,
    fga: Option<&'a FgaState>,
    guard: Option<&'a GuardState>,
}

/// The `rule` root while the rule is judged.
#[derive(Clone, Copy)]
struct Named<'a>(&'a RuleName);

impl<'a> Evidence<'a> {
    pub(crate) fn new(
        input: ChainInput<'a>,
        exports: &'a Exports,
        judged: &'a [RuleReport],
        rule: &'a RuleName,
        won: &'a Won<'_>,
    ) -> Self {
        Self {
            input,
            exports,
            admission: AdmissionView {
                admitted: input.admitted,
                client: &input.snapshot.client,
            },
            auth: AuthView::new(won),
            chain: ChainView(judged),
            rule: Named(rule),
            fga: None,
            guard: None,
        }
    }

    pub(crate) fn forwarding(self, forwarded: &'a [Forwarded<'a>]) -> Self {
        Self {
            auth: self.auth.forwarding(forwarded),
            ..self
        }
    }

    pub(crate) fn knowing(self, fga: &'a FgaState) -> Self {
        Self {
            fga: Some(fga),
            ..self
        }
    }

    pub(crate) fn inspected(self, guard: &'a GuardState) -> Self {
        Self {
            guard: Some(guard),
            ..self
        }
    }

    /// The variables, with those of the rule where it is far enough.
    pub(crate) fn variables<'s>(&'s self, local: Option<&'s dyn Object>) -> Variables<'s> {
        Variables {
            endpoint: self.input.vars,
            local,
            rule: &self.exports.by_rule,
            globals: self.input.globals,
        }
    }

    /// Runs `read` over everything known before a backend answers.
    pub(crate) fn over<T>(&self, read: impl FnOnce(Scope<'_>) -> T) -> T {
        let variables = self.variables(None);
        let unasked = BackendState::default();
        read(self.slots(&variables, &unasked).scope())
    }

    /// The same with the rule's own variables, of which those that `needs` names are evaluated.
    pub(crate) fn over_locals<T>(
        &self,
        locals: &LocalValues<'_>,
        needs: &Needs,
        read: impl FnOnce(Scope<'_>) -> T,
    ) -> T {
        let variables = self.variables(Some(locals));
        let unasked = BackendState::default();
        let slots = self.slots(&variables, &unasked);
        locals.prepare(needs, slots.scope());
        read(slots.scope())
    }

    pub(crate) fn slots<'s>(
        &'s self,
        variables: &'s Variables<'s>,
        backend: &'s BackendState,
    ) -> Slots<'s> {
        let snapshot = self.input.snapshot;
        Slots::new()
            .with(Root::Request, View::Object(snapshot))
            .with(Root::Subrequest, View::Object(&snapshot.subrequest))
            .with(Root::Admission, View::Object(&self.admission))
            .with(Root::Forward, View::Object(self.input.curated))
            .with(Root::Auth, View::Object(&self.auth))
            .with(Root::Backend, View::Object(backend))
            .with(
                Root::Fga,
                self.fga.map_or(View::Null, |fga| View::Object(fga)),
            )
            .with(
                Root::Guard,
                self.guard.map_or(View::Null, |guard| View::Object(guard)),
            )
            .with(Root::Variables, View::Object(variables))
            .with(Root::Response, View::Map(&self.exports.merged))
            .with(Root::Rule, View::Object(&self.rule))
            .with(Root::Chain, View::Sequence(&self.chain))
            .with(Root::Endpoint, View::Str(self.input.endpoint.as_str()))
            .with(Root::CorrelationId, View::Str(&snapshot.correlation))
            .with(Root::Now, View::Timestamp(snapshot.received))
    }
}

impl Object for Named<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        (name == "name").then_some(View::Str(self.0.as_str()))
    }

    fn names(&self) -> Vec<&str> {
        vec!["name"]
    }
}
