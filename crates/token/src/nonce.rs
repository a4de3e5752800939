//! Nonces for proofs (RFC 9449 section 9), without memory: a moment and a seal on it.

use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};
use ztag_types::Timestamp;

use crate::encoding;

const SEAL: usize = 16;

/// Makes nonces and knows them again. Every replica that shares the secret knows those of the
/// others.
#[derive(Debug)]
pub struct Nonces {
    key: hmac::Key,
    /// Seconds.
    lifetime: i64,
}

impl Nonces {
    /// Nonces sealed with a random secret of this process, good for `lifetime`, at least 1 s.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn random(lifetime: Duration) -> Result<Self, Unspecified> {
        let mut secret = [0; 32];
        rand::fill(&mut secret)?;
        Ok(Self::from_secret(&secret, lifetime))
    }

    /// Nonces sealed with `secret`, good for `lifetime`, at least 1 s.
    pub fn from_secret(secret: &[u8], lifetime: Duration) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            lifetime: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX).max(1),
        }
    }

    /// The nonce to hand out at `now`.
    pub fn current(&self, now: Timestamp) -> String {
        self.of(now.seconds())
    }

    /// Whether `nonce` is one of ours and still good at `now`.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let moment = encoding::decode(nonce).and_then(|bytes| {
            let (moment, seal) = bytes.split_first_chunk::<8>()?;
            let sealed = hmac::sign(&self.key, moment);
            let own = sealed.as_ref().first_chunk::<SEAL>()?;
            aws_lc_rs::constant_time::verify_slices_are_equal(own, seal).ok()?;
            Some(i64::from_be_bytes(*moment))
        });
        let age = |moment: i64| now.seconds().saturating_sub(moment);
        moment.is_some_and(|moment| (0..=self.lifetime).contains(&age(moment)))
    }

    fn of(&self, moment: i64) -> String {
        let moment = moment.to_be_bytes();
        let seal = hmac::sign(&self.key, &moment);
        let seal = seal.as_ref().get(..SEAL).unwrap_or_default();
        encoding::encode([&moment, seal].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_known_again_while_they_are_good() {
        let nonces = Nonces::from_secret(b"secret", Duration::from_mins(1));
        let at = Timestamp::from_seconds;
        let nonce = nonces.current(at(1_000));
        assert!(nonces.accepts(&nonce, at(1_000)) && nonces.accepts(&nonce, at(1_060)));
        assert!(!nonces.accepts(&nonce, at(999)) && !nonces.accepts(&nonce, at(1_061)));
        let other = Nonces::random(Duration::from_mins(1)).unwrap();
        assert!(!other.accepts(&nonce, at(1_000)));
        for bad in [
            "",
            "AAAA",
            "AAAAAAAAA-gAAAAAAAAAAAAAAAAAAAAA",
            &format!("{nonce}A"),
            "!",
        ] {
            assert!(!nonces.accepts(bad, at(1_000)), "{bad}");
        }
    }
}
