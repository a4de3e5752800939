//! A request, read before it is sent on.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, Request};
use http_body::Body as _;
use ztag_ai_security::guardrail::{BodyPlan, Kept, Paused, Unreadable};
use ztag_types::ForwardReport;

use super::RouteGuard;
use super::fields::Field;
use super::read::Message;
use super::withheld::{Side, Unread, Withheld};
use crate::body::{BodyError, Outgoing};
use crate::whole::{self, Unwhole};

/// What is read of requests, compiled.
#[derive(Debug)]
pub(super) struct RequestPlan {
    pub(super) body: Option<BodyPlan>,
    pub(super) fields: Box<[HeaderName]>,
}

/// Why a request is not sent on.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The guardrail withholds it.
    Withheld(Withheld),
    /// Its body did not come to its end.
    Body(BodyError),
}

impl RouteGuard {
    /// Reads `request` and puts what may go on in the place of what came. Returns what is kept of it for
    /// the answer.
    pub(crate) async fn read_request(
        self: &Arc<Self>,
        request: &mut Request<Outgoing>,
        report: &mut ForwardReport,
    ) -> Result<Kept, Unsent> {
        let Some(plan) = &self.request else {
            return Ok(Kept::default());
        };
        let fields = Field::all(&plan.fields, request.headers());
        let taken = match &plan.body {
            Some(_) if !request.body().is_end_stream() => Some(self.take_body(request).await?),
            _ if fields.is_empty() => return Ok(Kept::default()),
            _ => None,
        };
        let (body, unread) = match taken.transpose() {
            Ok(body) => (body, None),
            Err(why) => (None, Some(why)),
        };
        let message = Message {
            fields: &fields,
            media: whole::media(request.headers()),
            body: body.as_ref(),
        };
        let mut outcome = self.read(Side::Request, message, Paused::default()).await;
        if let Some(why) = unread {
            outcome = self.without_body(Side::Request, why, outcome);
        }
        report.request = Some(outcome.report);
        let new = outcome.verdict.map_err(Unsent::Withheld)?;
        for (name, value) in new.fields {
            request.headers_mut().insert(name, value);
        }
        if let Some(new) = &new.body {
            whole::retold(request.headers_mut(), Some(new.len()));
        }
        if let Some(body) = new.body.or(body) {
            *request.body_mut() = Outgoing::Full(body);
        }
        Ok(outcome.kept)
    }

    /// The whole body, or why it is left where it is.
    async fn take_body(
        &self,
        request: &mut Request<Outgoing>,
    ) -> Result<Result<Bytes, Unread>, Unsent> {
        let least = request.body().size_hint().lower();
        if let Err(why) = self.check_body(request.headers(), least) {
            return Ok(Err(why));
        }
        let read = request.body_mut().read_whole(self.max_body).await;
        let read = read.map_err(Unsent::Body)?;
        Ok(read.ok_or_else(|| Unwhole::TooLarge.into()))
    }

    /// Whether a body under `headers`, of at least so many bytes, can be read.
    pub(super) fn check_body(&self, headers: &HeaderMap, least: u64) -> Result<(), Unread> {
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Unreadable::Encoded.into());
        }
        if least > self.max_body as u64 {
            return Err(Unwhole::TooLarge.into());
        }
        Ok(())
    }
}
