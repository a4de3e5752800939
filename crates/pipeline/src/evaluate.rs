//! The line of stages, as one function.

use tracing::Instrument;
use ztag_endpoint_vars::VarsInput;
use ztag_forward_policy::ForwardInput;
use ztag_rule_chain::ChainInput;
use ztag_types::{Admitted, Curated, Halt, Snapshot, Vars, Verdict};

use crate::plan::Endpoint;
use crate::stages::{Stages, step};

/// What the stages before the reply proved.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) admitted: Admitted,
    pub(crate) curated: Curated,
    pub(crate) vars: Vars,
    pub(crate) verdict: Verdict,
}

/// Runs the stages in order; each borrows what the earlier ones proved. This is the architecture.
pub(crate) async fn evaluate(
    at: &Endpoint,
    snapshot: &Snapshot,
    stages: &mut Stages<'_>,
) -> Result<Concluded, Halt> {
    let (globals, endpoint) = (&*at.globals, &at.name);

    let admitted = step(&at.admission, snapshot, stages).await?;

    let input = ForwardInput {
        snapshot,
        admitted: &admitted,
        globals,
        endpoint,
    };
    let curated = step(&at.forward, input, stages).await?;

    let input = VarsInput {
        snapshot,
        admitted: &admitted,
        curated: &curated,
        globals,
        endpoint,
    };
    let vars = step(&at.vars, input, stages).await?;

    let input = ChainInput {
        snapshot,
        admitted: &admitted,
        curated: &curated,
        vars: &vars,
        globals,
        endpoint,
    };
    let verdict = match &at.cache {
        None => step(&at.rules, input, stages).await?,
        Some(cache) => {
            let span = stages.span.clone();
            let verdict = cache.get_or_decide(at, input, stages);
            verdict.instrument(span).await?
        }
    };
    Ok(Concluded {
        admitted,
        curated,
        vars,
        verdict,
    })
}
