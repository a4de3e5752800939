//! Runs one stage and notes that it ran.

use std::borrow::Cow;
use std::time::Duration;

use tracing::Instrument;
use ztag_types::{Clock, Halt, Outcome, Stage, StageReport, Trace};

/// What every stage run needs beside its input.
#[derive(Debug)]
pub(crate) struct Stages<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) trace: Trace,
    /// Whether this decision's stages are timed; most are not, the clock would be a good part
    /// of their cost.
    pub(crate) timed: bool,
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
    let span = tracing::debug_span!("stage", agent = S::NAME.as_str());
    let result = stage.run(input, &mut stages.trace).instrument(span).await;
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
