//! Why a permitted request has no response of its upstream, and what its client is told.

use std::error::Error as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SEC_WEBSOCKET_VERSION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use ztag_token::client::TokenError;
use ztag_types::{Reason, ReasonCode};

use super::reply::ReplyBody;
use crate::filter::Unfiltered;
use crate::guard::Withheld;
use crate::upstream::{Breach, UpstreamFailure};

/// Why a permitted request has no response of its upstream.
#[derive(Debug)]
#[must_use]
pub struct Failed {
    why: Why,
    /// The correlation id, and the field that carries it.
    correlation: Option<(HeaderName, HeaderValue)>,
}

/// The classes of failure.
#[derive(Debug)]
pub(super) enum Why {
    /// The upstream group gave no response.
    Upstream(UpstreamFailure),
    /// There is no credential for the upstream, which must not be asked without.
    Credential(TokenError),
    /// The body is larger than the route allows.
    TooLarge,
    /// The request came back to this gateway.
    Loop,
    /// `CONNECT` and `TRACE` end here.
    Method,
    /// A WebSocket handshake on a route without.
    NoWebsocket,
    /// A WebSocket handshake that is none (RFC 6455 section 4.2.1).
    Handshake(&'static str),
    /// A version of WebSocket other than 13 (RFC 6455 section 4.4).
    WebsocketVersion,
    /// The response cannot be reduced to what the client may see.
    Unfiltered(Unfiltered),
    /// A guardrail withholds the request or its response.
    Withheld(Withheld),
    /// The upstream agreed to something else than it was asked: what exactly.
    Switched(&'static str),
}

impl Failed {
    pub(super) const fn new(why: Why, correlation: Option<(HeaderName, HeaderValue)>) -> Self {
        Self { why, correlation }
    }

    /// The status that the client gets.
    pub const fn status(&self) -> StatusCode {
        match &self.why {
            Why::Upstream(failure) => failure.status(),
            Why::Credential(_) => StatusCode::SERVICE_UNAVAILABLE,
            Why::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Why::Loop => StatusCode::LOOP_DETECTED,
            Why::Method => StatusCode::NOT_IMPLEMENTED,
            Why::NoWebsocket | Why::Handshake(_) => StatusCode::BAD_REQUEST,
            Why::WebsocketVersion => StatusCode::UPGRADE_REQUIRED,
            Why::Switched(_) => StatusCode::BAD_GATEWAY,
            Why::Unfiltered(why) => why.status(),
            Why::Withheld(why) => why.status(),
        }
    }

    /// The reason for the record, with what operators want to know.
    pub fn reason(&self) -> Reason {
        let malformed = ReasonCode::RequestMalformed;
        match &self.why {
            Why::Upstream(failure) => match failure.source() {
                Some(source) => Reason::with_detail(failure.reason(), source.to_string()),
                None => failure.reason().into(),
            },
            Why::Credential(error) => {
                let detail = format!("no credential for the upstream: {error}");
                Reason::with_detail(ReasonCode::UpstreamUnavailable, detail)
            }
            Why::TooLarge => {
                let detail = "the body is larger than the route allows";
                Reason::with_detail(ReasonCode::RequestTooLarge, detail)
            }
            Why::Loop => {
                let detail = "the request came back to this gateway";
                Reason::with_detail(ReasonCode::UpstreamFailed, detail)
            }
            Why::Method => Reason::with_detail(malformed, "the method cannot be forwarded"),
            Why::NoWebsocket => {
                Reason::with_detail(malformed, "the route does not offer websocket")
            }
            Why::Handshake(detail) => Reason::with_detail(malformed, *detail),
            Why::WebsocketVersion => Reason::with_detail(malformed, "websocket version is not 13"),
            Why::Switched(detail) => Reason::with_detail(ReasonCode::UpstreamFailed, *detail),
            Why::Unfiltered(why) => why.reason(),
            Why::Withheld(why) => why.reason(),
        }
    }

    /// What the client is told: a few words and the correlation id, nothing of what lies behind.
    pub fn into_response(self) -> Response<ReplyBody> {
        let (media, body) = match &self.why {
            Why::Withheld(why) => why.body(),
            _ => (
                "text/plain; charset=utf-8",
                Bytes::from_static(self.text().as_bytes()),
            ),
        };
        let mut response = Response::new(ReplyBody::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        if matches!(self.why, Why::WebsocketVersion) {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if let Some((name, id)) = self.correlation {
            headers.insert(name, id);
        }
        response
    }

    const fn text(&self) -> &'static str {
        match &self.why {
            Why::Upstream(UpstreamFailure::Timeout) => "upstream timeout",
            Why::Upstream(UpstreamFailure::Broken(Breach::Slow | Breach::Expired)) => {
                "request body too slow"
            }
            Why::Upstream(UpstreamFailure::Broken(Breach::Request | Breach::Malformed)) => {
                "malformed request body"
            }
            Why::Upstream(UpstreamFailure::Broken(_)) | Why::Switched(_) => "upstream failed",
            Why::Upstream(_) | Why::Credential(_) => "upstream unavailable",
            Why::Unfiltered(Unfiltered::Nobody { .. }) => "forbidden",
            Why::Unfiltered(_) | Why::Withheld(_) => "response withheld",
            Why::TooLarge => "request body too large",
            Why::Loop => "loop detected",
            Why::Method => "method not supported",
            Why::NoWebsocket => "websocket not offered",
            Why::Handshake(_) => "malformed websocket handshake",
            Why::WebsocketVersion => "websocket version not supported",
        }
    }
}
