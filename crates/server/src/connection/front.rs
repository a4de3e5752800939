//! What stands between a connection and who answers: requests that this connection should not
//! carry go no further.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::Protocol;

use super::reply::{Reply, refuse, refuse_and_close};
use crate::open_stream::OpenStream;
use crate::peer::Peer;
use crate::progress::{Drain, Exchange, Progress};
use crate::serve::Answer;
use crate::tls::CertificateStore;

/// Who answers the requests of one connection.
pub(super) struct Front<A> {
    pub(super) answer: Arc<A>,
    pub(super) progress: Arc<Progress>,
    pub(super) peer: Peer,
    pub(super) certificates: Option<CertificateStore>,
    pub(super) max_headers: usize,
}

impl<A: Answer> Front<A> {
    pub(super) async fn answer(&self, mut request: Request<Incoming>) -> Response<Reply<A::Body>> {
        let bodiless = request.body().is_end_stream();
        let exchange = Exchange::begin(&self.progress, bodiless);
        if !bodiless && !self.progress.is_multiplexed() {
            request.extensions_mut().insert(exchange.body_end());
        }
        if self.is_last() {
            self.progress.ask_to_end();
            // The connection is polled on, sees it, and lets the reply say so.
            tokio::task::yield_now().await;
        }
        if is_framed_oddly(request.headers()) {
            return refuse_and_close(StatusCode::BAD_REQUEST, exchange);
        }
        if let Some(status) = self.objection(&request) {
            return refuse(status, exchange);
        }
        if A::EXTENDED_CONNECT && request.extensions().get::<Protocol>().is_some() {
            let stream = OpenStream::begin(&self.progress);
            request.extensions_mut().insert(stream);
        }
        let without_body = request.method() == Method::HEAD && self.progress.is_multiplexed();
        let response = self.answer.answer(request, self.peer.clone()).await;
        if without_body {
            headed(response, exchange)
        } else {
            response.map(|body| Reply::new(body, exchange))
        }
    }

    /// Whether no request may follow on this connection. HTTP/2 has a frame of its own to say so.
    fn is_last(&self) -> bool {
        self.progress.pulse().drain() != Drain::No && !self.progress.is_multiplexed()
    }

    /// Why the request does not belong here.
    fn objection(&self, request: &Request<Incoming>) -> Option<StatusCode> {
        // HTTP/1.1 counts while it parses.
        if self.progress.is_multiplexed() && request.headers().len() > self.max_headers {
            return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        self.is_misdirected(request)
            .then_some(StatusCode::MISDIRECTED_REQUEST)
    }

    fn is_misdirected(&self, request: &Request<Incoming>) -> bool {
        let (Some(certificates), Some(session)) = (&self.certificates, &self.peer.tls) else {
            return false;
        };
        let Some(asked) = &session.server_name else {
            return false;
        };
        // Two hosts are refused by whoever answers; here either one may be misdirected.
        let target = request.uri().authority().map(http::uri::Authority::as_str);
        let fields = request.headers().get_all(HOST).into_iter();
        let hosts = fields.filter_map(|host| host.to_str().ok());
        target
            .into_iter()
            .chain(hosts)
            .any(|host| !certificates.serves(asked, host))
    }
}

/// Whether a request has another transfer coding than `chunked`, once. The parser is content when
/// that is the last one; any other would get lost on the way, so that whoever comes next reads
/// other content than the client sent (RFC 9112 section 6.1).
fn is_framed_oddly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    let first = codings.next();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    first.is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some()
}

/// The reply to HEAD over HTTP/2, where nothing cuts its body off but this.
fn headed<B: Body>(response: Response<B>, exchange: Exchange) -> Response<Reply<B>> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|_| !body.is_end_stream()) {
        let fields = head.headers.entry(CONTENT_LENGTH);
        fields.or_insert_with(|| HeaderValue::from(length));
    }
    Response::from_parts(head, Reply::empty(exchange))
}
