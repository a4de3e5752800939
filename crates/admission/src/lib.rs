#![doc = include_str!("../README.md")]

mod adapt;
mod admission;
mod capture;
mod error;
pub mod forwarded;
mod spec;

pub use adapt::adapt;
pub use admission::{Admission, AdmissionDeps, Compiled, CredentialNames};
pub use capture::{CapturePolicy, Hop, capture};
pub use error::{Fault, Refused};
pub use forwarded::Dialect;
pub use spec::{
    AdmissionResponseSpec, AdmissionSpec, AllowSpec, AuthenticationSpec, ChallengeSpec,
    ForwardProxySpec,
};
