//! The body of a request, read before it is sent on.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_ENCODING;
use http_body::Body as _;
use ztag_ai_security::guardrail::{Kept, Paused, Unreadable};
use ztag_types::ForwardReport;

use super::RouteGuard;
use super::withheld::{Side, Unread, Withheld};
use crate::body::{BodyError, Outgoing};
use crate::whole::{self, Unwhole};

/// Why a request is not sent on.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The guardrail withholds it.
    Withheld(Withheld),
    /// Its body did not come to its end.
    Body(BodyError),
}

impl RouteGuard {
    /// Reads the body of `request` and puts the one that may go on in its place. Returns what is kept
    /// of it for the answer.
    pub(crate) async fn read_request(
        self: &Arc<Self>,
        request: &mut Request<Outgoing>,
        report: &mut ForwardReport,
    ) -> Result<Kept, Unsent> {
        if self.request.is_none() || request.body().is_end_stream() {
            return Ok(Kept::default());
        }
        let body = match self.take_body(request).await? {
            Ok(body) => body,
            Err(why) => {
                let (verdict, unread) = self.pass_unread(Side::Request, why);
                report.request = Some(Box::new(unread));
                return verdict.map(|()| Kept::default()).map_err(Unsent::Withheld);
            }
        };
        let media = whole::media(request.headers());
        let outcome = self.read(Side::Request, media, &body, Paused::default());
        let outcome = outcome.await;
        report.request = Some(outcome.report);
        let new = outcome.verdict.map_err(Unsent::Withheld)?;
        if let Some(new) = &new {
            whole::retold(request.headers_mut(), Some(new.len()));
        }
        *request.body_mut() = Outgoing::Full(new.unwrap_or(body));
        Ok(outcome.kept)
    }

    /// The whole body, or why it is left where it is.
    async fn take_body(
        &self,
        request: &mut Request<Outgoing>,
    ) -> Result<Result<Bytes, Unread>, Unsent> {
        if request.headers().contains_key(CONTENT_ENCODING) {
            return Ok(Err(Unreadable::Encoded.into()));
        }
        let too_large = Ok(Err(Unwhole::TooLarge.into()));
        if request.body().size_hint().lower() > self.max_body as u64 {
            return too_large;
        }
        let read = request.body_mut().read_whole(self.max_body).await;
        match read.map_err(Unsent::Body)? {
            Some(body) => Ok(Ok(body)),
            None => too_large,
        }
    }
}
