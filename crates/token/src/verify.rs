//! The verifier: from text to an accepted token, or the reason why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ztag_types::Clock;

use crate::accepted::{AcceptedToken, Form};
use crate::cache::{Moment, TokenCache};
use crate::claims::Claims;
use crate::issuer::Issuer;
use crate::jws::Compact;
use crate::refusal::Refusal;
use crate::remote::RemoteKeys;
use crate::revocation::Revocations;

/// Longest token, in bytes: what a header field of usual size can carry.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Judges signed tokens of the issuers it knows.
///
/// A verifier is policy: it is made anew when the configuration changes. The cache, the
/// revocation list and fetched keys are places, and outlive it.
#[derive(Debug)]
pub struct Verifier {
    issuers: Box<[Issuer]>,
    places: Places,
    id: u64,
}

/// What a verifier uses and does not own.
#[derive(Clone, Debug)]
pub struct Places {
    /// Accepted tokens.
    pub cache: Arc<TokenCache>,
    /// Revoked tokens.
    pub revocations: Arc<Revocations>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Verifier {
    /// A verifier for tokens of `issuers`.
    pub fn new(issuers: Vec<Issuer>, places: Places) -> Self {
        static VERIFIERS: AtomicU64 = AtomicU64::new(0);
        Self {
            issuers: issuers.into(),
            places,
            id: VERIFIERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The issuers known.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Starts to fetch the keys of every issuer that has none yet, in the background. Not needed,
    /// but spares the first requests the wait. Does nothing outside a tokio runtime.
    pub fn warm(&self) {
        let remotes = self.issuers.iter().filter_map(Issuer::remote);
        remotes.for_each(RemoteKeys::warm);
    }

    /// Judges `token`. Waits only when it is signed with a key not seen before, and then no
    /// longer than one fetch of the keys of its issuer takes.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub async fn verify(&self, token: &str) -> Result<Arc<AcceptedToken>, Refusal> {
        match self.check(token) {
            Err(refusal @ (Refusal::KeyUnknown | Refusal::KeysUnavailable)) => {
                if self.learn_keys(token).await {
                    self.check(token)
                } else {
                    Err(refusal)
                }
            }
            judged => judged,
        }
    }

    /// Judges `token` by what is known now. Never waits, and starts a fetch at most in the
    /// background.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub fn check(&self, token: &str) -> Result<Arc<AcceptedToken>, Refusal> {
        let remembered = self.recall(token);
        remembered.unwrap_or_else(|| self.check_anew(token))
    }

    /// The first half of [`Self::check`]: judges `token` if it is remembered. It is the very text
    /// then that was accepted before, so that nothing need be asked of its spelling.
    pub fn recall(&self, token: &str) -> Option<Result<Arc<AcceptedToken>, Refusal>> {
        let now = Moment::of(&*self.places.clock);
        let accepted = self.places.cache.find(token, self.id, now)?;
        Some(self.unless_revoked(accepted, now))
    }

    /// The second half of [`Self::check`]: judges a `token` that is not remembered.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_anew(&self, token: &str) -> Result<Arc<AcceptedToken>, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge);
        }
        let now = Moment::of(&*self.places.clock);
        let accepted = self.judge(token, now)?;
        self.unless_revoked(accepted, now)
    }

    fn unless_revoked(
        &self,
        accepted: Arc<AcceptedToken>,
        now: Moment,
    ) -> Result<Arc<AcceptedToken>, Refusal> {
        if self.places.revocations.covers(&accepted, now.wall) {
            return Err(Refusal::Revoked);
        }
        Ok(accepted)
    }

    fn judge(&self, token: &str, now: Moment) -> Result<Arc<AcceptedToken>, Refusal> {
        let compact = Compact::split(token, MAX_TOKEN_BYTES)?;
        let header = compact.header()?;
        let claims = Claims::parse(compact.payload()?)?;
        let issuer = self.issuer(&claims).ok_or(Refusal::IssuerUnknown)?;
        issuer.judge_header(&header)?;
        // Before the keys are looked at: no token makes us fetch for an algorithm we refuse.
        if !issuer.algorithms().contains(header.algorithm()) {
            return Err(Refusal::AlgorithmRefused);
        }
        let keys = issuer.keys()?;
        let signature = compact.check_signature(&header, &keys, issuer.algorithms())?;
        let lifetime = issuer.judge_claims(&claims, now.wall)?;
        let form = Form::Signed {
            header: compact.header.into(),
            signature: signature.into(),
        };
        let issuer = Arc::clone(issuer.name());
        let accepted = AcceptedToken::new(issuer, claims, lifetime, form)?;
        let cache = &self.places.cache;
        Ok(cache.remember(token, self.id, accepted, None, now))
    }

    fn issuer(&self, claims: &Claims) -> Option<&Issuer> {
        self.issuers
            .iter()
            .find(|issuer| issuer.is_named_by(claims))
    }

    /// Whether keys were fetched that may include the one of `token`.
    async fn learn_keys(&self, token: &str) -> bool {
        let read = || {
            let compact = Compact::split(token, MAX_TOKEN_BYTES).ok()?;
            let claims = Claims::parse(compact.payload().ok()?).ok()?;
            Some((self.issuer(&claims)?.remote()?, compact.header().ok()?))
        };
        let Some((remote, header)) = read() else {
            return false;
        };
        remote.learn(header.key_id()).await
    }
}
