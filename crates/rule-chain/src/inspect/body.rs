//! The body of a request, read by a guardrail.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use ztag_ai_security::Channel;
use ztag_ai_security::extract::{Extractor, Refused};
use ztag_ai_security::guardrail::Reading;
use ztag_types::Snapshot;

/// What is read of bodies, compiled.
#[derive(Clone, Debug)]
pub(crate) struct BodyPlan {
    pub(crate) json: Option<Extractor>,
    pub(crate) text: Option<Channel>,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the body is encoded")]
    Encoded,
    #[error("the media type of the body is not one to read")]
    MediaType,
    #[error("the body is not text")]
    NotText,
    #[error(transparent)]
    Json(#[from] Refused),
}

impl BodyPlan {
    /// Reads what is selected. Returns the body with placeholders, if there are any.
    pub(crate) fn read(
        &self,
        snapshot: &Snapshot,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Bytes>, Unreadable> {
        let (headers, body) = (snapshot.subrequest.headers.raw(), &snapshot.body.bytes);
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Unreadable::Encoded);
        }
        match (&self.json, self.text) {
            (Some(extractor), _) if is_json(headers) => read_json(extractor, body, reading),
            (_, Some(channel)) => read_text(channel, body, reading),
            _ => Err(Unreadable::MediaType),
        }
    }
}

fn read_json(
    extractor: &Extractor,
    body: &[u8],
    reading: &mut Reading<'_>,
) -> Result<Option<Bytes>, Unreadable> {
    let texts = extractor.read(body)?;
    let read = texts.rewrite(|text, decoded| {
        let place = format!("body[{}..{}]", text.raw.start, text.raw.end);
        match reading.read(&decoded, text.channel, &place) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        }
    });
    Ok(owned(read))
}

fn read_text(
    channel: Channel,
    body: &[u8],
    reading: &mut Reading<'_>,
) -> Result<Option<Bytes>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotText)?;
    Ok(match reading.read(text, channel, "body") {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(Bytes::from(masked)),
    })
}

fn owned(read: Cow<'_, [u8]>) -> Option<Bytes> {
    match read {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(Bytes::from(masked)),
    }
}

/// `application/json`, `application/problem+json; charset=utf-8` and the like; nothing announced is
/// no JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let media = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media.unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}
