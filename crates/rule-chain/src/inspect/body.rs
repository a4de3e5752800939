//! The body of a request, read by a guardrail.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use ztag_ai_security::Channel;
use ztag_ai_security::extract::{Extractor, Refused, Texts};
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
            (Some(extractor), _) if is_json(headers) => {
                Ok(read_json(&extractor.read(body)?, reading))
            }
            (_, None) => Err(Unreadable::MediaType),
            (json, Some(channel)) => {
                // Who is behind us may take for JSON what is, whatever it is called.
                let texts = json.as_ref().and_then(|json| json.read(body).ok());
                let masked = texts.and_then(|texts| read_json(&texts, reading));
                let read = read_text(channel, masked.as_ref().unwrap_or(body), reading)?;
                Ok(read.or(masked))
            }
        }
    }
}

fn read_json(texts: &Texts<'_>, reading: &mut Reading<'_>) -> Option<Bytes> {
    let read = texts.rewrite(|text, decoded| {
        let place = format!("body[{}..{}]", text.raw.start, text.raw.end);
        match reading.read(&decoded, text.channel, &place) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        }
    });
    match read {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(Bytes::from(masked)),
    }
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
