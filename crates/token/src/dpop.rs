//! Proofs that the sender of a token holds the key it is bound to (RFC 9449).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use url::{Position, Url};
use ztag_types::{Clock, Map, Value};

use crate::algorithm::AlgorithmSet;
use crate::binding::Confirmation;
use crate::claims::Claims;
use crate::encoding;
use crate::json;
use crate::jws::Compact;
use crate::key::{Key, Purpose, thumbprint};
use crate::nonce::Nonces;
use crate::refusal::Refusal;
use crate::replay::ReplayStore;

/// Longest proof, in bytes.
const MAX_PROOF: usize = 4 * 1024;
/// Longest `jti`, in bytes.
const MAX_ID: usize = 256;

/// Checks `DPoP` proofs.
#[derive(Debug)]
pub struct ProofVerifier {
    /// Algorithms accepted; symmetric ones never are.
    pub algorithms: AlgorithmSet,
    /// Oldest proof accepted.
    pub max_age: Duration,
    /// Difference between clocks that is forgiven.
    pub skew: Duration,
    /// Proofs seen before.
    pub replay: Arc<ReplayStore>,
    /// Nonces to ask for, if proofs must hold one.
    pub nonces: Option<Arc<Nonces>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct ProvenRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL as the sender sees it: scheme and host of the outside. Query and fragment do not
    /// count.
    pub url: &'a Url,
    /// The access token that came with it.
    pub token: &'a str,
    /// What the token is bound to.
    pub confirmation: Confirmation<'a>,
}

impl ProofVerifier {
    /// Checks that `proof`, the one `DPoP` field of the request, proves that the sender of
    /// `request` holds the key its token is bound to (RFC 9449 section 4.3).
    ///
    /// # Errors
    /// Why it does not. [`Refusal::NonceRequired`] asks the sender to try again with the
    /// [current nonce](Nonces::current).
    pub fn check(&self, proof: &str, request: &ProvenRequest<'_>) -> Result<(), Refusal> {
        let Confirmation::ProofKey(bound) = request.confirmation else {
            return Err(Refusal::BindingMismatch);
        };
        let invalid = |_| Refusal::ProofInvalid;
        let compact = Compact::split(proof, MAX_PROOF).map_err(invalid)?;
        let key = self.check_signature(&compact)?;
        if key != bound {
            return Err(Refusal::BindingMismatch);
        }
        let payload = compact.payload().map_err(invalid)?;
        let claims = Claims::parse(payload).map_err(invalid)?;
        let id = request_id(&claims, request)?;
        let until = self.check_time(&claims)?;
        self.check_nonce(&claims)?;
        // Last: a proof that is refused for another reason is not used up.
        self.replay.admit(bound, id, until, self.clock.now())
    }

    /// The thumbprint of the key in the header, which signed the proof.
    fn check_signature(&self, compact: &Compact<'_>) -> Result<String, Refusal> {
        let check = || {
            let header = compact.header().ok()?;
            let members = json::object(&compact.header_bytes().ok()?)?;
            let allowed = self.algorithms.both(AlgorithmSet::ASYMMETRIC);
            let fits = header.is_type("dpop+jwt") && allowed.contains(header.algorithm());
            let jwk = fits.then(|| map(members.get("jwk")))??;
            let key = Key::from_jwk(jwk, Purpose::Signature).ok()?;
            let signature = encoding::decode(compact.signature)?;
            let signed = compact.signed.as_bytes();
            key.verify(header.algorithm(), signed, &signature).ok()?;
            thumbprint(jwk).ok()
        };
        check().ok_or(Refusal::ProofInvalid)
    }

    /// Until when, in seconds since 1970, the proof could be used again.
    fn check_time(&self, claims: &Claims) -> Result<i64, Refusal> {
        let now = self.clock.now().seconds();
        let made = claims
            .date("iat")
            .ok()
            .flatten()
            .ok_or(Refusal::ProofInvalid)?;
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let until = made
            .saturating_add(seconds(self.max_age))
            .saturating_add(seconds(self.skew));
        if made > now.saturating_add(seconds(self.skew)) || until < now {
            return Err(Refusal::ProofExpired);
        }
        Ok(until)
    }

    fn check_nonce(&self, claims: &Claims) -> Result<(), Refusal> {
        let Some(nonces) = &self.nonces else {
            return Ok(());
        };
        let nonce = claims.text("nonce").map_err(|_| Refusal::ProofInvalid)?;
        if nonce.is_some_and(|nonce| nonces.accepts(nonce, self.clock.now())) {
            Ok(())
        } else {
            Err(Refusal::NonceRequired)
        }
    }
}

/// The `jti` of a proof that is for this request and token.
fn request_id<'c>(claims: &'c Claims, request: &ProvenRequest<'_>) -> Result<&'c str, Refusal> {
    let text = |name: &str| claims.text(name).ok().flatten();
    let hash = encoding::encode(digest::digest(&SHA256, request.token.as_bytes()));
    let fits = text("htm") == Some(request.method)
        && text("htu").is_some_and(|target| is_same(target, request.url))
        && text("ath") == Some(&*hash);
    let id = text("jti").filter(|id| (1..=MAX_ID).contains(&id.len()));
    id.filter(|_| fits).ok_or(Refusal::ProofInvalid)
}

fn map(value: Option<&Value>) -> Option<&Map> {
    match value {
        Some(Value::Map(map)) => Some(map),
        _ => None,
    }
}

/// Whether `target` is `url`, after both were brought to the one form of the URL standard: case
/// of scheme and host, default ports, percent-encoding of the path. Query and fragment of `url`
/// do not count, and `target` must have none (RFC 9449 section 4.2).
fn is_same(target: &str, url: &Url) -> bool {
    Url::parse(target).is_ok_and(|target| {
        let plain = target.query().is_none() && target.fragment().is_none();
        let whole = |url: &Url| url[..Position::AfterPath].to_owned();
        plain && whole(&target) == whole(url)
    })
}
