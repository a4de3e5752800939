//! Signed tokens of one issuer, for every algorithm.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_test_support::Failure;
use ztag_token::client::Signer;
use ztag_token::{
    Algorithm, Issuer, IssuerSpec, KeyStores, Places, Profile, Revocations, TokenCache,
    TokenCacheSpec, Verifier,
};
use ztag_types::{ConfigPath, Findings, Secret, SystemClock};

const ISSUER: &str = "https://tenant.eu.example/";
const AUDIENCE: &str = "https://api.example";
/// In the year 2096.
const FOREVER: u64 = 4_000_000_000;

/// An issuer with one key.
#[derive(Debug)]
pub struct TokenMint {
    signer: Signer,
    public: String,
}

impl TokenMint {
    /// An issuer that signs with `algorithm`, which is not one of a shared secret, and a new key:
    /// RSA of 2048 bits.
    ///
    /// # Errors
    /// When there can be no such key.
    pub fn new(algorithm: Algorithm) -> Result<Self, Failure> {
        let failed = |_| Failure::new(format!("no key for `{algorithm}`"));
        let (private, public) = key(algorithm).map_err(failed)?;
        let signer = Signer::parse(&Secret::new(private), algorithm, None);
        Ok(Self {
            signer: signer.map_err(|error| Failure::new(error.to_string()))?,
            public,
        })
    }

    /// The public key as PEM.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// Token number `number`, good for ever, of the usual size: a user, some scopes and rights.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self, number: u32) -> Result<String, Failure> {
        self.token_of(number, "org_7Yh2kqVtbWmQ1c9d")
    }

    /// The same for a user of `organization`.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub fn token_of(&self, number: u32, organization: &str) -> Result<String, Failure> {
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE,
            "sub": format!("auth0|5f7c8ec7c33c6c004bbafe{number:06}"), "client_id": "Xk3JqPzR8vLm2Nw",
            "azp": "Xk3JqPzR8vLm2NwTa0sBcD4eFgHiJkLm", "jti": format!("0b9c1a52-8a2f-4a0e-{number:08}"),
            "iat": 1_767_225_600, "exp": FOREVER, "scope": "openid profile read:orders write:orders",
            "org_id": organization, "permissions": ["read:orders", "write:orders"],
        });
        let token = self.signer.sign(Some("at+jwt"), &claims);
        let token = token.map_err(|error| Failure::new(error.to_string()))?;
        Ok(token.into_inner())
    }

    /// A verifier of its tokens that remembers them in `max_bytes`, with its memory.
    ///
    /// # Errors
    /// When the issuer cannot be configured.
    pub fn verifier(&self, max_bytes: u64) -> Result<(Verifier, Arc<TokenCache>), Failure> {
        let mut spec = IssuerSpec {
            issuer: ISSUER.into(),
            audiences: vec![AUDIENCE.into()],
            profile: Profile::Rfc9068,
            ..IssuerSpec::default()
        };
        spec.jwks.keys = Some(self.public.clone());
        let clock = Arc::new(SystemClock::new());
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none());
        let client = client.map_err(|error| Failure::new(error.to_string()))?;
        let stores = KeyStores::new(Arc::new(client), clock.clone());
        let mut findings = Findings::new();
        let issuer = Issuer::compile(&spec, &stores, &ConfigPath::root(), &mut findings);
        let issuer = issuer.ok_or_else(|| Failure::new(format!("{:?}", findings.as_slice())))?;
        let cache = Arc::new(TokenCache::new(TokenCacheSpec {
            max_bytes,
            ..TokenCacheSpec::default()
        }));
        let places = Places {
            cache: Arc::clone(&cache),
            revocations: Arc::new(Revocations::new(100)),
            clock,
        };
        Ok((Verifier::new(vec![issuer], places), cache))
    }
}

/// The private and the public half of a new key as PEM.
fn key(algorithm: Algorithm) -> Result<(String, String), Unspecified> {
    let curve = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate()?;
            return pem(pair.to_pkcs8v1()?.as_ref(), pair.public_key());
        }
        _ => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let private: Pkcs8V1Der<'_> = pair.as_der()?;
            return pem(private.as_ref(), pair.public_key());
        }
    };
    let pair = EcdsaKeyPair::generate(curve)?;
    pem(pair.to_pkcs8v1()?.as_ref(), pair.public_key())
}

fn pem<'a>(
    private: &[u8],
    public: &impl AsDer<PublicKeyX509Der<'a>>,
) -> Result<(String, String), Unspecified> {
    let wrap = |label: &str, der: &[u8]| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    Ok((
        wrap("PRIVATE KEY", private),
        wrap("PUBLIC KEY", public.as_der()?.as_ref()),
    ))
}
