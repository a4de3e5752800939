//! From spec to variables.

use std::collections::BTreeSet;

use ztag_expr::{Hybrid, Shape, TemplateFiles, Vocabulary};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, Reads, Root, dependency_order};

use crate::spec::EndpointVarsSpec;
use crate::vars::{EndpointVars, Variable};

/// What the variables of an endpoint may read beside the request.
#[derive(Clone, Copy, Debug)]
pub struct VarsDeps<'a> {
    /// Names of `variables.environment`.
    pub environment: &'a BTreeSet<String>,
    /// Names of `variables.secrets`.
    pub secrets: &'a BTreeSet<String>,
    /// The template folder.
    pub templates: &'a TemplateFiles,
}

impl EndpointVars {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(
        spec: &EndpointVarsSpec,
        at: &ConfigPath,
        deps: &VarsDeps<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let words = vocabulary(spec, deps);
        let mut variables = Vec::with_capacity(spec.0.len());
        for (name, source) in &spec.0 {
            let at = at.key(name);
            if name.trim().is_empty() {
                let message = "a variable needs a name";
                findings.push(Diagnostic::error(Code::InvalidName, &at, message));
            }
            let hybrid = Hybrid::compile(source, &words, deps.templates).map_err(|e| e.at(&at));
            if let Some(hybrid) = findings.keep(hybrid) {
                variables.push(Variable::new(name, hybrid));
            }
        }
        let ordered = findings.keep(in_order(variables, at))?;
        (findings.errors() == before).then(|| Self::new(ordered))
    }
}

fn vocabulary(spec: &EndpointVarsSpec, deps: &VarsDeps<'_>) -> Vocabulary {
    fn names<'n>(names: impl Iterator<Item = &'n str>, shape: &Shape) -> Shape {
        Shape::record(names.map(|name| (name, shape.clone())))
    }
    let texts = |own: &BTreeSet<String>| names(own.iter().map(String::as_str), &Shape::String);
    let variables = Shape::record([
        ("endpoint", names(spec.names(), &Shape::Any)),
        ("environment", texts(deps.environment)),
        ("secrets", texts(deps.secrets)),
    ]);
    Vocabulary::policy(&[
        Root::Request,
        Root::Subrequest,
        Root::Admission,
        Root::Forward,
        Root::Endpoint,
        Root::CorrelationId,
        Root::Now,
    ])
    .with(Root::Variables, variables)
}

/// The variables so that each comes after all it reads.
fn in_order(variables: Vec<Variable>, at: &ConfigPath) -> Result<Vec<Variable>, Diagnostic> {
    let needs: Vec<Vec<usize>> = variables
        .iter()
        .map(|variable| needs(variable.reads(), &variables))
        .collect();
    match dependency_order(&needs) {
        Ok(order) => {
            let mut left: Vec<_> = variables.into_iter().map(Some).collect();
            let next = |index: usize| left.get_mut(index).and_then(Option::take);
            Ok(order.into_iter().filter_map(next).collect())
        }
        Err(cycle) => {
            let names = cycle.iter().filter_map(|index| variables.get(*index));
            let names: Vec<_> = names.map(|variable| variable.name().to_owned()).collect();
            let first = names.first().map_or("", String::as_str);
            let message = format!("variables need each other: `{}`", names.join("` -> `"));
            Err(Diagnostic::error(
                Code::VariableCycle,
                &at.key(first),
                message,
            ))
        }
    }
}

fn needs(reads: &Reads, variables: &[Variable]) -> Vec<usize> {
    let own = variables.iter().enumerate();
    own.filter(|(_, other)| reads.touches(&[Root::Variables.as_str(), "endpoint", other.name()]))
        .map(|(index, _)| index)
        .collect()
}
