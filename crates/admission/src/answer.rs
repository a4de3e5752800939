//! What is said to those who are not admitted.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use ztag_expr::Template;
use ztag_types::{
    AdmissionView, Admitted, EndpointName, Object, Outcome, Reads, Reply, Root, Slots, SmolStr,
    Snapshot, Timestamp, View,
};

use crate::challenge::Challenges;

const UNAUTHENTICATED: &str = "authentication required";
const REFUSED: &str = "request refused";

/// The compiled answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Challenge, configured fields, content type: each name once, ready to send.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Template>,
    /// Challenges of tokens, where they are taken and the configuration does not write the
    /// challenge itself.
    pub(crate) challenges: Option<Challenges>,
    pub(crate) endpoint: EndpointName,
}

impl Answer {
    /// To a request without credentials: the configured status, challenge, fields and body.
    pub(crate) fn challenge(&self, snapshot: &Snapshot, denied: &Admitted) -> Reply {
        let view = Denied(AdmissionView {
            admitted: denied,
            client: &snapshot.client,
        });
        let slots = self
            .slots(&snapshot.correlation, snapshot.received)
            .with(Root::Request, View::Object(snapshot))
            .with(Root::Subrequest, View::Object(&snapshot.subrequest))
            .with(Root::Admission, View::Object(&view));
        Reply {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body(&slots, UNAUTHENTICATED),
        }
    }

    /// To a request whose token does not admit it: the same with another challenge, and perhaps
    /// another status.
    pub(crate) fn refused(&self, snapshot: &Snapshot, denied: &Admitted, said: Said) -> Reply {
        let mut reply = self.challenge(snapshot, denied);
        reply.status = said.status.unwrap_or(reply.status);
        if self.challenges.is_some() {
            reply.headers.retain(|(name, _)| *name != WWW_AUTHENTICATE);
            let challenge = said.challenge.map(|value| (WWW_AUTHENTICATE, value));
            reply.headers.extend(challenge);
        }
        let nonce = said
            .nonce
            .and_then(|nonce| HeaderValue::try_from(nonce).ok());
        reply
            .headers
            .extend(nonce.map(|value| (DPOP_NONCE.clone(), value)));
        reply
    }

    /// To a request that must not be read: no challenge and no redirect, since no credential would
    /// help, and a body that knows nothing of the request.
    pub(crate) fn refusal(
        &self,
        status: StatusCode,
        correlation: &SmolStr,
        received: Timestamp,
    ) -> Reply {
        let helps = |name: &HeaderName| *name == WWW_AUTHENTICATE || *name == LOCATION;
        let headers = self.headers.iter().filter(|(name, _)| !helps(name));
        Reply {
            status,
            headers: headers.cloned().collect(),
            body: self.body(&self.slots(correlation, received), REFUSED),
        }
    }

    /// What the body reads.
    pub(crate) fn reads(&self) -> Reads {
        self.body
            .as_ref()
            .map_or_else(Reads::nothing, |body| body.reads().clone())
    }

    fn slots<'a>(&'a self, correlation: &'a str, received: Timestamp) -> Slots<'a> {
        Slots::new()
            .with(Root::Endpoint, View::Str(self.endpoint.as_str()))
            .with(Root::CorrelationId, View::Str(correlation))
            .with(Root::Now, View::Timestamp(received))
    }

    /// The rendered body; the default text where there is none or it fails, never its source.
    fn body(&self, slots: &Slots<'_>, default: &'static str) -> Bytes {
        let rendered = self
            .body
            .as_ref()
            .and_then(|body| body.render(slots.scope()).ok());
        match rendered {
            Some(text) if !text.trim().is_empty() => text.into(),
            _ => Bytes::from_static(default.as_bytes()),
        }
    }
}

/// What is said of a token beside the configured answer.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) status: Option<StatusCode>,
    pub(crate) challenge: Option<HeaderValue>,
    /// The nonce that the next proof must hold (RFC 9449 section 9).
    pub(crate) nonce: Option<String>,
}

static DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The `admission` root of a request that was not admitted.
struct Denied<'a>(AdmissionView<'a>);

impl Object for Denied<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        match name {
            "decision" => Some(View::Str(Outcome::Fail.as_str())),
            other => self.0.field(other),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.0.names()
    }
}

/// `text/plain`, which the default texts are.
pub(crate) const fn plain_text() -> (HeaderName, HeaderValue) {
    (
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    )
}
