//! One request in, one decision and its record out.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use smallvec::SmallVec;
use tracing::Span;
use ztag_admission::{Hop, Refused, adapt, capture};
use ztag_response_policy::ReplyInput;
use ztag_telemetry::Telemetry;
use ztag_types::{
    Admitted, CacheReport, Clock, Credential, Detail, Halt, Outcome, Reason, ReasonCode, Record,
    Reply, RuleName, SmolStr, Snapshot, Trace,
};

use crate::evaluate::evaluate;
use crate::permit::Permit;
use crate::plan::{Endpoint, PlanHandle};
use crate::service::plain;
use crate::stages::{Stages, step};

/// Every how many decisions of a worker the stages are timed.
const TIMED_EVERY: u32 = 16;

/// What was decided, with the reply that says so.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// The request may go on; the permit proves it.
    Pass(Permit, Reply),
    /// The request is turned away.
    Fail(Reply),
    /// No decision was possible; the request is turned away.
    Error(Reply),
}

impl Decision {
    /// Without a permit nothing passes, and a reply that says otherwise is closed.
    fn new(outcome: Outcome, permit: Option<Permit>, reply: Reply) -> Self {
        match (outcome, permit) {
            (Outcome::Pass, Some(permit)) => Self::Pass(permit, reply),
            (Outcome::Fail, _) => Self::Fail(closed(reply, StatusCode::FORBIDDEN)),
            (Outcome::Pass | Outcome::Error, _) => {
                Self::Error(closed(reply, StatusCode::BAD_GATEWAY))
            }
        }
    }

    /// The reply.
    pub const fn reply(&self) -> &Reply {
        match self {
            Self::Pass(_, reply) | Self::Fail(reply) | Self::Error(reply) => reply,
        }
    }

    /// The reply, given away.
    pub fn into_reply(self) -> Reply {
        match self {
            Self::Pass(_, reply) | Self::Fail(reply) | Self::Error(reply) => reply,
        }
    }
}

// INVARIANT: a denial never carries a status that a proxy reads as "go on".
fn closed(mut reply: Reply, status: StatusCode) -> Reply {
    if reply.status.is_success() || reply.status.is_informational() {
        reply.status = status;
    }
    reply
}

/// Decides requests by the plan in force.
#[derive(Clone, Debug)]
pub struct Pipeline {
    plans: PlanHandle,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
}

impl Pipeline {
    /// A pipeline over `plans`.
    pub const fn new(plans: PlanHandle, telemetry: Telemetry, clock: Arc<dyn Clock>) -> Self {
        Self {
            plans,
            telemetry,
            clock,
        }
    }

    /// Where the plan in force is found.
    pub const fn plans(&self) -> &PlanHandle {
        &self.plans
    }

    /// Where records go.
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Decides one request by one endpoint of the plan of this generation. The record is finished
    /// but not yet observed.
    pub fn decide(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        hop: Hop,
    ) -> impl Future<Output = Decided> + Send {
        let begun = self.clock.monotonic();
        let captured = capture(hop, &endpoint.capture);
        self.run(endpoint, generation, captured, begun, Detail::Summary)
    }

    /// Decides a request described as its client would send it, whatever dialect the endpoint's
    /// proxy speaks, keeping everything.
    pub fn dry_run(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        hop: Hop,
    ) -> impl Future<Output = Decided> + Send {
        let begun = self.clock.monotonic();
        let captured = capture(hop, &endpoint.capture.as_direct());
        self.run(endpoint, generation, captured, begun, Detail::Full)
    }

    /// The answer to a request that is refused before it is captured.
    pub fn refuse(&self, endpoint: &Endpoint, generation: u64, refused: Refused) -> Decided {
        let end = End::halted(endpoint.admission.refuse(&refused));
        let request = Err(refused);
        let stages = self.stages(Detail::Summary);
        finish(endpoint, generation, &request, end, stages).of(request)
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` would keep its arguments twice, and the server moves the future of every request"
    )]
    fn run(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        captured: Result<Snapshot, Refused>,
        begun: Duration,
        detail: Detail,
    ) -> impl Future<Output = Decided> + Send {
        async move {
            let settled = self.settle(endpoint, generation, &captured, begun, detail);
            settled.await.of(captured)
        }
    }

    /// Decides a request that stays where it is: it is not small.
    pub(crate) async fn settle(
        &self,
        endpoint: &Endpoint,
        generation: u64,
        captured: &Result<Snapshot, Refused>,
        begun: Duration,
        detail: Detail,
    ) -> Settled {
        let mut stages = self.stages(detail);
        let end = match captured {
            Ok(request) => {
                let (name, correlation) = (&endpoint.name, &request.correlation);
                stages.span = tracing::debug_span!("decision", endpoint = %name, correlation_id = %correlation);
                conclude(endpoint, request, &mut stages).await
            }
            Err(refused) => End::halted(endpoint.admission.refuse(refused)),
        };
        let mut settled = finish(endpoint, generation, captured, end, stages);
        settled.record.latency = self.clock.monotonic().saturating_sub(begun);
        settled
    }

    fn stages(&self, detail: Detail) -> Stages<'_> {
        Stages {
            clock: &*self.clock,
            trace: Trace::new(detail),
            timed: detail == Detail::Full || self.telemetry.logs_details() || is_timed(),
            span: Span::none(),
            cache: CacheReport::default(),
        }
    }
}

/// A decision with all that is known about it.
#[derive(Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// What happened.
    pub record: Record,
    /// The request as captured, or why it was not.
    pub request: Result<Snapshot, Refused>,
    /// The proof of admission, if it came that far.
    pub admitted: Option<Admitted>,
    /// The body that may pass in the place of the one received.
    pub masked: Option<Bytes>,
}

/// A decision, without the request that it is about.
pub(crate) struct Settled {
    pub(crate) decision: Decision,
    pub(crate) record: Record,
    pub(crate) admitted: Option<Admitted>,
    pub(crate) masked: Option<Bytes>,
}

impl Settled {
    fn of(self, request: Result<Snapshot, Refused>) -> Decided {
        Decided {
            decision: self.decision,
            record: self.record,
            request,
            admitted: self.admitted,
            masked: self.masked,
        }
    }
}

impl Decided {
    /// The same for who cannot change the body: what may only pass with another one is turned away.
    pub(crate) fn unchanged(mut self, endpoint: &Endpoint) -> Self {
        if self.masked.take().is_none() {
            return self;
        }
        let reason = ReasonCode::InspectionFailed;
        let detail = "the body would have to be masked, which nobody can do here";
        self.record.reason = Reason::with_detail(reason, detail);
        self.record.outcome = Outcome::Fail;
        let refusal = plain(StatusCode::FORBIDDEN, "forbidden");
        let reply = endpoint.dress(refusal, &self.record.correlation);
        self.record.status = reply.status.as_u16();
        self.decision = Decision::Fail(reply);
        self
    }
}

impl Endpoint {
    /// The reply as the asking proxy understands it, with the correlation id.
    fn dress(&self, reply: Reply, correlation: &str) -> Reply {
        let mut reply = adapt(self.capture.dialect(), reply);
        if let Some(header) = self.capture.correlation() {
            echo(&mut reply, header, correlation);
        }
        reply
    }
}

/// Where the stages ended.
struct End {
    outcome: Outcome,
    reason: Reason,
    rule: Option<RuleName>,
    admitted: Option<Admitted>,
    permit: Option<Permit>,
    reply: Reply,
    masked: Option<Bytes>,
}

impl End {
    fn halted(halt: Halt) -> Self {
        Self {
            // INVARIANT: a halt never passes; `Decision::new` would find no permit anyway.
            outcome: halt.outcome,
            reason: halt.reason,
            rule: None,
            admitted: None,
            permit: None,
            reply: *halt.reply,
            masked: None,
        }
    }
}

/// Evaluates the request and renders the reply. Holds the only call that makes a permit.
async fn conclude(endpoint: &Endpoint, snapshot: &Snapshot, stages: &mut Stages<'_>) -> End {
    let concluded = match evaluate(endpoint, snapshot, stages).await {
        Ok(concluded) => concluded,
        Err(halt) => return End::halted(halt),
    };
    let input = ReplyInput {
        snapshot,
        admitted: &concluded.admitted,
        curated: &concluded.curated,
        vars: &concluded.vars,
        globals: &endpoint.globals,
        endpoint: &endpoint.name,
        verdict: &concluded.verdict,
    };
    let rendered = step(&endpoint.response, input, stages).await;
    let verdict = concluded.verdict;
    let end = match rendered {
        Err(halt) => End::halted(halt),
        Ok(reply) => End {
            outcome: verdict.outcome,
            permit: Permit::of(&verdict, &endpoint.name),
            reason: verdict.reason,
            rule: None,
            admitted: None,
            reply,
            masked: verdict.masked,
        },
    };
    End {
        rule: verdict.rule,
        admitted: Some(concluded.admitted),
        ..end
    }
}

fn finish(
    endpoint: &Endpoint,
    generation: u64,
    request: &Result<Snapshot, Refused>,
    end: End,
    stages: Stages<'_>,
) -> Settled {
    let seen = Seen::of(request);
    let reply = endpoint.dress(end.reply, &seen.correlation);
    let decision = Decision::new(end.outcome, end.permit, reply);
    let credentials = end
        .admitted
        .iter()
        .flat_map(|admitted| &admitted.credentials);
    let record = Record {
        endpoint: Some(endpoint.name.clone()),
        generation,
        correlation: seen.correlation,
        received: seen.received,
        latency: Duration::ZERO,
        outcome: end.outcome,
        reason: end.reason,
        status: decision.reply().status.as_u16(),
        rule: end.rule,
        method: seen.method,
        host: seen.host,
        path: seen.path,
        client: seen.client,
        credentials: credentials.map(Credential::kind).collect::<SmallVec<_>>(),
        cache: stages.cache,
        trace: stages.trace,
        forwarded: None,
    };
    Settled {
        decision,
        record,
        admitted: end.admitted,
        masked: end.masked,
    }
}

/// Sends the correlation id back, whatever the policy says of a header of that name.
pub(crate) fn echo(reply: &mut Reply, header: &HeaderName, correlation: &str) {
    let echoes = |(name, value): &(HeaderName, HeaderValue)| name == header && value == correlation;
    if reply.headers.iter().any(echoes) {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(correlation) {
        reply.headers.retain(|(name, _)| name != header);
        reply.headers.push((header.clone(), value));
    }
}

/// What a record tells of the request, captured or refused.
pub(crate) struct Seen {
    pub(crate) correlation: SmolStr,
    pub(crate) received: ztag_types::Timestamp,
    pub(crate) method: SmolStr,
    pub(crate) host: SmolStr,
    pub(crate) path: SmolStr,
    pub(crate) client: SmolStr,
}

impl Seen {
    pub(crate) fn of(request: &Result<Snapshot, Refused>) -> Self {
        match request {
            Ok(request) => Self {
                correlation: request.correlation.clone(),
                received: request.received,
                method: SmolStr::new(request.line.method.as_str()),
                host: request.line.host.clone(),
                path: SmolStr::new(request.line.path()),
                client: request.client.address_text.clone(),
            },
            Err(refused) => Self {
                correlation: refused.correlation.clone(),
                received: refused.received,
                method: SmolStr::default(),
                host: SmolStr::default(),
                path: SmolStr::default(),
                client: SmolStr::new(refused.peer.ip().to_string()),
            },
        }
    }
}

/// Whether this decision of the current worker is one of those timed.
fn is_timed() -> bool {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.with(|count| {
        let next = count.get().wrapping_add(1);
        count.set(next);
        next.is_multiple_of(TIMED_EVERY)
    })
}
