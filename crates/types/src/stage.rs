//! The contract between the stages of the pipeline.

use std::future::{Future, Ready};

use crate::evidence::Halt;
use crate::record::Trace;

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The nine named stages, in flow order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StageName {
            $($(#[$doc])* $variant,)*
        }

        impl StageName {
            /// Every stage, in flow order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in logs, metrics and explanations.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

stages! {
    /// Configuration and lifecycle.
    ServerConfiguration = "server_configuration",
    /// Believes only trusted proxies and admits credentials.
    Admission = "admission",
    /// Decides what rules and backends may see of the proxy's headers.
    ForwardPolicy = "forward_policy",
    /// Evaluates the endpoint's variables.
    EndpointVars = "endpoint_vars",
    /// Runs the rules in order to the first that does not pass.
    RuleChain = "rule_chain",
    /// Judges one rule.
    RuleExecution = "rule_execution",
    /// Calls a rule's backend.
    BackendInteraction = "backend_interaction",
    /// Turns the verdict into a reply.
    ResponsePolicy = "response_policy",
    /// Remembers verdicts.
    ResultCaching = "result_caching",
}

/// How far a stage came by itself.
#[derive(Debug)]
#[must_use]
pub enum Run<T, W> {
    /// To its end.
    Done(T),
    /// Somebody must be asked first: the rest, to be awaited.
    Waits(W),
}

impl<T, W: Future<Output = T>> Run<T, W> {
    /// The value, waiting for it where that must be.
    pub async fn wait(self) -> T {
        match self {
            Self::Done(value) => value,
            Self::Waits(rest) => rest.await,
        }
    }
}

impl<T> Run<T, Ready<T>> {
    /// To its end, in a stage that never waits.
    pub const fn done(value: T) -> Self {
        Self::Done(value)
    }
}

/// One stage: borrows what earlier stages proved, returns a new value, appends to the trace.
///
/// Most stages of most requests wait for nobody. What they return is then the value itself and no
/// future that would carry it from hand to hand.
pub trait Stage: Send + Sync {
    /// Its name.
    const NAME: StageName;

    /// The evidence it needs.
    type Input<'a>: Copy + Send
    where
        Self: 'a;

    /// The evidence it adds.
    type Output: Send;

    /// Runs the stage. An early verdict comes back as [`Halt`].
    fn run<'a>(
        &'a self,
        input: Self::Input<'a>,
        trace: &mut Trace,
    ) -> Run<Result<Self::Output, Halt>, impl Future<Output = Result<Self::Output, Halt>> + Send>;
}
