//! Models.

use http::StatusCode;
use serde_json::{Value as Json, json};
use ztag_fga::spec::ModelSpec;
use ztag_fga::{Model, ModelId};

use crate::calls::{Asked, read_token, token_after};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{self, Rule};
use crate::wire;

/// Schema versions that the protocol knows; the engine refuses the first.
const VERSIONS: [&str; 3] = ["1.0", "1.1", "1.2"];

/// `POST authorization-models`.
pub(crate) async fn write(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let spec: ModelSpec = wire::read(&asked.body)?;
    rule::some(message, "TypeDefinitions", &spec.type_definitions)?;
    if !VERSIONS.contains(&spec.schema_version.as_str()) {
        let reason = "value must be in list [1.0 1.1 1.2]";
        return Err(Failure::field(message, "SchemaVersion", reason));
    }
    let id = asked.named()?.write_model(spec).await?;
    let reply = Reply::json(&json!({"authorization_model_id": id.as_str()}))?;
    Ok(reply.status(StatusCode::CREATED).by_model(id.as_str()))
}

/// `GET authorization-models/{model}`.
pub(crate) fn read(asked: &Asked<'_>) -> Result<Reply, Failure> {
    Rule::Ulid.check(asked.message(), "Id", asked.model_id)?;
    let id = ModelId::parse(asked.model_id)?;
    let model = asked.model(Some(&id))?;
    let reply = Reply::json(&json!({"authorization_model": shown(&model)?}))?;
    Ok(reply.by_model(id.as_str()))
}

/// `GET authorization-models`: the latest first.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let message = asked.message();
    let size = rule::page_size(message, asked.query.number("page_size")?)?;
    let token = asked.query.text("continuation_token");
    rule::token(message, token)?;
    let before = read_token(token)?;
    let before = before.map(|id| ModelId::parse(&id)).transpose()?;
    let mut models = asked.store.models(before.as_ref(), size + 1);
    let has_more = models.len() > size;
    models.truncate(size);
    let last = models.last().filter(|_| has_more);
    let token = last.map(|model| token_after(model.id().as_str()));
    let shown: Result<Vec<_>, _> = models.iter().map(|model| shown(model)).collect();
    Reply::json(&json!({
        "authorization_models": shown?,
        "continuation_token": token.unwrap_or_default(),
    }))
}

/// A model as written, with its conditions also where there are none.
fn shown(model: &Model) -> Result<Json, Failure> {
    let shown = serde_json::to_value(model.spec());
    let mut shown = shown.map_err(|_| Failure::internal("Internal Server Error"))?;
    if let Some(fields) = shown.as_object_mut() {
        fields.entry("conditions").or_insert_with(|| json!({}));
    }
    Ok(shown)
}
