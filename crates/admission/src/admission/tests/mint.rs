//! Issuers of the tests: their keys, tokens and proofs.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_token::{
    AlgorithmSet, Introspector, Issuer, IssuerSpec, KeyStores, Nonces, Places, ProofVerifier,
    ReplayStore, Revocations, TokenCache, TokenCacheSpec, Verifier, thumbprint,
};
use ztag_types::{Clock, ConfigPath, Findings, ManualClock, Value};

use crate::token_sources::TokenSources;

pub(super) const ISSUER: &str = "https://idp.example/";
pub(super) const AUDIENCE: &str = "https://api.example";
/// Where a `ManualClock` starts.
pub(super) const START: i64 = 1_767_225_600;

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair with all that can be signed with it.
pub(super) struct Mint {
    pair: Ed25519KeyPair,
    pub(super) public: Json,
}

impl Mint {
    pub(super) fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = encode(pair.public_key().as_ref());
        Self {
            pair,
            public: json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
        }
    }

    pub(super) fn thumbprint(&self) -> String {
        let Value::Map(jwk) = Value::from(self.public.clone()) else {
            panic!("a map");
        };
        thumbprint(&jwk).unwrap()
    }

    /// A token of type `at+jwt`: the usual claims, changed.
    pub(super) fn token(&self, changes: &Json) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "client_id": "cli", "jti": "id-1",
            "iat": START, "exp": START + 600, "scope": "read",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&json!({"typ": "at+jwt", "alg": "EdDSA"}), &claims)
    }

    /// A proof for `GET http://api.example/reports` with `token`, changed.
    pub(super) fn proof(&self, token: &str, changes: &Json) -> String {
        let mut claims = json!({
            "jti": "proof-1", "htm": "GET", "htu": "http://api.example/reports", "iat": START,
            "ath": encode(digest(&SHA256, token.as_bytes())),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.public});
        self.sign(&header, &claims)
    }

    pub(super) fn sign(&self, header: &Json, claims: &Json) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// One issuer, perhaps with introspection and proofs.
#[derive(Debug)]
pub(super) struct Issuers {
    pub(super) verifier: Option<Arc<Verifier>>,
    pub(super) introspectors: Vec<(&'static str, Arc<Introspector>)>,
    pub(super) proofs: Option<Arc<ProofVerifier>>,
    pub(super) places: Places,
    pub(super) client: Arc<Client>,
}

impl Issuers {
    /// `idp`, which signs with the key of `mint`.
    pub(super) fn of(mint: &Mint) -> Self {
        Self::with(|spec| spec.jwks.keys = Some(mint.public.to_string()))
    }

    pub(super) fn with(adjust: impl FnOnce(&mut IssuerSpec)) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let client = Client::new(&ClientSpec::default(), TlsMaterial::none()).unwrap();
        let client = Arc::new(client);
        let places = Places {
            cache: Arc::new(TokenCache::new(TokenCacheSpec::default())),
            revocations: Arc::new(Revocations::new(100)),
            clock: Arc::clone(&clock),
        };
        let mut spec = IssuerSpec {
            issuer: ISSUER.into(),
            audiences: vec![AUDIENCE.into()],
            ..IssuerSpec::default()
        };
        adjust(&mut spec);
        let stores = KeyStores::new(Arc::clone(&client), clock);
        let mut findings = Findings::new();
        let issuer = Issuer::compile(&spec, &stores, &ConfigPath::root(), &mut findings).unwrap();
        Self {
            verifier: Some(Arc::new(Verifier::new(vec![issuer], places.clone()))),
            introspectors: Vec::new(),
            proofs: None,
            places,
            client,
        }
    }

    pub(super) fn proving(mut self, nonces: Option<Nonces>) -> Self {
        self.proofs = Some(Arc::new(ProofVerifier {
            algorithms: AlgorithmSet::ASYMMETRIC,
            max_age: Duration::from_mins(1),
            skew: Duration::from_secs(10),
            replay: Arc::new(ReplayStore::new(1_000)),
            nonces: nonces.map(Arc::new),
            clock: Arc::clone(&self.places.clock),
        }));
        self
    }
}

impl TokenSources for Issuers {
    fn issuers(&self) -> Vec<&str> {
        vec!["idp", "broken"]
    }

    fn introspections(&self) -> Vec<&str> {
        self.introspectors.iter().map(|(name, _)| *name).collect()
    }

    fn verifier(&self, issuers: &[String]) -> Option<Arc<Verifier>> {
        (issuers == ["idp"]).then(|| self.verifier.clone())?
    }

    fn introspector(&self, name: &str) -> Option<Arc<Introspector>> {
        let mut all = self.introspectors.iter();
        all.find(|(own, _)| *own == name)
            .map(|(_, own)| Arc::clone(own))
    }

    fn proofs(&self) -> Option<Arc<ProofVerifier>> {
        self.proofs.clone()
    }
}
