//! Edits of many tuples at once, which `OpenFGA` does not have.

use serde_json::json;
use ztag_fga::{DeleteRequest, Edit, Edited, RelatedUser, ReplaceRequest};

use crate::calls::Asked;
use crate::calls::tuples::{REVISION, filter};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{self, Rule, required};
use crate::wire::{self, ask};

/// `POST delete-tuples`: some at a time, until there is no token any more.
pub(crate) async fn delete(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let spec: ask::DeleteTuples = wire::read(&asked.body)?;
    rule::token(message, &spec.continuation_token)?;
    let key = required(message, "TupleKey", spec.tuple_key)?;
    let edit = Edit::Delete(DeleteRequest {
        filter: filter(key)?,
        continuation_token: spec.continuation_token,
    });
    let edited = asked.named()?.edit(edit).await?;
    reply(&edited)
}

/// `POST replace-relation`: all or nothing.
pub(crate) async fn replace(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let spec: ask::ReplaceRelation = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(message)?;
    Rule::Object.check(message, "Object", &spec.object)?;
    Rule::Relation.check(message, "Relation", &spec.relation)?;
    // Nobody at all must be said, lest a name misspelt takes everybody away.
    let users = required(message, "Users", spec.users)?;
    let users = users.into_iter().map(|key| {
        let tuple = key.tuple("RelatedUser")?;
        Ok(RelatedUser {
            user: tuple.user,
            condition: tuple.condition,
        })
    });
    let users = users.collect::<Result<_, Failure>>()?;
    let model = asked.model(id.as_ref())?;
    let edit = Edit::Replace(ReplaceRequest {
        model: Some(model.id().clone()),
        object: spec.object,
        relation: spec.relation,
        users,
    });
    let edited = asked.named()?.edit(edit).await?;
    Ok(reply(&edited)?.by_model(model.id().as_str()))
}

fn reply(edited: &Edited) -> Result<Reply, Failure> {
    let reply = Reply::json(&json!({
        "written": edited.written,
        "deleted": edited.deleted,
        "continuation_token": edited.continuation_token,
    }))?;
    Ok(reply.header(REVISION, &edited.revision.to_string()))
}
