//! The other side: getting tokens from an authorization server, and showing it who we are.

mod assertion;
mod credentials;
mod endpoint;
mod exchange;
pub(crate) mod form;
mod signer;

pub use assertion::{Assertion, Authentication};
pub use credentials::{ClientCredentials, CredentialsRequest};
pub use endpoint::{IssuedToken, TokenEndpoint, TokenError};
pub use exchange::{ExchangeRequest, TokenExchange};
pub use signer::{Signer, SignerError};
