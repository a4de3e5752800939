//! Stores: making, naming and deleting them.

use http::StatusCode;
use serde_json::json;
use ztag_fga::ErrorCode;
use ztag_fga_store::{StoreId, Stores};

use crate::access::Grant;
use crate::calls::{read_token, token_after};
use crate::failure::Failure;
use crate::query::Query;
use crate::reply::{Reply, STORE_ID};
use crate::rule::{self, Rule};
use crate::wire::{self, ask, tell::StoreBody};

/// `POST /stores`.
pub(crate) async fn create(stores: &Stores, body: &[u8]) -> Result<Reply, Failure> {
    let ask::CreateStore { name } = wire::read(body)?;
    Rule::StoreName.check("CreateStoreRequest", "Name", &name)?;
    let store = stores.create(&name).await?;
    let reply = Reply::json(&StoreBody::from(&*store))?;
    let reply = reply.header(STORE_ID, store.id().as_str());
    Ok(reply.status(StatusCode::CREATED))
}

/// `GET /stores`: those that the caller may ask.
pub(crate) fn list(stores: &Stores, query: &Query, grant: &Grant) -> Result<Reply, Failure> {
    const MESSAGE: &str = "ListStoresRequest";
    let size = rule::page_size(MESSAGE, query.number("page_size")?)?;
    let (token, name) = (query.text("continuation_token"), query.text("name"));
    rule::token(MESSAGE, token)?;
    let after = read_token(token)?;
    let after = after.map(|id| StoreId::parse(&id).ok_or_else(broken_token));
    let after = after.transpose()?;
    let mut found = stores.list(after.as_ref(), size + 1, |store| {
        grant.covers(store.id().as_str()) && (name.is_empty() || store.name() == name)
    });
    let has_more = found.len() > size;
    found.truncate(size);
    let last = found.last().filter(|_| has_more);
    let token = last.map(|store| token_after(store.id().as_str()));
    let listed = found.iter().map(|store| StoreBody::from(&**store));
    Reply::json(&json!({
        "stores": listed.collect::<Vec<_>>(),
        "continuation_token": token.unwrap_or_default(),
    }))
}

fn broken_token() -> Failure {
    Failure::coded(
        ErrorCode::InvalidContinuationToken,
        "Invalid continuation token",
    )
}

/// `GET /stores/{store}`.
pub(crate) fn read(stores: &Stores, id: &str) -> Result<Reply, Failure> {
    let store = StoreId::parse(id).and_then(|id| stores.find(&id));
    let store = store.ok_or_else(unknown)?;
    Reply::json(&StoreBody::from(&*store))
}

/// `DELETE /stores/{store}`: done also where there is none.
pub(crate) async fn delete(stores: &Stores, id: &str) -> Result<Reply, Failure> {
    if let Some(id) = StoreId::parse(id) {
        stores.delete(&id).await?;
    }
    Ok(Reply::empty())
}

/// There is no such store.
pub(crate) fn unknown() -> Failure {
    Failure::coded(ErrorCode::StoreNotFound, "Store ID not found")
}
