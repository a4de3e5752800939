//! One verification key, parsed once and bound to the algorithms it may serve.

mod jwk;
mod pem;
mod public;
mod set;

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::refusal::Refusal;

pub use jwk::{Purpose, thumbprint};
pub use set::KeySet;

pub(crate) use public::{Curve, PublicKey};

/// A verification key.
#[derive(Debug)]
pub struct Key {
    id: Option<Box<str>>,
    verifiers: Verifiers,
}

enum Verifiers {
    Public(Box<[(Algorithm, ParsedPublicKey)]>),
    Secret(Algorithm, Box<hmac::Key>),
}

/// Why a key, or a set of keys, is not used. Holds nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyError {
    /// The text is not a JSON object without repeated members.
    #[error("not a JSON object without repeated members")]
    Syntax,
    /// A member is absent or of the wrong type.
    #[error("a member is absent or of the wrong type")]
    Member,
    /// A private or symmetric key stands where everybody may read it.
    #[error("holds a private or symmetric key")]
    SecretPublished,
    /// The key type or curve is unknown.
    #[error("unknown key type or curve")]
    UnknownType,
    /// `alg` is unknown, or not one for this type of key.
    #[error("`alg` is unknown or not for this type of key")]
    Algorithm,
    /// `use` or `key_ops` say that the key does not verify signatures.
    #[error("not a key that verifies signatures")]
    Purpose,
    /// An RSA modulus outside 2048 to 8192 bits, an even or small exponent, or a short secret.
    #[error("too weak")]
    Weak,
    /// A number is not encoded as RFC 7518 section 6 says, or is no point of the curve.
    #[error("not a valid key")]
    Invalid,
    /// More keys than allowed in one set.
    #[error("too many keys")]
    TooMany,
    /// No key of the set can be used.
    #[error("no usable key")]
    Empty,
}

impl Key {
    /// A public key that may serve `algorithms`, as far as they are for its type.
    ///
    /// # Errors
    /// When the key is weak or invalid, or fits none of the algorithms.
    pub(crate) fn from_public(
        id: Option<Box<str>>,
        public: &PublicKey,
        algorithms: AlgorithmSet,
    ) -> Result<Self, KeyError> {
        let fitting = public.algorithms().both(algorithms);
        if fitting.is_empty() {
            return Err(KeyError::Algorithm);
        }
        let parsed: Result<Box<[_]>, _> = fitting
            .iter()
            .map(|algorithm| Ok((algorithm, public.parse(algorithm)?)))
            .collect();
        Ok(Self {
            id,
            verifiers: Verifiers::Public(parsed?),
        })
    }

    /// A secret shared with the issuer, configured on this side.
    ///
    /// # Errors
    /// When `algorithm` is not an HMAC, or `secret` shorter than its hash (RFC 7518 section 3.2).
    pub fn from_secret(
        id: Option<&str>,
        secret: &[u8],
        algorithm: Algorithm,
    ) -> Result<Self, KeyError> {
        let hash = algorithm.hmac().ok_or(KeyError::Algorithm)?;
        if secret.len() < hash.tag_len() {
            return Err(KeyError::Weak);
        }
        Ok(Self {
            id: id.map(Into::into),
            verifiers: Verifiers::Secret(algorithm, Box::new(hmac::Key::new(hash, secret))),
        })
    }

    /// Its `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The algorithms it may serve.
    pub fn algorithms(&self) -> AlgorithmSet {
        match &self.verifiers {
            Verifiers::Public(parsed) => parsed.iter().map(|(algorithm, _)| *algorithm).collect(),
            Verifiers::Secret(algorithm, _) => (*algorithm).into(),
        }
    }

    /// Whether `signature` is one of this key over `message`.
    ///
    /// # Errors
    /// [`Refusal::KeyMismatch`] or [`Refusal::SignatureInvalid`].
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let verified = match &self.verifiers {
            Verifiers::Public(parsed) => {
                let mut parsed = parsed.iter();
                let (_, key) = parsed
                    .find(|(own, _)| *own == algorithm)
                    .ok_or(Refusal::KeyMismatch)?;
                key.verify_sig(message, signature)
            }
            Verifiers::Secret(own, key) if *own == algorithm => {
                hmac::verify(key, message, signature)
            }
            Verifiers::Secret(..) => return Err(Refusal::KeyMismatch),
        };
        verified.map_err(|_| Refusal::SignatureInvalid)
    }
}

impl fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(parsed) => {
                let algorithms = parsed.iter().map(|(algorithm, _)| algorithm);
                f.debug_list().entries(algorithms).finish()
            }
            Self::Secret(algorithm, _) => write!(f, "{algorithm} [redacted]"),
        }
    }
}
