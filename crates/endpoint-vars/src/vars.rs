//! The variables and their stage.

use std::sync::Arc;

use ztag_expr::Hybrid;
use ztag_types::{
    AdmissionView, Admitted, Curated, EndpointName, Globals, Halt, Key, Map, Reads, Root, Run,
    Slots, Snapshot, Stage, StageName, Trace, Variables, Vars, View,
};

/// The variables of one endpoint, compiled.
#[derive(Clone, Debug, Default)]
pub struct EndpointVars {
    /// Each after all it reads.
    variables: Box<[Variable]>,
    reads: Reads,
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    name: Arc<str>,
    source: Hybrid,
}

/// The evidence that endpoint variables read.
#[derive(Clone, Copy, Debug)]
pub struct VarsInput<'a> {
    /// The request.
    pub snapshot: &'a Snapshot,
    /// The proof of admission.
    pub admitted: &'a Admitted,
    /// The curated proxy headers.
    pub curated: &'a Curated,
    /// Variables of the server.
    pub globals: &'a Globals,
    /// The endpoint asked for.
    pub endpoint: &'a EndpointName,
}

impl EndpointVars {
    pub(crate) fn new(variables: Vec<Variable>) -> Self {
        let mut reads = Reads::nothing();
        for variable in &variables {
            reads.extend(variable.source.reads());
        }
        Self {
            variables: variables.into(),
            reads,
        }
    }

    /// What the variables read: inputs of everything that reads `variables.endpoint`.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Names of the variables, in the order of evaluation.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(Variable::name)
    }

    /// The values. One that cannot be evaluated is kept as failed and stops nothing: whatever
    /// reads it decides.
    pub fn evaluate(&self, input: &VarsInput<'_>) -> Vars {
        let mut vars = Vars::default();
        if self.variables.is_empty() {
            return vars;
        }
        let admission = AdmissionView {
            admitted: input.admitted,
            client: &input.snapshot.client,
        };
        let rules = Map::new();
        for variable in &self.variables {
            let variables = Variables {
                endpoint: &vars,
                local: None,
                rule: &rules,
                globals: input.globals,
            };
            let slots = input.slots(&admission, &variables);
            match variable.source.evaluate(slots.scope()) {
                Ok(value) => {
                    vars.values
                        .insert(Key::String(Arc::clone(&variable.name)), value);
                }
                Err(error) => {
                    let failed = (Box::from(variable.name()), error.to_string().into());
                    vars.failed.push(failed);
                }
            }
        }
        vars
    }
}

impl VarsInput<'_> {
    fn slots<'s>(
        &'s self,
        admission: &'s AdmissionView<'s>,
        variables: &'s Variables<'s>,
    ) -> Slots<'s> {
        Slots::new()
            .with(Root::Request, View::Object(self.snapshot))
            .with(Root::Subrequest, View::Object(&self.snapshot.subrequest))
            .with(Root::Admission, View::Object(admission))
            .with(Root::Forward, View::Object(self.curated))
            .with(Root::Variables, View::Object(variables))
            .with(Root::Endpoint, View::Str(self.endpoint.as_str()))
            .with(Root::CorrelationId, View::Str(&self.snapshot.correlation))
            .with(Root::Now, View::Timestamp(self.snapshot.received))
    }
}

impl Variable {
    pub(crate) fn new(name: &str, source: Hybrid) -> Self {
        Self {
            name: Arc::from(name),
            source,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn reads(&self) -> &Reads {
        self.source.reads()
    }
}

impl Stage for EndpointVars {
    const NAME: StageName = StageName::EndpointVars;

    type Input<'a> = VarsInput<'a>;
    type Output = Vars;

    /// Never halts.
    fn run<'a>(
        &'a self,
        input: VarsInput<'a>,
        _: &mut Trace,
    ) -> Run<Result<Vars, Halt>, impl Future<Output = Result<Vars, Halt>> + Send> {
        Run::done(Ok(self.evaluate(&input)))
    }
}
