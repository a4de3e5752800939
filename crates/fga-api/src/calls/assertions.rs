//! Assertions of a model.

use serde_json::json;
use ztag_fga::{Assertion, ModelId, Tuple};

use crate::calls::Asked;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{Rule, required};
use crate::wire::tuple::tuples;
use crate::wire::{self, ask, tell};

/// `PUT assertions/{model}`.
pub(crate) async fn write(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let id = model_id(asked)?;
    let spec: ask::WriteAssertions = wire::read(&asked.body)?;
    let assertions: Result<Vec<_>, _> = spec.assertions.into_iter().map(assertion).collect();
    let assertions = assertions?;
    asked.model(Some(&id))?;
    let named = asked.named()?;
    named.write_assertions(&id, assertions).await?;
    Ok(Reply::empty().by_model(id.as_str()))
}

fn assertion(spec: ask::AssertionSpec) -> Result<Assertion, Failure> {
    let key = required("Assertion", "TupleKey", spec.tuple_key)?;
    let key = key.question("AssertionTupleKey")?;
    Ok(Assertion {
        tuple_key: Tuple::new(key.user, key.relation, key.object),
        expectation: spec.expectation,
        contextual_tuples: tuples(spec.contextual_tuples)?,
        context: spec.context,
    })
}

/// `GET assertions/{model}`.
pub(crate) fn read(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let id = model_id(asked)?;
    let assertions = asked.store.read_assertions(&id);
    let reply = Reply::json(&json!({
        "authorization_model_id": id.as_str(),
        "assertions": assertions.iter().map(tell::assertion).collect::<Vec<_>>(),
    }))?;
    Ok(reply.by_model(id.as_str()))
}

fn model_id(asked: &Asked<'_>) -> Result<ModelId, Failure> {
    Rule::Ulid.check(asked.message(), "AuthorizationModelId", asked.model_id)?;
    Ok(ModelId::parse(asked.model_id)?)
}
