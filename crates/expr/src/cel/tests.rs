mod checks;
mod differential;
mod limits;
mod reads;
mod scope;
mod values;

use ztag_types::{Key, Map, Root, Scope, Value};

use crate::{Expression, Shape, Vocabulary};

/// The roots that most tests read.
pub(super) fn vocabulary() -> Vocabulary {
    Vocabulary::policy(&[
        Root::Request,
        Root::Auth,
        Root::Backend,
        Root::Variables,
        Root::Endpoint,
        Root::Now,
    ])
}

/// A map from JSON.
pub(super) fn map(json: serde_json::Value) -> Map {
    let Value::Map(map) = Value::from(json) else {
        return Map::new();
    };
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<Vec<(Key, Value)>>()
        .into_iter()
        .collect()
}

/// The value of `source` over `x`, or the message of what went wrong.
pub(super) fn over(source: &str, x: &Value) -> Result<Value, String> {
    let vocabulary = Vocabulary::new().declare("x", 0, Shape::Any);
    let expression = Expression::compile(source, &vocabulary).map_err(|error| error.message)?;
    expression
        .evaluate(Scope::new(&[x.view()]))
        .map_err(|error| error.to_string())
}

/// The value of `source`, which reads nothing.
pub(super) fn evaluate(source: &str) -> Result<Value, String> {
    over(source, &Value::Null)
}
