//! `AuthZEN`'s questions (Authorization API 1.0, evaluation and evaluations).
//!
//! Subject and resource become `type:id`, the action a relation. Their properties become parameters
//! of conditions with `subject_`, `resource_` or `action_` before their names; the context of the
//! question stands beside them.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use ztag_fga::{CheckRequest, Fields, ModelId};

use crate::calls::Asked;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{Rule, required, some};
use crate::wire::{self, or_default};

/// One question; in a list of them the defaults of all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    subject: Option<Entity>,
    resource: Option<Entity>,
    action: Option<Action>,
    context: Option<Fields>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entity {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    id: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) properties: Fields,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Action {
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) properties: Fields,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Questions {
    subject: Option<Entity>,
    resource: Option<Entity>,
    action: Option<Action>,
    context: Option<Fields>,
    #[serde(deserialize_with = "or_default")]
    evaluations: Vec<Question>,
    #[serde(deserialize_with = "or_default")]
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    #[serde(deserialize_with = "or_default")]
    evaluations_semantic: Semantic,
}

/// Which questions of a list are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Semantic {
    #[default]
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Entity {
    /// `type:id`.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }
}

/// The parameters of conditions: the properties of all parts under names of their own, and what
/// the question says besides.
pub(super) fn context(subject: Fields, resource: Fields, action: Fields, own: Fields) -> Fields {
    let mut context = Fields::new();
    let parts = [
        ("subject", subject),
        ("resource", resource),
        ("action", action),
    ];
    for (part, properties) in parts {
        let named = properties.into_iter();
        context.extend(named.map(|(name, value)| (format!("{part}_{name}"), value)));
    }
    context.extend(own);
    context
}

impl Question {
    /// The question as a check of this model.
    fn check(self, message: &str, model: &ModelId) -> Result<CheckRequest, Failure> {
        let subject = required(message, "Subject", self.subject)?;
        let resource = required(message, "Resource", self.resource)?;
        let action = required(message, "Action", self.action)?;
        Rule::Type.check("Subject", "Type", &subject.kind)?;
        Rule::Type.check("Resource", "Type", &resource.kind)?;
        Rule::Relation.check("Action", "Name", &action.name)?;
        let (user, object) = (subject.name(), resource.name());
        let own = self.context.unwrap_or_default();
        let context = context(
            subject.properties,
            resource.properties,
            action.properties,
            own,
        );
        Ok(CheckRequest {
            model: Some(model.clone()),
            user,
            relation: action.name,
            object,
            contextual_tuples: Vec::new(),
            context,
        })
    }

    /// The same with defaults for what is not said.
    fn or(self, defaults: &Questions) -> Self {
        Self {
            subject: self.subject.or_else(|| defaults.subject.clone()),
            resource: self.resource.or_else(|| defaults.resource.clone()),
            action: self.action.or_else(|| defaults.action.clone()),
            context: self.context.or_else(|| defaults.context.clone()),
        }
    }
}

/// `POST access/v1/evaluation`.
pub(crate) fn evaluation(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let question: Question = wire::read(&asked.body)?;
    let model = asked.model(None)?;
    let check = question.check(asked.message(), model.id())?;
    let decision = asked.store.check(&check)?;
    let reply = Reply::json(&json!({ "decision": decision }))?;
    Ok(reply.by_model(model.id().as_str()))
}

/// `POST access/v1/evaluations`.
pub(crate) fn evaluations(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let mut questions: Questions = wire::read(&asked.body)?;
    let list = std::mem::take(&mut questions.evaluations);
    some(message, "Evaluations", &list)?;
    let limit = asked.store.limits().checks_per_batch;
    if list.len() > limit {
        let reason = format!("value must contain no more than {limit} item(s)");
        return Err(Failure::field(message, "Evaluations", &reason));
    }
    let model = asked.model(None)?;
    let mut answers = Vec::with_capacity(list.len());
    for question in list {
        let check = question.or(&questions).check(message, model.id());
        let decision = check.and_then(|check| Ok(asked.store.check(&check)?));
        let is_permit = decision == Ok(true);
        answers.push(answer(decision));
        let is_last = match questions.options.evaluations_semantic {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !is_permit,
            Semantic::PermitOnFirstPermit => is_permit,
        };
        if is_last {
            break;
        }
    }
    let reply = Reply::json(&json!({ "evaluations": answers }))?;
    Ok(reply.by_model(model.id().as_str()))
}

/// A question that could not be answered is denied, and says why.
fn answer(decision: Result<bool, Failure>) -> Json {
    match decision {
        Ok(decision) => json!({ "decision": decision }),
        Err(failure) => json!({
            "decision": false,
            "context": {"error": {"status": failure.status().as_u16(), "message": failure.message()}},
        }),
    }
}
