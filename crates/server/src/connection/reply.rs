//! The body of a reply, which notes how far it has come.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::progress::Exchange;

/// The body of an answer, or none; its [`Exchange`] ends with it.
#[derive(Debug)]
pub(super) struct Reply<B> {
    body: Option<B>,
    exchange: Exchange,
}

impl<B: Body> Reply<B> {
    pub(super) fn new(body: B, mut exchange: Exchange) -> Self {
        if body.is_end_stream() {
            exchange.finish();
        }
        exchange.reply();
        let body = Some(body);
        Self { body, exchange }
    }

    pub(super) fn empty(mut exchange: Exchange) -> Self {
        exchange.finish();
        exchange.reply();
        let body = None;
        Self { body, exchange }
    }
}

/// A reply of ours: nobody was asked.
pub(super) fn refuse<B: Body>(status: StatusCode, exchange: Exchange) -> Response<Reply<B>> {
    let mut response = Response::new(Reply::empty(exchange));
    *response.status_mut() = status;
    response
}

/// A reply of ours to a request of which it is not sure where it ends: none follows it.
pub(super) fn refuse_and_close<B: Body>(
    status: StatusCode,
    exchange: Exchange,
) -> Response<Reply<B>> {
    let mut response = refuse(status, exchange);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Self { body, exchange } = &mut *self;
        // Whoever asks for more has room for it.
        exchange.take();
        let Some(body) = body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => exchange.give(),
            // A reply that breaks off here is not the client's doing.
            Some(Err(_)) | None => exchange.finish(),
        }
        if body.is_end_stream() {
            exchange.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(none, Body::size_hint)
    }
}
