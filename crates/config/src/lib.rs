#![doc = include_str!("../README.md")]

mod canon;
mod compile;
mod describe;
mod diagnose;
mod document;
mod environment;
mod excerpt;
mod fga_spec;
mod files;
mod inputs;
mod kind;
mod load;
mod locate;
mod merge;
mod names;
mod note;
mod place;
mod report;
mod schema;
mod secrecy;
mod spec;
mod stale;
mod stores;
mod users;
mod validate;
mod variables;
mod watch;

pub use compile::{Compiled, Routing, compile};
pub use describe::describe_request;
pub use fga_spec::{
    FgaApiSpec, FgaFixedConditionSpec, FgaFixedTupleSpec, FgaListenSpec, FgaPostgresSpec,
    FgaServerSpec, FgaStoreSpec,
};
pub use load::{Loaded, Program, Sources, load};
pub use report::{Finding, Report};
pub use schema::{rules_schema, schema};
pub use spec::{
    DocumentSpec, EndpointSpec, NoncesSpec, ProofsSpec, RuleReferenceSpec, RuleSourcesSpec,
    RulesDocumentSpec, ServerSpec, TemplatesSpec, TokensSpec, VariablesSpec,
};
pub use stores::{FgaPlaces, Stores, TokenPlaces};
pub use watch::{ReloadOutcome, Watcher};
