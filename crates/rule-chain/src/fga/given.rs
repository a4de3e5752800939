//! Contextual tuples and parameters of conditions, rendered from the evidence.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value as Json;
use ztag_expr::{Expression, Hybrid};
use ztag_fga::{Fields, Tuple, TupleCondition};
use ztag_fga_remote::{Name, NameKind};
use ztag_types::{Reads, Root, Scope, Timestamp, Value, View};

use super::Lost;

/// Contextual tuples of one question, as many as servers take.
const MAX_TUPLES: usize = 100;

/// The slot of `item`, behind those of all roots.
pub(crate) const ITEM_SLOT: usize = Root::ALL.len();

/// What a question is asked with, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenPlan {
    pub(crate) tuples: Box<[TuplePlan]>,
    pub(crate) context: Parameters,
}

/// A tuple, or one for each item of a list.
#[derive(Clone, Debug)]
pub(crate) struct TuplePlan {
    pub(crate) each: Option<Expression>,
    pub(crate) user: Name,
    pub(crate) relation: Name,
    pub(crate) object: Name,
    pub(crate) condition: Option<(Box<str>, Parameters)>,
}

/// Parameters by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(pub(crate) Box<[(Box<str>, Hybrid)]>);

impl GivenPlan {
    /// The tuples over `scope`.
    pub(crate) fn tuples(&self, scope: Scope<'_>) -> Result<Vec<Tuple>, Lost> {
        let mut tuples = Vec::new();
        for (index, plan) in self.tuples.iter().enumerate() {
            plan.render(scope, &mut tuples)
                .map_err(|lost| lost.within("contextualTuples", index))?;
        }
        Ok(tuples)
    }

    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        for plan in &self.tuples {
            plan.add_reads(reads);
        }
        self.context.add_reads(reads);
    }
}

impl TuplePlan {
    fn render(&self, scope: Scope<'_>, tuples: &mut Vec<Tuple>) -> Result<(), Lost> {
        let Some(each) = &self.each else {
            return push(tuples, self.tuple(scope)?);
        };
        let items = each.evaluate(scope);
        let items = items.map_err(|source| Lost::failed("each", source))?;
        let Value::List(items) = items else {
            return Err(Lost::message("each", "not a list"));
        };
        for item in items.iter() {
            let views = with_item(scope, item);
            push(tuples, self.tuple(Scope::new(&views))?)?;
        }
        Ok(())
    }

    fn tuple(&self, scope: Scope<'_>) -> Result<Tuple, Lost> {
        let name = |name: &Name, kind: NameKind| {
            let rendered = name.render(scope);
            rendered.map_err(|unfit| Lost::unfit(kind, unfit))
        };
        let condition = match &self.condition {
            None => None,
            Some((name, context)) => Some(TupleCondition {
                name: name.to_string(),
                context: Some(context.render(scope)?).filter(|fields| !fields.is_empty()),
            }),
        };
        Ok(Tuple {
            user: name(&self.user, NameKind::User)?,
            relation: name(&self.relation, NameKind::Relation)?,
            object: name(&self.object, NameKind::Object)?,
            condition,
        })
    }

    fn add_reads(&self, reads: &mut Reads) {
        if let Some(each) = &self.each {
            reads.extend(each.reads());
        }
        for name in [&self.user, &self.relation, &self.object] {
            // `item` is no input: `each` says where it comes from.
            let own = name.template().reads();
            for path in own.paths().filter(|path| path.root() != "item") {
                reads.insert(path.clone());
            }
            if own.is_volatile() {
                reads.mark_volatile();
            }
        }
        if let Some((_, context)) = &self.condition {
            context.add_reads(reads);
        }
    }
}

impl Parameters {
    /// The values over `scope`.
    pub(crate) fn render(&self, scope: Scope<'_>) -> Result<Fields, Lost> {
        let mut fields = Fields::new();
        for (name, source) in &self.0 {
            let value = source.evaluate(scope);
            let value = value.map_err(|source| Lost::failed("context", source))?;
            fields.insert(name.to_string(), parameter(&value));
        }
        Ok(fields)
    }

    fn add_reads(&self, reads: &mut Reads) {
        for (_, source) in &self.0 {
            reads.extend(source.reads());
        }
    }
}

fn push(tuples: &mut Vec<Tuple>, tuple: Tuple) -> Result<(), Lost> {
    if tuples.len() >= MAX_TUPLES {
        return Err(Lost::message("tuples", "more than 100 contextual tuples"));
    }
    tuples.push(tuple);
    Ok(())
}

/// The slots of `scope` with `item` behind them.
fn with_item<'a>(scope: Scope<'a>, item: &'a Value) -> [View<'a>; ITEM_SLOT + 1] {
    std::array::from_fn(|slot| {
        if slot == ITEM_SLOT {
            item.view()
        } else {
            scope.slot(slot)
        }
    })
}

/// A value as conditions read it: times as RFC 3339 writes them, lengths of time in nanoseconds.
fn parameter(value: &Value) -> Json {
    match value {
        Value::Timestamp(at) => rfc_3339(*at).map_or(Json::Null, Json::from),
        Value::List(items) => items.iter().map(parameter).collect(),
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, value)| (key.to_string(), parameter(value)));
            Json::Object(entries.collect())
        }
        other => other.to_json(),
    }
}

fn rfc_3339(at: Timestamp) -> Option<String> {
    let time = DateTime::from_timestamp(at.seconds(), at.nanos())?;
    Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ztag_types::Span;

    use super::*;

    #[test]
    fn parameters_are_written_as_conditions_read_them() {
        for (value, expected) in [
            (
                Value::Timestamp(Timestamp::from_seconds(1_767_225_600)),
                json!("2026-01-01T00:00:00Z"),
            ),
            (
                Value::Duration(Span::from_nanos(1_500_000_000)),
                json!("1500000000ns"),
            ),
            (
                Value::from(vec![Value::Int(1), Value::text("a")]),
                json!([1, "a"]),
            ),
            (Value::Bool(true), json!(true)),
        ] {
            assert_eq!(parameter(&value), expected);
        }
    }
}
