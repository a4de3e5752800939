//! Where admission finds those who judge tokens.

use std::fmt;
use std::sync::Arc;

use ztag_token::{Introspector, ProofVerifier, Verifier};

/// The issuers of a configuration, as far as an endpoint can name them.
///
/// Asked while an endpoint is compiled, never while a request is judged. What it hands out are
/// places shared by many endpoints: the same set of issuers shall give the same verifier, since
/// tokens are remembered per verifier.
pub trait TokenSources: fmt::Debug {
    /// Names under `issuers`, broken ones included.
    fn issuers(&self) -> Vec<&str>;

    /// Names under `introspection`, broken ones included.
    fn introspections(&self) -> Vec<&str>;

    /// A verifier for tokens of exactly these issuers, all of them among
    /// [`Self::issuers`] and none twice. `None` when one of them is broken.
    fn verifier(&self, issuers: &[String]) -> Option<Arc<Verifier>>;

    /// Who asks about opaque tokens under this name. `None` when it is broken.
    fn introspector(&self, name: &str) -> Option<Arc<Introspector>>;

    /// Who checks `DPoP` proofs (RFC 9449). Without one, tokens bound to a proof key are refused.
    fn proofs(&self) -> Option<Arc<ProofVerifier>>;
}

/// No issuer at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTokens;

impl TokenSources for NoTokens {
    fn issuers(&self) -> Vec<&str> {
        Vec::new()
    }

    fn introspections(&self) -> Vec<&str> {
        Vec::new()
    }

    fn verifier(&self, _: &[String]) -> Option<Arc<Verifier>> {
        None
    }

    fn introspector(&self, _: &str) -> Option<Arc<Introspector>> {
        None
    }

    fn proofs(&self) -> Option<Arc<ProofVerifier>> {
        None
    }
}
