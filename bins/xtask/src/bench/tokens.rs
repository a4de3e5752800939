//! Signed tokens, minted for one run.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::KeyPair;
use serde_json::json;
use ztag_test_support::Failure;
use ztag_token::Algorithm;
use ztag_token::client::Signer;
use ztag_types::Secret;

/// Tokens in all.
const COUNT: usize = 10_000;

/// Tokens of one issuer.
pub(super) struct Tokens {
    /// Its key, as a JWK set.
    pub(super) jwks: String,
    /// The tokens, each of another subject.
    pub(super) all: Vec<String>,
}

/// Mints ES256 tokens of about 800 bytes that live for an hour.
pub(super) fn mint() -> Result<Tokens, Failure> {
    let key = KeyPair::generate().map_err(told)?;
    let pem = Secret::new(key.serialize_pem());
    let signer = Signer::parse(&pem, Algorithm::Es256, Some("bench")).map_err(told)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(told)?;
    let now = now.as_secs();
    let mint = |number: usize| {
        let claims = json!({
            "iss": "https://idp.example.com/",
            "sub": format!("user-{number:06}"),
            "aud": "https://api.example.com",
            "client_id": "orders-app",
            "jti": format!("8f1d2c3b-4a59-4e6f-9c7d-{number:012}"),
            "iat": now,
            "exp": now + 3_600,
            "scope": "openid profile email orders:read orders:write invoices:read",
            "roles": ["staff", "sales", "reporting"],
            "permissions": [
                "orders.read", "orders.create", "orders.update", "orders.cancel", "invoices.read",
                "invoices.print", "customers.read", "customers.update", "reports.run",
            ],
            "tenant": "acme",
        });
        signer
            .sign(Some("at+jwt"), &claims)
            .map(|token| token.expose().clone())
            .map_err(told)
    };
    Ok(Tokens {
        jwks: jwks(&key)?,
        all: (0..COUNT).map(mint).collect::<Result<_, _>>()?,
    })
}

/// The public key as a set of one.
fn jwks(key: &KeyPair) -> Result<String, Failure> {
    let [4, point @ ..] = key.public_key_raw() else {
        return Err(Failure::new("not an uncompressed point"));
    };
    let (x, y) = point.split_at(point.len() / 2);
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    let key = json!({
        "kty": "EC", "crv": "P-256", "kid": "bench", "alg": "ES256", "use": "sig", "x": x, "y": y,
    });
    Ok(json!({ "keys": [key] }).to_string())
}

fn told(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}
