#![doc = include_str!("../README.md")]

use std::fmt;
use std::sync::LazyLock;

use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::{self, JwsSigner, JwsVerifier};
use ztag_token::client::Signer;
use ztag_token::{Algorithm, AlgorithmSet, KeySet, Purpose, verify};
use ztag_types::Secret;

/// Longest token of these tests, in bytes.
const MAX_BYTES: usize = 65_536;

/// One algorithm with one key, in the hands of both verifiers.
pub struct Party {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// How the other side signs.
    pub their_signer: Box<dyn JwsSigner>,
    /// How this side signs; nothing of ours signs with a shared secret.
    pub our_signer: Option<Signer>,
    their_verifier: Box<dyn JwsVerifier>,
    our_keys: KeySet,
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.algorithm)
    }
}

impl Party {
    /// Whether this side accepts the signature of `token` under `allowed`.
    #[must_use]
    pub fn we_accept(&self, token: &str, allowed: AlgorithmSet) -> bool {
        verify(token, &self.our_keys, allowed, MAX_BYTES).is_ok()
    }

    /// Whether the other side does, for this algorithm alone.
    #[must_use]
    pub fn they_accept(&self, token: &str) -> bool {
        jws::deserialize_compact(token, &*self.their_verifier).is_ok()
    }
}

/// One party for each algorithm.
#[must_use]
pub fn parties() -> &'static [Party] {
    static PARTIES: LazyLock<Vec<Party>> = LazyLock::new(|| {
        let rsa = RsaKeyPair::generate(2_048).unwrap().to_jwk_key_pair();
        let ec = |curve| EcKeyPair::generate(curve).unwrap().to_jwk_key_pair();
        let ed = EdKeyPair::generate(EdCurve::Ed25519).unwrap();
        let keys = [
            ec(EcCurve::P256),
            ec(EcCurve::P384),
            ec(EcCurve::P521),
            ed.to_jwk_key_pair(),
        ];
        Algorithm::ALL
            .into_iter()
            .map(|algorithm| match algorithm {
                Algorithm::Es256 => party(algorithm, &keys[0]),
                Algorithm::Es384 => party(algorithm, &keys[1]),
                Algorithm::Es512 => party(algorithm, &keys[2]),
                Algorithm::EdDsa => party(algorithm, &keys[3]),
                other if other.is_symmetric() => secret_party(other),
                rsa_one => party(rsa_one, &rsa),
            })
            .collect()
    });
    &PARTIES
}

fn party(algorithm: Algorithm, private: &Jwk) -> Party {
    let public = private.to_public_key().unwrap();
    let text = Secret::new(private.to_string());
    let (their_signer, their_verifier) = theirs(algorithm, private, &public);
    Party {
        algorithm,
        their_signer,
        our_signer: Some(Signer::parse(&text, algorithm, None).unwrap()),
        their_verifier,
        our_keys: KeySet::parse(&public.to_string(), Purpose::Signature).unwrap(),
    }
}

fn secret_party(algorithm: Algorithm) -> Party {
    let name = algorithm.as_str();
    let jwk = format!(
        r#"{{"kty":"oct","alg":"{name}","k":"{}"}}"#,
        "c2VjcmV0".repeat(11)
    );
    let theirs_jwk = Jwk::from_bytes(&jwk).unwrap();
    let (their_signer, their_verifier) = theirs(algorithm, &theirs_jwk, &theirs_jwk);
    Party {
        algorithm,
        their_signer,
        our_signer: None,
        their_verifier,
        our_keys: KeySet::parse_secret(&jwk).unwrap(),
    }
}

fn theirs(
    algorithm: Algorithm,
    private: &Jwk,
    public: &Jwk,
) -> (Box<dyn JwsSigner>, Box<dyn JwsVerifier>) {
    macro_rules! both {
        ($own:expr) => {
            (
                Box::new($own.signer_from_jwk(private).unwrap()) as Box<dyn JwsSigner>,
                Box::new($own.verifier_from_jwk(public).unwrap()) as Box<dyn JwsVerifier>,
            )
        };
    }
    match algorithm {
        Algorithm::Rs256 => both!(jws::RS256),
        Algorithm::Rs384 => both!(jws::RS384),
        Algorithm::Rs512 => both!(jws::RS512),
        Algorithm::Ps256 => both!(jws::PS256),
        Algorithm::Ps384 => both!(jws::PS384),
        Algorithm::Ps512 => both!(jws::PS512),
        Algorithm::Es256 => both!(jws::ES256),
        Algorithm::Es384 => both!(jws::ES384),
        Algorithm::Es512 => both!(jws::ES512),
        Algorithm::EdDsa => both!(jws::EdDSA),
        Algorithm::Hs256 => both!(jws::HS256),
        Algorithm::Hs384 => both!(jws::HS384),
        Algorithm::Hs512 => both!(jws::HS512),
    }
}
