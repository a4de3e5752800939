//! CEL from the outside: single expressions over JSON, and cases of the CEL conformance suite.
//!
//! Values are JSON objects that keep CEL's types apart: `{"int":"5"}`, `{"uint":"5"}`,
//! `{"double":1.5}` (with `"NaN"`, `"Infinity"`, `"-Infinity"` and `"-0.0"` as text), `{"string":..}`,
//! `{"bytes_b64":..}`, `{"bool":..}`, `{"null":true}`, `{"list":[V]}`, `{"map":[[V,V]]}`,
//! `{"timestamp":..,"seconds":..,"nanos":..}`, `{"duration":..,"seconds":..,"nanos":..}`,
//! `{"type":name}`, and `{"optional":V}` or `{"optional":null}`.

mod tagged;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use ztag_types::{Scope, Value, View};

use crate::cel::{Checks, Program};
use crate::error::{CompileError, EvalError};
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// Why an expression has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The expression does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The expression cannot be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvalError),
    /// The bindings, or the whole case, are not understood.
    #[error("{0}")]
    Input(String),
}

/// Evaluates `expr` with the fields of the JSON object `bindings` as variables; null binds none.
/// The value comes back tagged with its type, see the [module](self).
pub fn evaluate_text(expr: &str, bindings: Json) -> Result<Json, CaseError> {
    let bindings = match bindings {
        Json::Object(fields) => fields,
        Json::Null => serde_json::Map::new(),
        _ => {
            return Err(CaseError::Input(
                "bindings are not a JSON object".to_owned(),
            ));
        }
    };
    let variables = bindings
        .into_iter()
        .map(|(name, value)| (name, Binding::any(value.into())));
    run(expr, "", Checks::On, &variables.collect())
}

/// Evaluates one case of the conformance suite, given as one line of JSON, to one line of JSON:
/// `{"id":..,"value":V}` or `{"id":..,"error":".."}`.
pub fn evaluate_case(json_line: &str) -> String {
    let answer = match serde_json::from_str::<Case>(json_line) {
        Ok(case) => match case.evaluate() {
            Ok(value) => json!({"id": case.id, "value": value}),
            Err(error) => json!({"id": case.id, "error": error.to_string()}),
        },
        Err(error) => json!({"id": null, "error": format!("not a case: {error}")}),
    };
    answer.to_string()
}

/// A case of the conformance suite, as far as it asks for something.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    expr: String,
    #[serde(default)]
    container: String,
    #[serde(default)]
    bindings: BTreeMap<String, Json>,
    #[serde(default)]
    type_env: Vec<Declaration>,
    #[serde(default)]
    disable_check: bool,
    #[serde(default)]
    check_only: bool,
}

/// A declared variable; declared functions are not offered.
#[derive(Debug, Deserialize)]
struct Declaration {
    var: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A variable: what is known of it, and its value where it has one.
struct Binding {
    shape: Shape,
    value: Option<Value>,
}

impl Binding {
    fn any(value: Value) -> Self {
        Self {
            shape: Shape::Any,
            value: Some(value),
        }
    }
}

impl Case {
    fn evaluate(&self) -> Result<Json, CaseError> {
        if self.check_only {
            return Err(CaseError::Input("type deduction is not offered".to_owned()));
        }
        let mut variables = BTreeMap::new();
        for declared in &self.type_env {
            if let (Some(name), Some(kind)) = (&declared.var, &declared.kind) {
                let shape = shape_named(kind);
                variables.insert(name.clone(), Binding { shape, value: None });
            }
        }
        for (name, json) in &self.bindings {
            let value = tagged::read(json).map_err(CaseError::Input)?;
            let binding = variables
                .entry(name.clone())
                .or_insert_with(|| Binding::any(Value::Null));
            binding.value = Some(value);
        }
        let checks = if self.disable_check {
            Checks::Off
        } else {
            Checks::On
        };
        run(&self.expr, &self.container, checks, &variables)
    }
}

fn run(
    expr: &str,
    container: &str,
    checks: Checks,
    variables: &BTreeMap<String, Binding>,
) -> Result<Json, CaseError> {
    let mut vocabulary = Vocabulary::new().within(container);
    let mut slots = Vec::with_capacity(variables.len());
    for (slot, (name, binding)) in variables.iter().enumerate() {
        vocabulary = vocabulary.declare(name, slot, binding.shape.clone());
        slots.push(
            binding
                .value
                .as_ref()
                .map_or(View::Failed("the variable has no value"), Value::view),
        );
    }
    let program = Program::compile(expr, &vocabulary, checks)?;
    Ok(tagged::write(program.evaluate(Scope::new(&slots))?)?)
}

/// The shape of a type as the suite writes it; structures are left open.
fn shape_named(kind: &str) -> Shape {
    match kind {
        "bool" => Shape::Bool,
        "int" => Shape::Int,
        "uint" => Shape::Uint,
        "double" => Shape::Double,
        "string" => Shape::String,
        "bytes" => Shape::Bytes,
        _ => Shape::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expr: &str, bindings: &Json, expected: &Json) {
        assert_eq!(evaluate_text(expr, bindings.clone()).unwrap(), *expected);
    }

    #[test]
    fn expressions_run_over_plain_json() {
        check("x + 1", &json!({"x": 41}), &json!({"int": "42"}));
        check(
            "user.roles[0]",
            &json!({"user": {"roles": ["admin"]}}),
            &json!({"string": "admin"}),
        );
        check(
            "{'a': 1.5}",
            &json!(null),
            &json!({"map": [[{"string": "a"}, {"double": 1.5}]]}),
        );
        check("b'a'", &json!({}), &json!({"bytes_b64": "YQ=="}));
        check(
            "optional.of(type(1u))",
            &json!({}),
            &json!({"optional": {"type": "uint"}}),
        );
        check(
            "duration('-1.5s')",
            &json!({}),
            &json!({"duration": "-1.5s", "seconds": "-1", "nanos": -500_000_000}),
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error =
            |expr: &str, bindings: Json| evaluate_text(expr, bindings).unwrap_err().to_string();
        assert_eq!(error("y", json!({"x": 1})), "unknown name `y`");
        assert_eq!(error("x", json!([1])), "bindings are not a JSON object");
        assert_eq!(error("1 / 0", json!({})), "division by zero");
        assert!(evaluate_case("{").contains("not a case"));
    }
}
