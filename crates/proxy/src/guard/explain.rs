//! What a guard reads, and what it would say of a request: told without sending it on.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Value as Json, json};
use ztag_ai_security::guardrail::{BodyPlan, OnUnreadable, Paused};
use ztag_pipeline::GuardReport;

use super::RouteGuard;
use super::fields::Field;
use super::read::Message;
use super::request::RequestPlan;
use super::withheld::Side;
use crate::whole;

impl RouteGuard {
    /// What is read, and what is to be said of a request of these fields and this body, if requests are
    /// read: as it came, whatever the endpoint would make of it. A classifier is not asked.
    pub(crate) fn explain(&self, headers: &HeaderMap, body: &Bytes) -> GuardReport {
        let mut report = GuardReport {
            settings: self.describe(),
            ..GuardReport::default()
        };
        let Some(plan) = &self.request else {
            return report;
        };
        let fields = Field::all(&plan.fields, headers);
        let is_read = plan.body.is_some() && !body.is_empty();
        let unread = self.check_body(headers, body.len() as u64).err();
        let unread = unread.filter(|_| is_read);
        let message = Message {
            fields: &fields,
            media: whole::media(headers),
            body: Some(body).filter(|_| is_read && unread.is_none()),
        };
        let mut outcome = self.read_now(Side::Request, message, Paused::default());
        if let Some(why) = unread {
            outcome = self.without_body(Side::Request, why, outcome);
        }
        report.request = Some(outcome.report);
        if let Err(withheld) = outcome.verdict {
            report.withheld = Some((withheld.status(), withheld.reason()));
        }
        report
    }

    fn describe(&self) -> Json {
        json!({
            "guardrail": self.name,
            "shadow": self.shadow,
            "restore": self.restore,
            "onUnreadable": match self.on_unreadable {
                OnUnreadable::Block => "block",
                OnUnreadable::Allow => "allow",
            },
            "maxBytes": self.max_body,
            "reads": {
                "request": self.request.as_ref().map(RequestPlan::describe),
                "response": self.response.as_ref().map(BodyPlan::describe),
            },
            "finds": self.guardrail.describe(),
        })
    }
}

impl RequestPlan {
    fn describe(&self) -> Json {
        json!({
            "headers": self.fields.iter().map(HeaderName::as_str).collect::<Vec<_>>(),
            "body": self.body.as_ref().map(BodyPlan::describe),
        })
    }
}
