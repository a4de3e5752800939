//! One function for each call of the API.

pub(crate) mod assertions;
pub(crate) mod authzen;
pub(crate) mod edits;
pub(crate) mod lists;
pub(crate) mod models;
pub(crate) mod queries;
pub(crate) mod search;
pub(crate) mod stores;
pub(crate) mod tuples;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ztag_fga::{ErrorCode, Model, ModelId, Store};
use ztag_fga_store::NamedStore;

use crate::failure::Failure;
use crate::query::Query;
use crate::route::Call;
use crate::wire::ask::Consistency;

/// A call that came through: who calls may do this, and everything was read.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) call: Call,
    /// The store; an empty one where there is none of this id.
    pub(crate) store: Arc<Store>,
    /// The same to be written to, if there is one.
    pub(crate) named: Option<Arc<NamedStore>>,
    /// As the path writes it.
    pub(crate) store_id: &'a str,
    /// As the path writes it.
    pub(crate) model_id: &'a str,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    /// How long the question may wait for what others wrote.
    pub(crate) patience: Duration,
}

impl Asked<'_> {
    /// The model named, or the latest.
    pub(crate) fn model(&self, id: Option<&ModelId>) -> Result<Arc<Model>, Failure> {
        self.store.model(id).map_err(|error| match error.code() {
            ErrorCode::LatestModelNotFound => {
                let id = self.store_id;
                let message = format!("No authorization models found for store '{id}'");
                Failure::coded(error.code(), &message)
            }
            _ => error.into(),
        })
    }

    /// Returns when the answer can be as fresh as is demanded.
    pub(crate) async fn freshen(&self, consistency: Consistency) -> Result<(), Failure> {
        match &self.named {
            Some(named) if consistency == Consistency::HigherConsistency => {
                Ok(named.latest(self.patience).await?)
            }
            _ => Ok(()),
        }
    }

    /// The store to be written to.
    pub(crate) fn named(&self) -> Result<&NamedStore, Failure> {
        self.named.as_deref().ok_or_else(stores::unknown)
    }

    /// The name of the request, in messages.
    pub(crate) const fn message(&self) -> &'static str {
        self.call.request()
    }
}

/// A continuation token that stands for the last item of a page.
fn token_after(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

/// The last item of the page before; `None` at the beginning.
fn read_token(token: &str) -> Result<Option<String>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong = || {
        Failure::coded(
            ErrorCode::InvalidContinuationToken,
            "Invalid continuation token",
        )
    };
    text.map(Some).ok_or_else(wrong)
}
