//! The long-lived places of tokens.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use ztag_backend::Client;
use ztag_token::client::TokenStores;
use ztag_token::{
    AlgorithmSet, Introspector, KeyStores, Nonces, Places, ProofVerifier, ReplayStore, Revocations,
    TokenCache, Verifier,
};
use ztag_types::{Clock, Code, ConfigPath, Diagnostic, Findings};

use crate::spec::{ProofsSpec, TokensSpec};

/// The long-lived places of tokens: what was accepted, revoked and seen, and the keys of issuers.
#[derive(Debug)]
pub struct TokenPlaces {
    /// Accepted tokens and revoked ones.
    pub judged: Places,
    /// Proofs seen, and nonces.
    pub proofs: Arc<ProofVerifier>,
    /// Keys that issuers publish.
    pub keys: KeyStores,
    /// Tokens that were issued to us.
    pub issued: TokenStores,
    /// Who judges tokens. Tokens are remembered for the verifier that accepted them: one whose
    /// issuers say the same as before serves on.
    pub(crate) verifiers: Shelf<Verifier>,
    /// Who asks about tokens.
    pub(crate) introspectors: Shelf<Introspector>,
}

impl TokenPlaces {
    /// Empty places as `spec`, standing at `at`, says. `None` when something is wrong, with
    /// findings.
    pub(super) fn open(
        spec: &TokensSpec,
        client: &Arc<Client>,
        clock: &Arc<dyn Clock>,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let proofs = proofs(&spec.proofs, clock, &at.key("proofs"), findings)?;
        let (client, clock) = (|| Arc::clone(client), || Arc::clone(clock));
        Some(Self {
            judged: Places {
                cache: Arc::new(TokenCache::new(spec.cache)),
                revocations: Arc::new(Revocations::new(spec.max_revocations)),
                clock: clock(),
            },
            proofs: Arc::new(proofs),
            keys: KeyStores::new(client(), clock()),
            issued: TokenStores::new(client(), clock()),
            verifiers: Shelf::default(),
            introspectors: Shelf::default(),
        })
    }

    /// Starts to fetch the keys of issuers that have none yet, in the background: not needed, but
    /// spares the first requests the wait. Does nothing outside a tokio runtime.
    pub fn warm(&self) {
        for verifier in self.verifiers.all() {
            verifier.warm();
        }
    }
}

fn proofs(
    spec: &ProofsSpec,
    clock: &Arc<dyn Clock>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> Option<ProofVerifier> {
    let nonces = match &spec.nonces {
        None => None,
        Some(nonces) => {
            let made = match &nonces.secret {
                Some(secret) => {
                    let secret = secret.expose().as_bytes();
                    Ok(Nonces::from_secret(secret, nonces.lifetime.get()))
                }
                None => Nonces::random(nonces.lifetime.get()),
            };
            let made = made.map_err(|_| {
                let message = "the system gives no random bytes";
                Diagnostic::error(Code::InvalidValue, &at.key("nonces"), message)
            });
            Some(Arc::new(findings.keep(made)?))
        }
    };
    Some(ProofVerifier {
        algorithms: AlgorithmSet::ASYMMETRIC,
        max_age: spec.max_age.get(),
        skew: spec.clock_skew.get(),
        replay: Arc::new(ReplayStore::new(spec.max_remembered)),
        nonces,
        clock: Arc::clone(clock),
    })
}

/// What plans share, by the fingerprint of what it was made from. Bounded by the plans: what
/// none of them uses is forgotten.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Mutex<Vec<(Fingerprint, Weak<T>)>>);

/// Equal exactly when made from the same.
pub(crate) type Fingerprint = [u8; 32];

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    /// Those that some plan uses.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        let made = self.0.lock();
        made.iter().filter_map(|(_, one)| one.upgrade()).collect()
    }

    /// The one made from this before, if any plan still uses it; a new one otherwise.
    pub(crate) fn open(
        &self,
        fingerprint: Fingerprint,
        make: impl FnOnce() -> Option<Arc<T>>,
    ) -> Option<Arc<T>> {
        let mut made = self.0.lock();
        made.retain(|(_, one)| one.strong_count() > 0);
        let known = made.iter().find(|(own, _)| *own == fingerprint);
        if let Some(one) = known.and_then(|(_, one)| one.upgrade()) {
            return Some(one);
        }
        let one = make()?;
        made.push((fingerprint, Arc::downgrade(&one)));
        Some(one)
    }
}
