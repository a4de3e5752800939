//! The other side: getting tokens from an authorization server, and showing it who we are.

mod address;
mod assertion;
mod compile;
mod credentials;
mod endpoint;
mod exchange;
pub(crate) mod form;
mod identity;
mod outbound;
pub(crate) mod server;
mod signer;
mod spec;
mod stores;

pub use address::Address;
pub use assertion::{Assertion, Authentication};
pub use credentials::{ClientCredentials, CredentialsRequest};
pub use endpoint::{IssuedToken, TokenEndpoint, TokenError};
pub use exchange::{ExchangeRequest, TokenExchange};
pub use identity::{ClientIdentity, KeyFiles};
pub use outbound::{OutboundCredential, OutboundDeps};
pub use signer::{Signer, SignerError};
pub use spec::{
    ActorSpec, ClientCredentialsSpec, ClientIdentitySpec, ExchangeSpec, UpstreamCredentialSpec,
};
pub use stores::TokenStores;
