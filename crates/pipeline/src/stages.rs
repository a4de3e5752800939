//! Runs one stage and notes that it ran.

use std::borrow::Cow;
use std::time::Duration;

use tracing::{Instrument, Span};
use ztag_types::{Clock, Halt, Outcome, Run, Stage, StageReport, Trace};

/// What every stage run needs beside its input.
#[derive(Debug)]
pub(crate) struct Stages<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) trace: Trace,
    /// Whether this decision's stages are timed; most are not, the clock would be a good part
    /// of their cost.
    pub(crate) timed: bool,
    /// The span of the decision. Stages name it as their parent; nothing is wrapped into it.
    pub(crate) span: Span,
    /// The endpoint cache's part.
    pub(crate) cache: ztag_types::CacheReport,
}

impl Stages<'_> {
    fn instant(&self) -> Duration {
        if self.timed {
            self.clock.monotonic()
        } else {
            Duration::ZERO
        }
    }
}

/// Runs `stage` over `input`.
pub(crate) async fn step<'a, S: Stage>(
    stage: &'a S,
    input: S::Input<'a>,
    stages: &mut Stages<'_>,
) -> Result<S::Output, Halt> {
    let begun = stages.instant();
    let span = tracing::debug_span!(parent: &stages.span, "stage", agent = S::NAME.as_str());
    let result = match span.in_scope(|| stage.run(input, &mut stages.trace)) {
        Run::Done(result) => result,
        // Boxed: who need not wait shall not pay for the size of it.
        Run::Waits(rest) => Box::pin(rest.instrument(span)).await,
    };
    if stages.timed {
        let (outcome, note) = match &result {
            Ok(_) => (Outcome::Pass, Cow::Borrowed("")),
            Err(halt) => (halt.outcome, Cow::Owned(halt.reason.to_string())),
        };
        let latency = stages.instant().saturating_sub(begun);
        stages.trace.stages.push(StageReport {
            stage: S::NAME,
            outcome,
            latency,
            note,
        });
    }
    result
}
