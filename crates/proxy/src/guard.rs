//! What a guardrail reads of what passes along a route, and what becomes of it.

mod compile;
mod explain;
mod fields;
mod form;
mod opinion;
mod read;
mod request;
mod response;
mod spec;
mod streamed;
mod withheld;

use std::sync::Arc;

use ztag_ai_security::guardrail::{BodyPlan, Guardrail, OnUnreadable};
use ztag_telemetry::Telemetry;
use ztag_types::{SmolStr, StreamReport};

use request::RequestPlan;
pub(crate) use request::Unsent;
pub(crate) use response::Answered;
pub use spec::{RequestGuardSpec, RouteGuardSpec};
pub use streamed::Guarded;
pub(crate) use withheld::Withheld;

/// What is read, compiled.
#[derive(Debug)]
pub(crate) struct RouteGuard {
    name: SmolStr,
    guardrail: Arc<Guardrail>,
    request: Option<RequestPlan>,
    response: Option<BodyPlan>,
    restore: bool,
    shadow: bool,
    on_unreadable: OnUnreadable,
    max_body: usize,
}

impl RouteGuard {
    /// Whether bodies of responses are read.
    pub(crate) const fn reads_responses(&self) -> bool {
        self.response.is_some()
    }

    /// Whether what passes is JSON, as far as anybody knows.
    fn reads_json(&self) -> bool {
        let request = self.request.as_ref().and_then(|own| own.body.as_ref());
        let mut plans = request.into_iter().chain(&self.response);
        plans.any(|plan| plan.json().is_some())
    }

    /// Whether what cannot be read passes.
    fn is_open(&self) -> bool {
        self.shadow || self.on_unreadable == OnUnreadable::Allow
    }
}

/// Who is told of a response that is read as it comes, once it has ended.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) telemetry: Option<Telemetry>,
    pub(crate) route: SmolStr,
    pub(crate) correlation: SmolStr,
}

impl Listener {
    fn tell(self, mut report: StreamReport) {
        if let Some(telemetry) = &self.telemetry {
            (report.route, report.correlation) = (self.route, self.correlation);
            telemetry.response_read(&report);
        }
    }
}
