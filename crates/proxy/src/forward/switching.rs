//! Two connections that are to become one: asked for, agreed to, joined.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::failed::Why;
use super::reply::ReplyBody;
use super::tunnel::{ClientUpgrade, Patience};
use super::websocket;
use crate::body::Outgoing;
use crate::headers::returning;
use crate::route::Route;
use crate::upstream::Relayed;

/// A handshake that the route offers.
#[derive(Debug)]
pub(super) struct Switching {
    client: ClientUpgrade,
    /// What the upstream must answer to (RFC 6455 section 1.3).
    key: HeaderValue,
}

/// What an upstream said to a handshake.
#[derive(Debug)]
pub(super) enum Agreed {
    /// It switched, and both connections are joined behind this response.
    Switched(Response<ReplyBody>),
    /// It answered like any other request.
    Answered(Response<Relayed>),
}

impl Switching {
    /// The handshake that the request is, if it is one. What else a client would like to switch to
    /// is ignored (RFC 9110 section 7.8).
    pub(super) fn asked(
        route: &Route,
        (method, headers, body): (&Method, &HeaderMap, &Outgoing),
        client: Option<ClientUpgrade>,
    ) -> Result<Option<Self>, Why> {
        let is_stream = client.as_ref().is_some_and(ClientUpgrade::is_stream);
        if !is_stream && !websocket::is_asked(headers) {
            return Ok(None);
        }
        if !route.websocket {
            return Err(Why::NoWebsocket);
        }
        let key = if is_stream {
            websocket::check_stream(headers)?;
            websocket::new_key()?
        } else {
            websocket::check(method, headers, body)?
        };
        let client = client.ok_or(Why::Handshake("the connection cannot be switched"))?;
        Ok(Some(Self { client, key }))
    }

    /// Asks the upstream, in the fields of the request.
    pub(super) fn ask(&self, fields: &mut HeaderMap) {
        websocket::ask(fields, &self.key);
    }

    /// Joins both connections when the upstream agreed to what it was asked, for as long as neither
    /// is silent for `idle` and what the client was admitted by is valid.
    pub(super) fn agree(
        self,
        mut response: Response<Relayed>,
        idle: Duration,
        valid_for: Option<Duration>,
    ) -> Result<Agreed, Why> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // To a stream, success is agreement (RFC 8441 section 5).
            return if self.client.is_stream() && response.status().is_success() {
                Err(Why::Switched(
                    "the upstream answers the handshake and does not switch",
                ))
            } else {
                Ok(Agreed::Answered(response))
            };
        }
        websocket::check_granted(response.headers(), &self.key).map_err(Why::Switched)?;
        let upstream = hyper::upgrade::on(&mut response);
        let (mut head, exchange) = response.into_parts();
        returning(&mut head.headers);
        head.headers.remove(CONTENT_LENGTH);
        head.extensions.clear();
        if self.client.is_stream() {
            head.status = StatusCode::OK;
            head.headers.remove(SEC_WEBSOCKET_ACCEPT);
        } else {
            websocket::switched(&mut head.headers);
        }
        self.client
            .join(upstream, exchange, Patience { idle, valid_for });
        let nothing = ReplyBody::from(bytes::Bytes::new());
        Ok(Agreed::Switched(Response::from_parts(head, nothing)))
    }
}
