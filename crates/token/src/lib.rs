#![doc = include_str!("../README.md")]

mod accepted;
mod algorithm;
mod binding;
mod cache;
pub mod case;
pub mod certificate;
mod claims;
pub mod client;
mod commons;
mod compile;
mod dpop;
mod encoding;
mod fetch;
mod header;
mod introspect;
mod issuer;
mod json;
mod jws;
mod key;
mod nonce;
mod profile;
mod refusal;
mod remote;
mod replay;
mod revocation;
mod single_flight;
mod spec;
mod step_up;
mod verify;

pub use accepted::AcceptedToken;
pub use algorithm::{Algorithm, AlgorithmSet};
pub use binding::{Confirmation, actor, certificate_thumbprint};
pub use cache::{CacheCounts, TokenCache};
pub use claims::Claims;
pub use dpop::{ProofVerifier, ProvenRequest};
pub use fetch::FetchError;
pub use header::Header;
pub use introspect::{Introspection, IntrospectionDeps, IntrospectionSpec, Introspector};
pub use issuer::Issuer;
pub use jws::{Signed, verify};
pub use key::{Key, KeyError, KeySet, Purpose, thumbprint};
pub use nonce::Nonces;
pub use profile::Profile;
pub use refusal::Refusal;
pub use remote::{FetchCounts, KeyStores, Metadata, RemoteKeys, discover};
pub use replay::ReplayStore;
pub use revocation::{
    Revocation, RevocationError, RevocationRequest, Revocations, RevocationsFull,
};
pub use spec::{IssuerSpec, JwksSpec, SharedSecretSpec, TokenCacheSpec};
pub use step_up::StepUp;
pub use verify::{MAX_TOKEN_BYTES, Places, Verifier};
