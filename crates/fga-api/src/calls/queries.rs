//! Questions about one object: checks, one and many, and how a relation comes about.

use serde_json::json;
use ztag_fga::{BatchCheckItem, BatchCheckRequest, CheckRequest, ErrorCode, ExpandRequest};

use crate::calls::Asked;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{Rule, required};
use crate::wire::tuple::tuples;
use crate::wire::{self, ask, tell};

/// The tuple of a check, in messages.
const CHECK_KEY: &str = "CheckRequestTupleKey";

/// `POST check`.
pub(crate) async fn check(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let spec: ask::Check = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(message)?;
    let key = required(message, "TupleKey", spec.tuple_key)?.question(CHECK_KEY)?;
    let contextual_tuples = tuples(spec.contextual_tuples.tuple_keys)?;
    asked.freshen(spec.consistency).await?;
    let model = asked.model(id.as_ref())?;
    let allowed = asked.store.check(&CheckRequest {
        model: Some(model.id().clone()),
        user: key.user,
        relation: key.relation,
        object: key.object,
        contextual_tuples,
        context: spec.context,
    })?;
    let reply = Reply::json(&tell::CheckBody::of(allowed))?;
    Ok(reply.by_model(model.id().as_str()))
}

/// `POST batch-check`.
pub(crate) async fn batch_check(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let spec: ask::BatchCheck = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(asked.message())?;
    let checks: Result<Vec<_>, _> = spec.checks.into_iter().map(item).collect();
    asked.freshen(spec.consistency).await?;
    let model = asked.model(id.as_ref())?;
    let results = asked.store.batch_check(&BatchCheckRequest {
        model: Some(model.id().clone()),
        checks: checks?,
    })?;
    let reply = Reply::json(&tell::BatchBody { result: &results })?;
    Ok(reply.by_model(model.id().as_str()))
}

fn item(item: ask::BatchCheckItem) -> Result<BatchCheckItem, Failure> {
    let key = required("BatchCheckItem", "TupleKey", item.tuple_key)?.question(CHECK_KEY)?;
    Ok(BatchCheckItem {
        user: key.user,
        relation: key.relation,
        object: key.object,
        contextual_tuples: tuples(item.contextual_tuples.tuple_keys)?,
        context: item.context,
        correlation_id: item.correlation_id,
    })
}

/// `POST expand`.
pub(crate) async fn expand(asked: &Asked<'_>) -> Result<Reply, Failure> {
    const MESSAGE: &str = "ExpandRequestTupleKey";
    let spec: ask::Expand = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(asked.message())?;
    let key = required(asked.message(), "TupleKey", spec.tuple_key)?;
    Rule::Relation.check_given(MESSAGE, "Relation", &key.relation)?;
    Rule::Object.check_given(MESSAGE, "Object", &key.object)?;
    if key.relation.is_empty() || key.object.is_empty() {
        let message = "Invalid input. Make sure you provide an object and a relation";
        return Err(Failure::coded(ErrorCode::Validation, message));
    }
    let contextual_tuples = tuples(spec.contextual_tuples.tuple_keys)?;
    asked.freshen(spec.consistency).await?;
    let model = asked.model(id.as_ref())?;
    let tree = asked.store.expand(&ExpandRequest {
        model: Some(model.id().clone()),
        object: key.object,
        relation: key.relation,
        contextual_tuples,
    })?;
    let reply = Reply::json(&json!({"tree": {"root": tell::node(&tree)}}))?;
    Ok(reply.by_model(model.id().as_str()))
}
