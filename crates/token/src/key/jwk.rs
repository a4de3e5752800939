//! Public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use aws_lc_rs::digest;
use ztag_types::{Map, Value};

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::encoding;
use crate::key::public::{Curve, PublicKey};
use crate::key::{Key, KeyError};

/// Longest `kid`, in bytes.
const MAX_KEY_ID: usize = 256;
/// Members of private and symmetric keys.
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What the keys of a set are for: what `use` must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// `sig`, or nothing (RFC 7517 section 4.2).
    #[default]
    Signature,
    /// `jwt-svid`, as in the bundle of a SPIFFE trust domain.
    JwtSvid,
}

impl Key {
    /// The key in a JWK that verifies signatures for `purpose`.
    pub(crate) fn from_jwk(jwk: &Map, purpose: Purpose) -> Result<Self, KeyError> {
        let public = public_key(jwk)?;
        check_purpose(jwk, purpose)?;
        let algorithms = match optional_text(jwk, "alg")? {
            None => AlgorithmSet::ASYMMETRIC,
            Some(name) => Algorithm::from_name(name)
                .ok_or(KeyError::Algorithm)?
                .into(),
        };
        Self::from_public(key_id(jwk)?, &public, algorithms)
    }

    /// The secret in an `oct` JWK, which must name its `alg`.
    pub(crate) fn from_secret_jwk(jwk: &Map) -> Result<Self, KeyError> {
        if text(jwk, "kty")? != "oct" {
            return Err(KeyError::UnknownType);
        }
        check_purpose(jwk, Purpose::Signature)?;
        let algorithm = Algorithm::from_name(text(jwk, "alg")?).ok_or(KeyError::Algorithm)?;
        Self::from_secret(key_id(jwk)?.as_deref(), &bytes(jwk, "k")?, algorithm)
    }
}

/// The numbers of a public JWK. A private one is refused, and so is a symmetric one.
pub(crate) fn public_key(jwk: &Map) -> Result<PublicKey, KeyError> {
    if is_secret(jwk) {
        return Err(KeyError::SecretPublished);
    }
    match text(jwk, "kty")? {
        "RSA" => Ok(PublicKey::Rsa {
            n: bytes(jwk, "n")?,
            e: bytes(jwk, "e")?,
        }),
        "EC" => {
            let curve = Curve::from_name(text(jwk, "crv")?).ok_or(KeyError::UnknownType)?;
            let mut point = vec![4];
            for name in ["x", "y"] {
                let coordinate = bytes(jwk, name)?;
                if coordinate.len() != curve.width() {
                    return Err(KeyError::Invalid);
                }
                point.extend(coordinate);
            }
            Ok(PublicKey::Ec { curve, point })
        }
        "OKP" if text(jwk, "crv")? == "Ed25519" => Ok(PublicKey::Ed25519(bytes(jwk, "x")?)),
        _ => Err(KeyError::UnknownType),
    }
}

/// Whether the JWK holds what only its owner may know.
pub(crate) fn is_secret(jwk: &Map) -> bool {
    let symmetric = jwk.get("kty").and_then(Value::as_str) == Some("oct");
    symmetric || SECRETS.iter().any(|name| jwk.get(name).is_some())
}

/// The SHA-256 thumbprint of a public JWK in base64url (RFC 7638).
///
/// # Errors
/// When `jwk` is not a public key.
pub fn thumbprint(jwk: &Map) -> Result<String, KeyError> {
    // Checked first: the members are then base64url and known names, which need no escaping.
    public_key(jwk)?;
    let names: &[&str] = match text(jwk, "kty")? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let mut canonical = String::with_capacity(512);
    for name in names {
        canonical.push(if canonical.is_empty() { '{' } else { ',' });
        let value = text(jwk, name)?;
        for part in ["\"", name, "\":\"", value, "\""] {
            canonical.push_str(part);
        }
    }
    canonical.push('}');
    Ok(encoding::encode(digest::digest(
        &digest::SHA256,
        canonical.as_bytes(),
    )))
}

fn check_purpose(jwk: &Map, purpose: Purpose) -> Result<(), KeyError> {
    let stated = optional_text(jwk, "use")?;
    let fits = match purpose {
        Purpose::Signature => stated.is_none_or(|stated| stated == "sig"),
        Purpose::JwtSvid => stated == Some("jwt-svid"),
    };
    let operations = match jwk.get("key_ops") {
        None => None,
        Some(Value::List(operations)) => Some(operations),
        Some(_) => return Err(KeyError::Member),
    };
    let verifies = operations.is_none_or(|operations| {
        let times = operations
            .iter()
            .filter(|own| own.as_str() == Some("verify"));
        times.count() == 1
    });
    if fits && verifies {
        Ok(())
    } else {
        Err(KeyError::Purpose)
    }
}

fn key_id(jwk: &Map) -> Result<Option<Box<str>>, KeyError> {
    match optional_text(jwk, "kid")? {
        Some(id) if id.len() > MAX_KEY_ID => Err(KeyError::Member),
        id => Ok(id.map(Into::into)),
    }
}

fn optional_text<'a>(jwk: &'a Map, name: &str) -> Result<Option<&'a str>, KeyError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyError::Member),
    }
}

fn text<'a>(jwk: &'a Map, name: &str) -> Result<&'a str, KeyError> {
    optional_text(jwk, name)?.ok_or(KeyError::Member)
}

fn bytes(jwk: &Map, name: &str) -> Result<Vec<u8>, KeyError> {
    encoding::decode(text(jwk, name)?).ok_or(KeyError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const EC: &str = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    fn check(text: &str, expected: Result<AlgorithmSet, KeyError>) {
        let jwk = json::object(text.as_bytes()).unwrap();
        let read = Key::from_jwk(&jwk, Purpose::Signature).map(|key| key.algorithms());
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn a_key_serves_only_what_it_says() {
        let es256 = Ok(Algorithm::Es256.into());
        check(&format!("{{{EC}}}"), es256);
        check(
            &format!(r#"{{{EC},"use":"sig","alg":"ES256","key_ops":["verify"]}}"#),
            es256,
        );
        for (members, error) in [
            (r#""use":"enc""#, KeyError::Purpose),
            (r#""use":7"#, KeyError::Member),
            (r#""key_ops":["encrypt"]"#, KeyError::Purpose),
            (r#""key_ops":["verify","verify"]"#, KeyError::Purpose),
            (r#""key_ops":[]"#, KeyError::Purpose),
            (r#""key_ops":"verify""#, KeyError::Member),
            (r#""alg":"ES384""#, KeyError::Algorithm),
            (r#""alg":"RS256""#, KeyError::Algorithm),
            (r#""alg":"HS256""#, KeyError::Algorithm),
            (r#""alg":"none""#, KeyError::Algorithm),
            (r#""alg":"ES521""#, KeyError::Algorithm),
            (r#""d":"AAAA""#, KeyError::SecretPublished),
        ] {
            check(&format!("{{{EC},{members}}}"), Err(error));
        }
    }

    #[test]
    fn attack_27_weak_and_malformed_keys_are_refused() {
        let rsa = |bytes: usize, e: &str| {
            let mut n = vec![0xff; bytes];
            n[0] = 0x80;
            format!(r#"{{"kty":"RSA","n":"{}","e":"{e}"}}"#, encoding::encode(n))
        };
        check(&rsa(256, "AQAB"), Ok(AlgorithmSet::RSA));
        for (text, error) in [
            (rsa(128, "AQAB"), KeyError::Weak),
            (rsa(255, "AQAB"), KeyError::Weak),
            (rsa(2_048, "AQAB"), KeyError::Weak),
            (rsa(256, "AQ"), KeyError::Weak),
            (rsa(256, "Ag"), KeyError::Weak),
            (rsa(256, "AAEAAQ"), KeyError::Invalid),
            (rsa(256, "AQAB="), KeyError::Invalid),
            (rsa(256, ""), KeyError::Weak),
            (EC.replacen("MKBC", "MKBD", 1), KeyError::Invalid),
            (EC.replacen("P-256", "P-384", 1), KeyError::Invalid),
            (EC.replacen("P-256", "secp256k1", 1), KeyError::UnknownType),
            (EC.replacen("\"EC\"", "\"XX\"", 1), KeyError::UnknownType),
            (
                r#""kty":"oct","k":"AAAA""#.to_owned(),
                KeyError::SecretPublished,
            ),
            (
                r#""kty":"OKP","crv":"Ed25519","x":"AAAA""#.to_owned(),
                KeyError::Invalid,
            ),
        ] {
            let text = if text.starts_with('{') {
                text
            } else {
                format!("{{{text}}}")
            };
            check(&text, Err(error));
        }
    }

    #[test]
    fn thumbprints_are_those_of_rfc_7638() {
        // RFC 7638 section 3.1.
        let jwk = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let jwk = json::object(jwk.as_bytes()).unwrap();
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(thumbprint(&jwk).unwrap(), expected);
    }
}
