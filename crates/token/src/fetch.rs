//! Documents of issuers, fetched through the one door out.

use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use url::Url;
use ztag_backend::{Call, Client, FailureKind, PageReply};

use crate::key::KeyError;

/// Why an issuer did not give what was asked for. Holds nothing of its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No usable reply.
    #[error("no reply: {0}")]
    Call(FailureKind),
    /// A reply with another status than 200; redirects are not followed.
    #[error("status {0}")]
    Status(u16),
    /// Not the JSON expected.
    #[error("not the document expected")]
    Document,
    /// The metadata is about another issuer.
    #[error("the metadata is about another issuer")]
    Issuer,
    /// The metadata names an address of another origin.
    #[error("the metadata names an address of another origin")]
    Origin,
    /// No usable keys.
    #[error("no usable keys: {0}")]
    Keys(KeyError),
}

/// The document at `address`.
pub(crate) async fn fetch(
    client: &Client,
    address: Url,
    timeout: Duration,
    max_bytes: usize,
) -> Result<PageReply, FetchError> {
    let mut call = Call::get(address);
    call.headers
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    call.timeout = timeout;
    call.max_body = max_bytes;
    call.retries = 1;
    send(client, call).await
}

/// The one page that answers `call` with status 200.
pub(crate) async fn send(client: &Client, call: Call) -> Result<PageReply, FetchError> {
    let reply = client.send(call).await;
    let mut pages = reply
        .map_err(|failure| FetchError::Call(failure.kind()))?
        .pages;
    let page = pages.pop().ok_or(FetchError::Document)?;
    match page.status.as_u16() {
        200 => Ok(page),
        status => Err(FetchError::Status(status)),
    }
}
