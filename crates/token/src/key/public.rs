//! Public keys as numbers, checked before they become keys.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, ParsedPublicKey};

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::key::KeyError;

/// Least and most bits of an RSA modulus (RFC 7518 section 3.3; above, verifying gets expensive).
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// Most bytes of an RSA exponent; real ones have three.
const MAX_EXPONENT: usize = 4;

/// A public key, not yet bound to an algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec { curve: Curve, point: Vec<u8> },
    /// A compressed Edwards point.
    Ed25519(Vec<u8>),
}

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// Bytes of a coordinate.
    pub(crate) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The one algorithm of this curve (RFC 7518 section 3.4).
    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

impl PublicKey {
    /// The algorithms for this type of key.
    pub(crate) fn algorithms(&self) -> AlgorithmSet {
        match self {
            Self::Rsa { .. } => AlgorithmSet::RSA,
            Self::Ec { curve, .. } => curve.algorithm().into(),
            Self::Ed25519(_) => Algorithm::EdDsa.into(),
        }
    }

    /// The key, ready to verify signatures of `algorithm`.
    pub(crate) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
        let parsed = match self {
            Self::Rsa { n, e } => {
                check_rsa(n, e)?;
                let parameters = algorithm.rsa().ok_or(KeyError::Algorithm)?;
                PublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            Self::Ec { curve, point } => {
                if point.len() != 1 + 2 * curve.width() || point.first() != Some(&4) {
                    return Err(KeyError::Invalid);
                }
                let parameters = algorithm.ecdsa().ok_or(KeyError::Algorithm)?;
                ParsedPublicKey::new(parameters, point)
            }
            Self::Ed25519(point) if point.len() == 32 => {
                ParsedPublicKey::new(&signature::ED25519, point)
            }
            Self::Ed25519(_) => return Err(KeyError::Invalid),
        };
        parsed.map_err(|_| KeyError::Invalid)
    }
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(highest), Some(lowest)) = (n.first(), n.last()) else {
        return Err(KeyError::Invalid);
    };
    if *highest == 0 || e.first() == Some(&0) {
        return Err(KeyError::Invalid);
    }
    let leading = usize::try_from(highest.leading_zeros()).unwrap_or(0);
    let odd = |byte: Option<&u8>| byte.is_some_and(|byte| byte % 2 == 1);
    let fits = MODULUS_BITS.contains(&(n.len() * 8 - leading)) && odd(Some(lowest));
    let sound = (1..=MAX_EXPONENT).contains(&e.len()) && odd(e.last()) && e != [1];
    if fits && sound {
        Ok(())
    } else {
        Err(KeyError::Weak)
    }
}
