#![doc = include_str!("../README.md")]

mod adapt;
mod admission;
mod answer;
mod body;
pub mod canonical;
mod capture;
mod certificates;
mod challenge;
mod compile;
mod correlation;
mod credentials;
mod error;
pub mod forwarded;
mod policy;
mod route_target;
mod screen;
mod spec;
mod text;
mod token_sources;
mod tokens;
mod trust;

pub use adapt::adapt;
pub use admission::{Admission, AdmissionDeps, Compiled, CredentialNames};
pub use capture::{Hop, capture};
pub use correlation::correlation;
pub use error::{Fault, Refused};
pub use forwarded::{CertificateFormat, Dialect};
pub use policy::CapturePolicy;
pub use route_target::{Located, RouteTarget};
pub use spec::{
    AdmissionResponseSpec, AdmissionSpec, AllowSpec, AuthenticationSpec, CertificateHeaderSpec,
    ChallengeSpec, ClientCertificateSpec, ForwardProxySpec, Untrusted,
};
pub use token_sources::{NoTokens, TokenSources};
