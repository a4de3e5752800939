//! What a guardrail reads of the bodies that pass along a route, and what becomes of them.

mod compile;
mod form;
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

pub(crate) use request::Unsent;
pub(crate) use response::Answered;
pub use spec::RouteGuardSpec;
pub use streamed::Guarded;
pub(crate) use withheld::Withheld;

/// What is read, compiled.
#[derive(Debug)]
pub(crate) struct RouteGuard {
    name: SmolStr,
    guardrail: Arc<Guardrail>,
    request: Option<BodyPlan>,
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
