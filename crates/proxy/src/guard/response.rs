//! The body of a response, read before it is passed on, or while it is.

use std::sync::Arc;

use http::response::Parts;
use http::{Method, Response};
use http_body::Body as _;
use ztag_ai_security::Channel;
use ztag_ai_security::guardrail::{BodyPlan, Kept, Paused, Unreadable, is_utf8};
use ztag_ai_security::stream::EventGuard;
use ztag_types::ForwardReport;

use super::form::Form;
use super::read::Message;
use super::streamed::Guarded;
use super::withheld::{Side, Unread, Withheld};
use super::{Listener, RouteGuard};
use crate::forward::ReplyBody;
use crate::whole::{self, Gathered, Unwhole};

/// Media types of JSON in lines, which nobody registered.
const LINES: [&str; 5] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
];

/// What a response answers.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) method: Method,
    /// What is known of the request.
    pub(crate) kept: Kept,
    pub(crate) listener: Listener,
}

/// How a body is read.
enum Way {
    Whole,
    Streamed(Form),
}

impl RouteGuard {
    /// The response as it may be passed on.
    pub(crate) async fn read_response(
        self: &Arc<Self>,
        answered: Answered,
        response: Response<ReplyBody>,
        report: &mut ForwardReport,
    ) -> Result<Response<ReplyBody>, Withheld> {
        let Some(plan) = &self.response else {
            return Ok(response);
        };
        let (mut head, body) = response.into_parts();
        if whole::is_bodiless(&answered.method, head.status) {
            whole::rewritten(&mut head.headers, None);
            return Ok(Response::from_parts(head, body));
        }
        if body.is_end_stream() {
            return Ok(Response::from_parts(head, body));
        }
        let way = match self.way(plan, &head) {
            Ok(way) => way,
            Err(why) => {
                let (verdict, unread) = self.pass_unread(Side::Response, why);
                report.response = Some(Box::new(unread));
                return verdict.map(|()| Response::from_parts(head, body));
            }
        };
        let paused = self
            .guardrail
            .begin_answer(answered.kept, self.restore)
            .pause();
        let form = match way {
            Way::Whole if self.shadow => Form::beside(whole::media(&head.headers)),
            Way::Whole => return self.read_whole(head, body, paused, report).await,
            Way::Streamed(form) => form,
        };
        report.reads_on = true;
        let mut paused = paused;
        if !self.shadow {
            // Who only listens holds nothing up.
            paused = self.guardrail.asking_streamed(paused);
            whole::rewritten(&mut head.headers, None);
        }
        let guarded = Guarded::new(Arc::clone(self), body, form, paused, answered.listener);
        let body = ReplyBody::Guarded(Box::new(guarded));
        Ok(Response::from_parts(head, body))
    }

    /// How the body under this head is read.
    fn way(&self, plan: &BodyPlan, head: &Parts) -> Result<Way, Unread> {
        whole::check(head.status, &head.headers)?;
        let media = whole::media(&head.headers).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        if !is_utf8(media) {
            return Err(Unreadable::MediaType.into());
        }
        let length = whole::length(&head.headers);
        let events = || plan.json().cloned();
        if essence == "text/event-stream" {
            return Ok(Way::Streamed(Form::events(EventGuard::new(events()))));
        }
        if LINES.contains(&&*essence) {
            return Ok(Way::Streamed(Form::events(EventGuard::of_lines(events()))));
        }
        if plan.json().is_none() || !whole::is_json(media) {
            match plan.text() {
                None => return Err(Unreadable::MediaType.into()),
                Some(Channel::Output) if length.is_none() => {
                    return Ok(Way::Streamed(Form::text()));
                }
                Some(_) => {}
            }
        }
        if length.is_some_and(|length| length > self.max_body as u64) {
            return Err(Unwhole::TooLarge.into());
        }
        Ok(Way::Whole)
    }

    async fn read_whole(
        self: &Arc<Self>,
        mut head: Parts,
        mut body: ReplyBody,
        paused: Paused,
        report: &mut ForwardReport,
    ) -> Result<Response<ReplyBody>, Withheld> {
        let why = match whole::gather(&mut body, self.max_body).await {
            Ok(Gathered::Whole(whole)) => {
                let media = whole::media(&head.headers);
                let message = Message::body(media, &whole);
                let outcome = self.read(Side::Response, message, paused).await;
                report.response = Some(outcome.report);
                let body = if let Some(new) = outcome.verdict?.body {
                    whole::rewritten(&mut head.headers, Some(new.len()));
                    new
                } else {
                    whole::unranged(&mut head.headers);
                    whole
                };
                return Ok(Response::from_parts(head, ReplyBody::from(body)));
            }
            Ok(Gathered::Part(first)) => {
                body = ReplyBody::Guarded(Box::new(Guarded::unread(Arc::clone(self), first, body)));
                Unwhole::TooLarge
            }
            Err(why) => {
                // There is no rest that could be passed on.
                return Err(Withheld::unread(self, Side::Response, why.into()));
            }
        };
        let (verdict, unread) = self.pass_unread(Side::Response, why.into());
        report.response = Some(Box::new(unread));
        verdict.map(|()| Response::from_parts(head, body))
    }
}
