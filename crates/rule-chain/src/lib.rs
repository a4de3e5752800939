#![doc = include_str!("../README.md")]

mod asking;
mod auth;
mod auth_view;
mod caching;
mod call;
mod chain;
mod claim_spec;
mod compile;
mod conditions;
mod deps;
mod describe;
mod error;
mod evidence;
mod exports;
mod fga;
mod fga_spec;
mod forward;
mod inspect;
mod inspect_spec;
mod judged;
mod locals;
mod notes;
mod redact;
mod reply;
mod rule;
mod spec;
mod words;

pub use chain::{ChainInput, RuleChain};
pub use claim_spec::{ClaimSpec, ClaimValueSpec};
pub use deps::{AdmittedNames, CacheDeps, EarlierRule, EndpointFacts, RuleDeps};
pub use fga_spec::{
    FgaCheckSpec, FgaConditionSpec, FgaConsistency, FgaListSpec, FgaSpec, FgaTupleSpec,
};
pub use inspect_spec::{InspectSpec, InspectTextSpec};
pub use rule::Rule;
pub use spec::{
    AuthGroupSpec, BackendApiSpec, ConditionsSpec, ExportsSpec, ForwardSpec, MatchSpec,
    PaginationSpec, ResponsesSpec, RuleSpec, StepUpSpec,
};
