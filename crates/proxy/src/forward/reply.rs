//! The body of a gateway's response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::guard::Guarded;
use crate::headers::returning_trailers;
use crate::upstream::{RelayError, Relayed};

/// The body of a response: the gateway's own words, or an upstream's as they come.
#[derive(Debug)]
pub enum ReplyBody {
    /// Whole in memory.
    Full(Bytes),
    /// As the upstream sends it: no piece waits for another, and none is taken before the client
    /// took the one before.
    Relayed(Relayed),
    /// As a guardrail lets it pass.
    Guarded(Box<Guarded>),
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl From<Relayed> for ReplyBody {
    fn from(relayed: Relayed) -> Self {
        Self::Relayed(relayed)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Relayed(relayed) => {
                let mut polled = Pin::new(relayed).poll_frame(cx);
                if let Poll::Ready(Some(Ok(frame))) = &mut polled
                    && let Some(trailers) = frame.trailers_mut()
                {
                    returning_trailers(trailers);
                }
                polled
            }
            Self::Guarded(guarded) => Pin::new(&mut **guarded).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Relayed(relayed) => relayed.is_end_stream(),
            Self::Guarded(guarded) => guarded.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Relayed(relayed) => relayed.size_hint(),
            Self::Guarded(guarded) => guarded.size_hint(),
        }
    }
}
