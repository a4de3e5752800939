//! What is said to those whose token does not admit them (RFC 6750 section 3, RFC 9449 section
//! 7.1).

use http::HeaderValue;
use ztag_token::{AlgorithmSet, ProofVerifier, Refusal};

use crate::tokens::Scheme;

/// The parts of a challenge that are the same for every request.
#[derive(Debug)]
pub(crate) struct Challenges {
    /// The realm, quoted.
    realm: Box<str>,
    /// Algorithms of proofs, separated by blanks; none where proofs are not taken.
    algorithms: Option<Box<str>>,
}

impl Challenges {
    /// Challenges of the quoted `realm`.
    pub(crate) fn new(realm: String, proofs: Option<&ProofVerifier>) -> Self {
        let names = |proofs: &ProofVerifier| {
            let allowed = proofs.algorithms.both(AlgorithmSet::ASYMMETRIC);
            let names: Vec<_> = allowed.iter().map(ztag_token::Algorithm::as_str).collect();
            names.join(" ").into_boxed_str()
        };
        Self {
            realm: realm.into(),
            algorithms: proofs.map(names),
        }
    }

    /// To a request without a token. It says nothing of an error (RFC 6750 section 3.1).
    pub(crate) fn plain(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("Bearer realm={}", self.realm)).ok()
    }

    /// To a request whose token was refused; `None` where the fault may be on this side.
    pub(crate) fn refused(&self, scheme: Scheme, refusal: Refusal) -> Option<HeaderValue> {
        self.erroneous(scheme, refusal.challenge_error()?)
    }

    /// To a request that does not carry its token as it should.
    pub(crate) fn unfit(&self, scheme: Scheme) -> Option<HeaderValue> {
        self.erroneous(scheme, "invalid_request")
    }

    fn erroneous(&self, scheme: Scheme, error: &str) -> Option<HeaderValue> {
        let realm = &self.realm;
        let text = match (scheme, &self.algorithms) {
            (Scheme::Dpop, Some(algorithms)) => {
                format!("DPoP realm={realm}, error=\"{error}\", algs=\"{algorithms}\"")
            }
            (Scheme::Dpop, None) => format!("DPoP realm={realm}, error=\"{error}\""),
            (Scheme::Bearer, _) => format!("Bearer realm={realm}, error=\"{error}\""),
        };
        HeaderValue::try_from(text).ok()
    }
}
