//! An issuer of tokens, honest and other ones.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use crate::Failure;

/// A signing key (ES256) with its name.
#[derive(Debug)]
pub struct Mint {
    pair: EcdsaKeyPair,
    id: String,
}

impl Mint {
    /// A new key named `id`.
    pub fn new(id: &str) -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Ok(Self {
            pair: pair.map_err(|_| Failure::new("no key can be made"))?,
            id: id.to_owned(),
        })
    }

    /// The public key as a JWK.
    pub fn public(&self) -> Json {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "alg": "ES256",
            "x": base64url(x), "y": base64url(y),
        })
    }

    /// The public key as a proof shows it (RFC 9449, section 4.2).
    pub fn shown(&self) -> Json {
        let mut key = self.public();
        if let Json::Object(members) = &mut key {
            members.retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
        }
        key
    }

    /// The thumbprint of the public key (RFC 7638).
    pub fn thumbprint(&self) -> String {
        // Members stand in the order of their names, as they must.
        digest(self.shown().to_string())
    }

    /// An access token of RFC 9068 with these claims.
    pub fn token(&self, claims: &Json) -> String {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": self.id});
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// Signs what may be no header and no claims at all.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        // Without randomness there is no signature, and no token that anybody accepts.
        let signature = signature.map(base64url).unwrap_or_default();
        format!("{signed}.{signature}")
    }
}

/// As tokens are written (RFC 7515, section 2).
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256, as tokens write it.
pub fn digest(bytes: impl AsRef<[u8]>) -> String {
    base64url(aws_lc_rs::digest::digest(&SHA256, bytes.as_ref()))
}

/// Now, in seconds since 1970.
pub fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
