//! Private keys that sign tokens of ours.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use ztag_types::{Map, Secret, Value};

use crate::algorithm::Algorithm;
use crate::encoding;
use crate::json;
use crate::key::{Curve, PublicKey};

/// A private key that signs with one algorithm.
pub struct Signer {
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Why a private key cannot sign. Holds nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Neither a PEM private key nor a private JWK.
    #[error("neither a PEM private key nor a private JWK")]
    Syntax,
    /// The key is not for this algorithm, or weak, or invalid.
    #[error("the key is not a valid one for `{0}`")]
    Key(Algorithm),
    /// No algorithm is known for the key.
    #[error("no algorithm is known for this key")]
    Unusable,
    /// Signing failed.
    #[error("signing failed")]
    Signing,
}

impl Signer {
    /// The private key in `text`, a PEM block (PKCS #8, PKCS #1, SEC 1) or a JWK, to sign with
    /// `algorithm`. Tokens name it by `key_id`, or by the `kid` of the JWK.
    ///
    /// # Errors
    /// When there is no key, or none for `algorithm`.
    pub fn parse(
        text: &Secret<String>,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> Result<Self, SignerError> {
        let text = text.expose().as_str();
        let (pair, own_id) = if text.trim_start().starts_with('{') {
            let jwk = json::object(text.as_bytes()).ok_or(SignerError::Syntax)?;
            let id = jwk.get("kid").and_then(Value::as_str).map(Box::from);
            (Pair::from_jwk(&jwk, algorithm), id)
        } else {
            let der = PrivateKeyDer::from_pem_slice(text.as_bytes());
            let der = der.map_err(|_| SignerError::Syntax)?;
            (Pair::from_der(&der, algorithm), None)
        };
        Ok(Self {
            algorithm,
            key_id: key_id.map(Box::from).or(own_id),
            pair: pair.ok_or(SignerError::Key(algorithm))?,
        })
    }

    /// The algorithm that the JWK in `text` names, if it is one and does.
    pub(crate) fn named_algorithm(text: &Secret<String>) -> Option<Algorithm> {
        let jwk = json::object(text.expose().as_bytes())?;
        Algorithm::from_name(jwk.get("alg")?.as_str()?).filter(|own| !own.is_symmetric())
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A compact token of type `token_type` with these claims, a JSON object.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(
        &self,
        token_type: Option<&str>,
        claims: &serde_json::Value,
    ) -> Result<Secret<String>, SignerError> {
        let mut header = serde_json::Map::new();
        header.insert("alg".into(), self.algorithm.as_str().into());
        let named = [("typ", token_type), ("kid", self.key_id.as_deref())];
        for (name, value) in named {
            if let Some(value) = value {
                header.insert(name.into(), value.into());
            }
        }
        let header = encoding::encode(serde_json::Value::Object(header).to_string());
        let mut token = header + "." + &encoding::encode(claims.to_string());
        let signature = self.pair.sign(token.as_bytes());
        let signature = signature.ok_or(SignerError::Signing)?;
        token.push('.');
        token.push_str(&encoding::encode(signature));
        Ok(Secret::new(token))
    }
}

impl Pair {
    fn from_der(der: &PrivateKeyDer<'_>, algorithm: Algorithm) -> Option<Self> {
        if let Some(padding) = encoding_of(algorithm) {
            let pair = match der {
                PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
                PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
                _ => return None,
            };
            return Self::rsa(pair.ok()?, padding);
        }
        if let Some(curve) = curve_of(algorithm) {
            let pair = EcdsaKeyPair::from_private_key_der(curve, der.secret_der());
            return pair.ok().map(Self::Ec);
        }
        if algorithm != Algorithm::EdDsa {
            return None;
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der());
        pair.ok().map(Self::Ed)
    }

    fn from_jwk(jwk: &Map, algorithm: Algorithm) -> Option<Self> {
        let number = |name: &str| encoding::decode(jwk.get(name)?.as_str()?);
        let kind = jwk.get("kty")?.as_str()?;
        if let (Some(padding), "RSA") = (encoding_of(algorithm), kind) {
            let components = KeyPairComponents {
                public_key: PublicKeyComponents {
                    n: number("n")?,
                    e: number("e")?,
                },
                d: number("d")?,
                p: number("p")?,
                q: number("q")?,
                dP: number("dp")?,
                dQ: number("dq")?,
                qInv: number("qi")?,
            };
            return Self::rsa(RsaKeyPair::from_components(&components).ok()?, padding);
        }
        let private = number("d")?;
        if let (Some(parameters), "EC") = (curve_of(algorithm), kind) {
            let curve = Curve::from_name(jwk.get("crv")?.as_str()?)?;
            let point = [vec![4], number("x")?, number("y")?].concat();
            let public = PublicKey::Ec {
                curve,
                point: point.clone(),
            };
            public.parse(algorithm).ok()?;
            let pair = EcdsaKeyPair::from_private_key_and_public_key;
            return pair(parameters, &private, &point).ok().map(Self::Ec);
        }
        if (algorithm, kind) != (Algorithm::EdDsa, "OKP") || jwk.get("crv")?.as_str()? != "Ed25519"
        {
            return None;
        }
        let pair = Ed25519KeyPair::from_seed_and_public_key(&private, &number("x")?);
        pair.ok().map(Self::Ed)
    }

    fn rsa(pair: RsaKeyPair, padding: &'static dyn RsaEncoding) -> Option<Self> {
        let strong = pair.public_modulus_len() >= 256;
        strong.then(|| Self::Rsa(Box::new(pair), padding))
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Ed(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn encoding_of(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

const fn curve_of(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    Some(match algorithm {
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => return None,
    })
}
