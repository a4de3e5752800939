//! Signatures from the outside: single tokens with a key, and cases of conformance suites.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::jws::{Signed, verify};
use crate::key::{KeyError, KeySet, Purpose};
use crate::refusal::Refusal;

/// Longest token judged here, in bytes.
const MAX_TOKEN: usize = 256 * 1024;

/// Why a token with a key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The key cannot be used.
    #[error("key_refused: {0}")]
    Key(#[from] KeyError),
    /// The token is refused.
    #[error("{0}")]
    Token(#[from] Refusal),
    /// The case is not understood.
    #[error("not a case: a JSON object with `jws`, and `jwk` or `jwks`")]
    Input,
}

/// Checks the signature of `token` with `key` (a JWK, a JWK set or a PEM public key), if its
/// algorithm is among `allowed`.
///
/// A symmetric JWK serves only where `allowed` names a symmetric algorithm.
///
/// # Errors
/// Why the token is not accepted.
pub fn verify_text(token: &str, key: &str, allowed: AlgorithmSet) -> Result<Signed, CaseError> {
    let keys = match KeySet::parse(key, Purpose::Signature) {
        Err(KeyError::SecretPublished) if allowed.iter().any(Algorithm::is_symmetric) => {
            KeySet::parse_secret(key)
        }
        read => read,
    };
    Ok(verify(token, &keys?, allowed, MAX_TOKEN)?)
}

/// Judges one line of a suite, `{"id", "jws", "jwk" or "jwks", ..}`, as the gate would: public
/// keys only, each for its own algorithm. The result is again a line:
/// `{"id", "accept", "reason"}`.
pub fn evaluate_case(line: &str) -> String {
    let case: Option<Case> = serde_json::from_str(line).ok();
    let id = case
        .as_ref()
        .map_or(serde_json::Value::Null, |case| case.id.clone());
    let judged = case.ok_or(CaseError::Input).and_then(Case::judge);
    match judged {
        Ok(_) => json!({"id": id, "accept": true, "reason": "accepted"}),
        Err(error) => json!({"id": id, "accept": false, "reason": error.to_string()}),
    }
    .to_string()
}

#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    jws: serde_json::Value,
    // As written, so that repeated members are still there to be refused.
    jwk: Option<Box<RawValue>>,
    jwks: Option<Box<RawValue>>,
}

impl Case {
    fn judge(self) -> Result<Signed, CaseError> {
        let ((Some(key), None) | (None, Some(key))) = (self.jwk, self.jwks) else {
            return Err(CaseError::Input);
        };
        // Anything but text is the JSON serialization, which is not spoken here.
        let token = self.jws.as_str().ok_or(Refusal::Malformed)?;
        verify_text(token, key.get(), AlgorithmSet::ASYMMETRIC)
    }
}
