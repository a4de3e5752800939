//! Bodies of responses that are read whole, and go on otherwise than they came.

mod fields;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use http_body_util::BodyExt;

use crate::forward::ReplyBody;

pub(crate) use fields::{asking, check, is_json, length, media, retold, rewritten, unranged};

/// Why a body is not there whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwhole {
    /// It is encoded, although that was not asked for.
    #[error("the body is encoded")]
    Encoded,
    /// It is a part.
    #[error("the body is a part")]
    Part,
    /// It is larger than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// It broke off.
    #[error("the body broke off")]
    Broken,
}

/// Whether a response of this status to a request of this method has no body (RFC 9110 section 6.4.1).
pub(crate) fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD
        || matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        )
}

/// What could be taken of a body.
#[derive(Debug)]
pub(crate) enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// More than was wanted; the rest is still to come.
    Part(Bytes),
}

/// Takes `body`, `most` bytes of it at the most. Trailers of what is whole are dropped.
pub(crate) async fn gather(body: &mut ReplyBody, most: usize) -> Result<Gathered, Unwhole> {
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unwhole::Broken)?;
        pieces.add(frame.into_data().unwrap_or_default());
        if pieces.len() > most {
            return Ok(Gathered::Part(pieces.join()));
        }
    }
    Ok(Gathered::Whole(pieces.join()))
}

/// Pieces of a body. One alone is not copied.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    first: Bytes,
    all: BytesMut,
}

impl Pieces {
    pub(crate) fn add(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    pub(crate) fn join(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}
