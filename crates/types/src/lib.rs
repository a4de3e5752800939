#![doc = include_str!("../README.md")]

mod clock;
mod credential;
mod diagnostic;
mod directory;
mod duration;
mod evidence;
mod findings;
mod names;
mod one_or_many;
mod order;
mod outcome;
mod principal;
mod reads;
mod record;
mod request;
mod scope;
mod secret;
mod stage;
mod value;
mod view;

/// Short text, kept inline up to 23 bytes.
pub use smol_str::SmolStr;

pub use clock::{Clock, ManualClock, Span, SystemClock, Timestamp};
pub use credential::Credential;
pub use diagnostic::{Code, ConfigPath, Diagnostic, Segment, Severity};
pub use directory::{DefinitionKind, Directory};
pub use duration::{DurationError, DurationSpec};
pub use evidence::{
    AdmissionView, Admitted, BackendState, Challenge, Curated, Exports, Globals, Halt, Page, Reply,
    Variables, Vars, Verdict,
};
pub use findings::Findings;
pub use names::{EndpointName, RuleName};
pub use one_or_many::OneOrMany;
pub use order::dependency_order;
pub use outcome::{Outcome, Reason, ReasonCode};
pub use principal::{ClientCertificate, Principal, PrincipalView};
pub use reads::{ReadPath, Reads};
pub use record::{
    BackendReport, CacheReport, ChainView, ConditionReport, ConsultReport, Detail, FgaCheckReport,
    FgaReport, ForwardReport, InspectReport, InspectedChannel, Participation, Record, RuleReport,
    StageReport, StreamEnd, StreamReport, Trace,
};
pub use request::{Body, Client, Headers, Query, RawHeaders, RequestLine, Snapshot, Subrequest};
pub use scope::{Root, Scope, Slots};
pub use secret::Secret;
pub use stage::{Run, Stage, StageName};
pub use value::{Key, Map, Value};
pub use view::{Object, Sequence, View};
