//! Issuers of the tests: keys, and tokens signed with them.

use std::sync::Arc;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::client::Signer;
use ztag_token::{
    Algorithm, Issuer, IssuerSpec, KeyStores, Places, Revocations, TokenCache, TokenCacheSpec,
    Verifier,
};
use ztag_types::{Clock, ConfigPath, Findings, ManualClock, Secret};

pub(crate) const ISSUER: &str = "https://idp.example/";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// Where a `ManualClock` starts.
pub(crate) const START: i64 = 1_767_225_600;

pub(crate) struct Mint {
    pub(crate) signer: Signer,
    pub(crate) public: Json,
    pub(crate) private: String,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Mint {
    pub(crate) fn ec(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let public = json!({
            "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
            "x": encode(&point[1..33]), "y": encode(&point[33..]),
        });
        let private = pair.private_key();
        let private: aws_lc_rs::encoding::EcPrivateKeyBin<'_> = private.as_be_bytes().unwrap();
        Self::new(Algorithm::Es256, public, &encode(private.as_ref()))
    }

    pub(crate) fn ed(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let seed = pair.seed().unwrap();
        let seed: aws_lc_rs::encoding::Curve25519SeedBin<'_> = seed.as_be_bytes().unwrap();
        let public = json!({
            "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(pair.public_key().as_ref()),
        });
        Self::new(Algorithm::EdDsa, public, &encode(seed.as_ref()))
    }

    fn new(algorithm: Algorithm, public: Json, d: &str) -> Self {
        let mut private = public.clone();
        private["d"] = d.into();
        let private = private.to_string();
        let text = Secret::new(private.clone());
        Self {
            signer: Signer::parse(&text, algorithm, None).unwrap(),
            public,
            private,
        }
    }

    /// A token of type `at+jwt`.
    pub(crate) fn token(&self, claims: &Json) -> String {
        self.typed(Some("at+jwt"), claims)
    }

    pub(crate) fn typed(&self, typ: Option<&str>, claims: &Json) -> String {
        self.signer.sign(typ, claims).unwrap().into_inner()
    }

    /// A token whose header and payload are any bytes.
    pub(crate) fn raw(&self, header: &str, payload: &str) -> String {
        let text = Secret::new(self.private.clone());
        let signed = format!("{}.{}", encode(header), encode(payload));
        let jwk: Json = serde_json::from_str(text.expose()).unwrap();
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let signature = if jwk["kty"] == "EC" {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            let pair = EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &bytes("d"),
                &point,
            );
            let random = aws_lc_rs::rand::SystemRandom::new();
            let signature = pair.unwrap().sign(&random, signed.as_bytes()).unwrap();
            encode(signature)
        } else {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes("d"), &bytes("x"));
            encode(pair.unwrap().sign(signed.as_bytes()))
        };
        format!("{signed}.{signature}")
    }
}

pub(crate) fn key_set(mints: &[&Mint]) -> String {
    let keys: Vec<_> = mints.iter().map(|mint| &mint.public).collect();
    json!({ "keys": keys }).to_string()
}

/// Claims that every profile but `fapi2` and `spiffe` accepts.
pub(crate) fn claims() -> Json {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|ada", "client_id": "cli", "jti": "id-1",
        "iat": START, "exp": START + 600, "scope": "read write",
    })
}

pub(crate) struct Gate {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) places: Places,
    pub(crate) stores: KeyStores,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
        let places = Places {
            cache: Arc::new(TokenCache::new(TokenCacheSpec::default())),
            revocations: Arc::new(Revocations::new(100)),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
        };
        Self {
            stores: KeyStores::new(Arc::new(client), Arc::clone(&places.clock)),
            clock,
            places,
        }
    }

    pub(crate) fn issuer(&self, spec: &IssuerSpec) -> Issuer {
        let mut findings = Findings::new();
        let issuer = Issuer::compile(spec, &self.stores, &ConfigPath::root(), &mut findings);
        issuer.unwrap_or_else(|| panic!("{:?}", findings.as_slice()))
    }

    pub(crate) fn verifier(&self, specs: &[IssuerSpec]) -> Verifier {
        let issuers = specs.iter().map(|spec| self.issuer(spec)).collect();
        Verifier::new(issuers, self.places.clone())
    }
}

pub(crate) fn spec(keys: String) -> IssuerSpec {
    let mut spec = IssuerSpec {
        issuer: ISSUER.into(),
        audiences: vec![AUDIENCE.into()],
        ..IssuerSpec::default()
    };
    spec.jwks.keys = Some(keys);
    spec
}
