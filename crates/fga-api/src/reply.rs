//! Answers and their bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName, Response};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// The model that a question was answered by.
pub(crate) const MODEL_ID: HeaderName = HeaderName::from_static("openfga-authorization-model-id");
/// The store that was asked.
pub(crate) const STORE_ID: HeaderName = HeaderName::from_static("openfga-store-id");
/// The number of the request, for logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The body of an answer: whole, or line by line as it is found.
#[derive(Debug)]
pub struct ReplyBody(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Option<Bytes>),
    Lines {
        first: Option<Line>,
        rest: mpsc::Receiver<Line>,
    },
}

/// One line of a body that is written as it is found.
#[derive(Debug)]
pub(crate) enum Line {
    /// What was found, with its line break.
    Found(Bytes),
    /// Why there is no more.
    Failed(Failure),
}

impl Line {
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Found(bytes) => bytes,
            Self::Failed(failure) => {
                let error = failure.in_stream();
                format!("{}\n", json!({ "error": error })).into()
            }
        }
    }
}

impl ReplyBody {
    /// `first`, and the lines that `rest` yields until its senders are gone.
    pub(crate) const fn lines(first: Option<Line>, rest: mpsc::Receiver<Line>) -> Self {
        Self(Kind::Lines { first, rest })
    }
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take()),
            Kind::Lines { first, rest } => match first.take() {
                Some(line) => Poll::Ready(Some(line.into_bytes())),
                None => rest.poll_recv(cx).map(|line| line.map(Line::into_bytes)),
            },
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Kind::Lines { .. } => SizeHint::default(),
        }
    }
}

/// An answer before it gets the headers that all of them have.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ReplyBody,
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        let Ok(text) = serde_json::to_vec(value) else {
            return Err(Failure::internal("Internal Server Error"));
        };
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json);
        Ok(Self {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(text).into(),
        })
    }

    /// 200 with text, as Prometheus reads it.
    pub(crate) fn text(text: String) -> Self {
        let mut headers = HeaderMap::new();
        let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
        Self {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(text).into(),
        }
    }

    /// 204.
    pub(crate) fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            body: Bytes::new().into(),
        }
    }

    /// The same with another status.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same, telling which model answered.
    pub(crate) fn by_model(self, id: &str) -> Self {
        self.header(MODEL_ID, id)
    }

    /// The same with one more header field.
    pub(crate) fn header(self, name: HeaderName, value: &str) -> Self {
        self.field(name, HeaderValue::from_str(value).ok())
    }

    /// The same with the number of the request.
    pub(crate) fn numbered(self, id: String) -> Self {
        self.field(REQUEST_ID, HeaderValue::try_from(id).ok())
    }

    fn field(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        if let Some(value) = value {
            self.headers.insert(name, value);
        }
        self
    }

    /// The whole response.
    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<&Failure> for Reply {
    fn from(failure: &Failure) -> Self {
        let reply = Self::json(&failure.body());
        let empty = |_| Self::empty();
        reply.unwrap_or_else(empty).status(failure.status())
    }
}
