//! Conditions of tuples: CEL over typed parameters.

mod dialect;
mod parameter;

use smallvec::SmallVec;
use ztag_expr::Vocabulary;
use ztag_types::{Scope, Value, View};

use crate::error::Error;
use crate::limits::Limits;
use crate::names;
use crate::spec::ConditionSpec;
use crate::tuple::{Fields, TupleCondition};
use parameter::Parameter;

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    name: Box<str>,
    /// In the order of their slots.
    parameters: Box<[(Box<str>, Parameter)]>,
    program: ztag_expr::Condition,
}

impl Condition {
    /// Compiles `spec`, whose key is `key`.
    pub(crate) fn compile(key: &str, spec: &ConditionSpec, limits: &Limits) -> Result<Self, Error> {
        let wrong = |why: &str| Error::model(format!("condition '{key}' is invalid: {why}"));
        if key != spec.name {
            let name = &spec.name;
            let message = format!("condition key '{key}' does not match condition name '{name}'");
            return Err(Error::model(message));
        }
        if !names::is_relation_name(key) {
            return Err(wrong("its name is malformed"));
        }
        if spec.parameters.len() > limits.parameters_per_condition {
            return Err(wrong("it has too many parameters"));
        }
        if spec.expression.len() > limits.condition_bytes {
            return Err(wrong("its expression is too long"));
        }
        let mut vocabulary = Vocabulary::new();
        let mut parameters = Vec::new();
        for (slot, (name, spec)) in spec.parameters.iter().enumerate() {
            let parameter = Parameter::compile(spec).map_err(|why| wrong(&why))?;
            vocabulary = vocabulary.declare(name, slot, parameter.shape());
            parameters.push((Box::from(name.as_str()), parameter));
        }
        let source = dialect::translate(&spec.expression).ok_or_else(|| wrong("brackets"))?;
        let program = ztag_expr::Condition::compile(&source, &vocabulary)
            .map_err(|error| wrong(&error.message))?;
        Ok(Self {
            name: key.into(),
            parameters: parameters.into(),
            program,
        })
    }

    /// Checks the parameters that a tuple fixes: they are declared, and of their types.
    pub(crate) fn check(&self, fixed: &TupleCondition) -> Result<(), Error> {
        for (name, value) in fixed.fields() {
            let Some(parameter) = self.parameter(name) else {
                let message = format!("found invalid context parameter: `{name}`");
                return Err(Error::validation(message));
            };
            let wrong = |why| self.fault(&format!("parameter `{name}` {why}"));
            parameter.convert(value).map_err(wrong)?;
        }
        Ok(())
    }

    /// Whether the condition holds with the parameters `fixed` by a tuple, which win, and those
    /// of the `request`. A parameter that both lack is an error, needed or not.
    pub(crate) fn holds(&self, fixed: &TupleCondition, request: &Fields) -> Result<bool, Error> {
        let mut values: SmallVec<[Value; 4]> = SmallVec::new();
        let mut missing = Vec::new();
        for (name, parameter) in &self.parameters {
            let fixed = fixed
                .context
                .as_ref()
                .and_then(|fields| fields.get(&**name));
            let Some(json) = fixed.or_else(|| request.get(&**name)) else {
                missing.push(&**name);
                continue;
            };
            let wrong = |why| self.fault(&format!("parameter `{name}` {why}"));
            values.push(parameter.convert(json).map_err(wrong)?);
        }
        if !missing.is_empty() {
            let list = missing.join(", ");
            return Err(self.fault(&format!("context is missing parameters '[{list}]'")));
        }
        let views: SmallVec<[View<'_>; 4]> = values.iter().map(Value::view).collect();
        let held = self.program.holds(Scope::new(&views));
        held.map_err(|error| self.fault(&error.to_string()))
    }

    fn parameter(&self, name: &str) -> Option<&Parameter> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(own, _)| **own == *name)
            .map(|(_, parameter)| parameter)
    }

    fn fault(&self, why: &str) -> Error {
        let name = &self.name;
        Error::validation(format!(
            "failed to evaluate relationship condition: '{name}' - {why}"
        ))
    }
}

#[cfg(test)]
mod tests;
