//! Tuples: reading, writing, and the log of their changes.

use http::HeaderName;
use serde_json::{Value as Json, json};
use ztag_fga::{ChangesRequest, ReadRequest, TupleFilter, WriteRequest};

use crate::calls::Asked;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{self, Rule};
use crate::wire::tuple::{TupleKey, tuples};
use crate::wire::{self, ask, read_time, tell};

/// The number of the last change that every question sees from now on.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("ztag-revision");
/// Bytes of a user.
const MAX_USER: usize = 512;

/// `POST read`.
pub(crate) fn read(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let spec: ask::Read = wire::read(&asked.body)?;
    rule::token(message, &spec.continuation_token)?;
    let page = asked.store.read(&ReadRequest {
        filter: spec.tuple_key.map(filter).transpose()?,
        page_size: Some(rule::page_size(message, spec.page_size)?),
        continuation_token: spec.continuation_token,
    })?;
    Reply::json(&json!({
        "tuples": page.tuples.iter().map(tell::stored).collect::<Vec<_>>(),
        "continuation_token": page.continuation_token,
    }))
}

pub(crate) fn filter(key: TupleKey) -> Result<TupleFilter, Failure> {
    const MESSAGE: &str = "ReadRequestTupleKey";
    if key.user.len() > MAX_USER {
        let reason = format!("value length must be at most {MAX_USER} bytes");
        return Err(Failure::field(MESSAGE, "User", &reason));
    }
    Rule::Relation.check_given(MESSAGE, "Relation", &key.relation)?;
    Rule::Object.check_given(MESSAGE, "Object", &key.object)?;
    Ok(TupleFilter {
        user: key.user,
        relation: key.relation,
        object: key.object,
    })
}

/// `POST write`.
pub(crate) async fn write(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let spec: ask::Write = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(asked.message())?;
    let mut request = WriteRequest::default();
    if let Some(writes) = spec.writes {
        rule::some("WriteRequestWrites", "TupleKeys", &writes.tuple_keys)?;
        request.on_duplicate = writes.on_duplicate()?;
        request.writes = tuples(writes.tuple_keys)?;
    }
    if let Some(deletes) = spec.deletes {
        rule::some("WriteRequestDeletes", "TupleKeys", &deletes.tuple_keys)?;
        request.on_missing = deletes.on_missing()?;
        request.deletes = tuples(deletes.tuple_keys)?;
    }
    let model = asked.model(id.as_ref())?;
    request.model = Some(model.id().clone());
    let revision = asked.named()?.write(request).await?;
    let reply = Reply::json(&Json::Object(serde_json::Map::new()))?;
    let reply = reply.by_model(model.id().as_str());
    Ok(reply.header(REVISION, &revision.to_string()))
}

/// `GET changes`.
pub(crate) fn changes(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let (message, query) = (asked.message(), &asked.query);
    let (token, kind) = (query.text("continuation_token"), query.text("type"));
    rule::token(message, token)?;
    Rule::Type.check_given(message, "Type", kind)?;
    let start = query.text("start_time");
    let wrong = || Failure::validation(format!("invalid start_time: `{start}`"));
    let start_time = match start {
        "" => None,
        start => Some(read_time(start).ok_or_else(wrong)?),
    };
    let page = asked.store.read_changes(&ChangesRequest {
        type_name: kind.to_owned(),
        start_time,
        page_size: Some(rule::page_size(message, query.number("page_size")?)?),
        continuation_token: token.to_owned(),
    })?;
    Reply::json(&json!({
        "changes": page.changes.iter().map(tell::change).collect::<Vec<_>>(),
        "continuation_token": page.continuation_token,
    }))
}
