//! Whether a model allows a tuple.

use crate::error::{Error, ErrorCode};
use crate::ids::{NodeId, RelationId};
use crate::model::{Kind, Model};
use crate::names::{ObjectName, UserName};
use crate::tuple::Tuple;

/// A tuple that a model allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Valid<'a> {
    pub(super) object: ObjectName<'a>,
    pub(super) user: UserName<'a>,
    pub(super) node: NodeId,
    /// The relation of a userset.
    pub(super) user_relation: RelationId,
}

/// Why a tuple is not allowed: calls differ in the codes they answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The type of the object, or its relation, does not exist.
    Unknown(Error),
    /// The condition, or its context, is wrong.
    Condition(Error),
    /// Anything else.
    Other(Error),
}

impl Fault {
    /// As `Write` and `WriteAssertions` tell it.
    pub(super) fn on_write(self) -> Error {
        self.error().coded(ErrorCode::Validation)
    }

    /// As `Check` tells it of contextual tuples.
    pub(super) fn on_check(self) -> Error {
        self.error().coded(ErrorCode::InvalidTuple)
    }

    /// As the calls that list or expand tell it of contextual tuples.
    pub(super) fn on_list(self) -> Error {
        match self {
            Self::Unknown(error) => error,
            Self::Condition(error) => error.coded(ErrorCode::Validation),
            Self::Other(error) => error.coded(ErrorCode::InvalidTuple),
        }
    }

    fn error(self) -> Error {
        match self {
            Self::Unknown(error) | Self::Condition(error) | Self::Other(error) => error,
        }
    }
}

/// Names user, relation and object in a message.
pub(super) fn show(tuple: &Tuple) -> String {
    let Tuple {
        user,
        relation,
        object,
        ..
    } = tuple;
    format!("'{object}#{relation}@{user}'")
}

/// Checks a tuple as it would be written. `context_bytes` bounds its stored context.
pub(super) fn tuple<'a>(
    model: &Model,
    tuple: &'a Tuple,
    context_bytes: usize,
) -> Result<Valid<'a>, Fault> {
    let object = ObjectName::parse(&tuple.object).map_err(Fault::Other)?;
    let user = UserName::parse(&tuple.user).map_err(Fault::Other)?;
    let wrong = |why: &str| {
        let message = format!("Invalid tuple {}. Reason: {why}", show(tuple));
        Fault::Other(Error::validation(message))
    };
    if object.is_wildcard() {
        return Err(wrong("the object must be one object"));
    }
    let node = model
        .node_of(object.kind, &tuple.relation)
        .map_err(Fault::Unknown)?;
    let user_kind = model.kind(user.object.kind);
    let user_kind = user_kind.ok_or_else(|| wrong("type of the user not found"))?;
    if user.relation == Some(tuple.relation.as_str()) && user.object == object {
        return Err(wrong("cannot write a tuple that is implicit"));
    }
    let user_relation = match user.relation {
        Some(relation) => {
            let node = user_kind.relations.get(relation);
            let node = node.ok_or_else(|| wrong("relation of the user not found"))?;
            model.node(*node).relation
        }
        None => RelationId::NONE,
    };
    let valid = Valid {
        object,
        user,
        node,
        user_relation,
    };
    restrictions(model, tuple, &valid, user_kind)?;
    condition(model, tuple, context_bytes)?;
    Ok(valid)
}

fn restrictions(model: &Model, tuple: &Tuple, valid: &Valid<'_>, user: &Kind) -> Result<(), Fault> {
    let wrong = |why: String| {
        let message = format!("Invalid tuple {}. Reason: {why}", show(tuple));
        Error::validation(message)
    };
    let node = model.node(valid.node);
    let is_wildcard = valid.user.object.is_wildcard();
    let Some(entry) = node.direct.entry(user.id, valid.user_relation, is_wildcard) else {
        let (kind, relation) = (&node.kind_name, &node.name);
        let who = match (is_wildcard, valid.user.relation) {
            (true, _) => format!("the typed wildcard '{}'", tuple.user),
            (_, Some(relation)) => format!("type '{}#{relation}'", valid.user.object.kind),
            _ => format!("type '{}'", valid.user.object.kind),
        };
        let why = format!("{who} is not an allowed type restriction for '{kind}#{relation}'");
        return Err(Fault::Other(wrong(why)));
    };
    let name = tuple
        .condition
        .as_ref()
        .map(|condition| condition.name.as_str());
    if entry.allows(name) {
        return Ok(());
    }
    let why = match name {
        None => "condition is missing".into(),
        Some(name) if model.condition(name).is_none() => format!("undefined condition '{name}'"),
        Some(name) => format!("invalid condition '{name}' for type restriction"),
    };
    Err(Fault::Condition(wrong(why)))
}

fn condition(model: &Model, tuple: &Tuple, context_bytes: usize) -> Result<(), Fault> {
    let Some(condition) = &tuple.condition else {
        return Ok(());
    };
    let Some(known) = model.condition(&condition.name) else {
        return Ok(());
    };
    let size = condition.context.as_ref().map(serde_json::to_string);
    let size = size.map_or(0, |text| text.map_or(usize::MAX, |text| text.len()));
    if size > context_bytes {
        let message = format!("condition context size limit exceeded: {size} bytes");
        return Err(Fault::Condition(Error::validation(message)));
    }
    if condition
        .fields()
        .any(|(key, value)| has_control(key) || has_control_text(value))
    {
        let message = "condition context holds control characters";
        return Err(Fault::Condition(Error::validation(message)));
    }
    known.check(condition).map_err(Fault::Condition)
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

fn has_control_text(value: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => has_control(text),
        Json::Array(items) => items.iter().any(has_control_text),
        Json::Object(fields) => fields
            .iter()
            .any(|(key, value)| has_control(key) || has_control_text(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
