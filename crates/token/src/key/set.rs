//! Sets of keys (RFC 7517 section 5).

use ztag_types::{Map, Value};

use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::header::Header;
use crate::json;
use crate::key::jwk::{Purpose, is_secret};
use crate::key::public::PublicKey;
use crate::key::{Key, KeyError};
use crate::refusal::Refusal;

/// Most keys in a set.
const MAX_KEYS: usize = 128;

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: usize,
}

impl KeySet {
    /// A set of `keys`.
    ///
    /// # Errors
    /// [`KeyError::Empty`] without any.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys, skipped: 0 })
    }

    /// The public keys in `text`: a JWK set, one JWK, or one PEM `PUBLIC KEY`.
    ///
    /// Of a JWK set, keys of unknown types, for other purposes, weak or malformed ones are passed
    /// over, and so are all that share their `kid` with another: which one is meant cannot be
    /// told. A set that publishes a private or symmetric key is refused as a whole.
    ///
    /// # Errors
    /// When `text` cannot be read or no key of it can be used.
    pub fn parse(text: &str, purpose: Purpose) -> Result<Self, KeyError> {
        if text.trim_start().starts_with("-----BEGIN") {
            let public = PublicKey::from_pem(text)?;
            let key = Key::from_public(None, &public, AlgorithmSet::ASYMMETRIC)?;
            return Self::new(vec![key]);
        }
        let document = json::object(text.as_bytes()).ok_or(KeyError::Syntax)?;
        match document.get("keys") {
            None => Self::new(vec![Key::from_jwk(&document, purpose)?]),
            Some(Value::List(keys)) => Self::from_jwks(keys, purpose),
            Some(_) => Err(KeyError::Member),
        }
    }

    /// The public keys of the JWK set in `text`, as [`parse`](Self::parse) reads it.
    pub(crate) fn parse_jwks(text: &[u8], purpose: Purpose) -> Result<Self, KeyError> {
        let document = json::object(text).ok_or(KeyError::Syntax)?;
        match document.get("keys") {
            Some(Value::List(keys)) => Self::from_jwks(keys, purpose),
            _ => Err(KeyError::Member),
        }
    }

    /// The secret in `text`: one `oct` JWK that names its `alg`. Only for secrets configured on
    /// this side, never for what came from elsewhere.
    ///
    /// # Errors
    /// When `text` is anything else, or the secret too short.
    pub fn parse_secret(text: &str) -> Result<Self, KeyError> {
        let jwk = json::object(text.as_bytes()).ok_or(KeyError::Syntax)?;
        Self::new(vec![Key::from_secret_jwk(&jwk)?])
    }

    /// The keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Whether a key has this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(id))
    }

    /// Number of keys passed over because they cannot be used.
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// The one key that `header` means.
    ///
    /// With a `kid` it is the key of exactly that id; a single key without an id, as from PEM,
    /// stands for any. Without a `kid` there must be exactly one key for the algorithm.
    pub(crate) fn select(&self, header: &Header) -> Result<&Key, Refusal> {
        let key = match header.key_id() {
            Some(id) => self.named(id)?,
            None => self.single(header.algorithm)?,
        };
        if key.algorithms().contains(header.algorithm) {
            Ok(key)
        } else {
            Err(Refusal::KeyMismatch)
        }
    }

    fn named(&self, id: &str) -> Result<&Key, Refusal> {
        if let [key] = self.keys.as_slice()
            && key.id().is_none()
        {
            return Ok(key);
        }
        let mut keys = self.keys.iter();
        keys.find(|key| key.id() == Some(id))
            .ok_or(Refusal::KeyUnknown)
    }

    fn single(&self, algorithm: Algorithm) -> Result<&Key, Refusal> {
        if let [key] = self.keys.as_slice() {
            return Ok(key);
        }
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithms().contains(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(Refusal::KeyUnknown),
        }
    }

    fn from_jwks(members: &[Value], purpose: Purpose) -> Result<Self, KeyError> {
        if members.len() > MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let jwks: Option<Vec<&Map>> = members.iter().map(as_map).collect();
        let jwks = jwks.ok_or(KeyError::Member)?;
        if jwks.iter().any(|jwk| is_secret(jwk)) {
            return Err(KeyError::SecretPublished);
        }
        let is_unique = |jwk: &Map| {
            let id = jwk.get("kid");
            id.is_none() || jwks.iter().filter(|other| other.get("kid") == id).count() == 1
        };
        let unique = jwks.iter().filter(|jwk| is_unique(jwk));
        let keys: Vec<_> = unique
            .filter_map(|jwk| Key::from_jwk(jwk, purpose).ok())
            .collect();
        let skipped = jwks.len() - keys.len();
        Ok(Self {
            skipped,
            ..Self::new(keys)?
        })
    }
}

fn as_map(value: &Value) -> Option<&Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [&str; 2] = [
        r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#,
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
    ];

    fn header(text: &str) -> Header {
        Header::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn keys_are_found_by_exact_id() {
        let [ec, ed] = POINTS;
        let text = format!(r#"{{"keys":[{{{ec},"kid":"a"}},{{{ed},"kid":"b"}},{{"kty":"new"}}]}}"#);
        let set = KeySet::parse(&text, Purpose::Signature).unwrap();
        assert_eq!((set.keys().len(), set.skipped()), (2, 1));
        let check = |text: &str, expected: Result<&str, Refusal>| {
            let found = set.select(&header(text)).map(|key| key.id().unwrap());
            assert_eq!(found, expected, "{text}");
        };
        check(r#"{"alg":"ES256","kid":"a"}"#, Ok("a"));
        check(r#"{"alg":"EdDSA"}"#, Ok("b"));
        check(r#"{"alg":"ES256","kid":"b"}"#, Err(Refusal::KeyMismatch));
        check(r#"{"alg":"ES256","kid":"A"}"#, Err(Refusal::KeyUnknown));
        check(
            r#"{"alg":"ES256","kid":"a\u0000"}"#,
            Err(Refusal::KeyUnknown),
        );
        check(
            r#"{"alg":"ES256","kid":"../../dev/null"}"#,
            Err(Refusal::KeyUnknown),
        );
        check(r#"{"alg":"ES256","kid":""}"#, Err(Refusal::KeyUnknown));
        check(r#"{"alg":"RS256"}"#, Err(Refusal::KeyUnknown));
    }

    #[test]
    fn attack_sets_that_cannot_be_trusted_are_refused() {
        let [ec, ed] = POINTS;
        for (keys, error) in [
            (
                format!(r#"{{{ec},"kid":"a"}},{{{ed},"kid":"a"}}"#),
                KeyError::Empty,
            ),
            (
                format!(r#"{{{ec}}},{{"kty":"oct","k":"AAAA"}}"#),
                KeyError::SecretPublished,
            ),
            (
                format!(r#"{{{ec}}},{{{ed},"d":"AAAA"}}"#),
                KeyError::SecretPublished,
            ),
            (format!(r#"{{{ec},"use":"enc"}}"#), KeyError::Empty),
            (String::new(), KeyError::Empty),
            ("7".to_owned(), KeyError::Member),
            (vec![format!("{{{ec}}}"); 129].join(","), KeyError::TooMany),
        ] {
            let set = KeySet::parse(&format!(r#"{{"keys":[{keys}]}}"#), Purpose::Signature);
            assert_eq!(set.err(), Some(error), "{keys}");
        }
        for text in ["<html>", "", "[]", r#"{"keys":[],"keys":[]}"#] {
            assert!(KeySet::parse(text, Purpose::Signature).is_err(), "{text}");
        }
    }

    #[test]
    fn a_spiffe_bundle_gives_only_its_jwt_keys() {
        let [ec, ed] = POINTS;
        let text = format!(
            r#"{{"keys":[{{{ec},"kid":"a","use":"jwt-svid"}},{{{ed},"kid":"b","use":"x509-svid"}}]}}"#
        );
        let set = KeySet::parse(&text, Purpose::JwtSvid).unwrap();
        assert_eq!(set.keys().len(), 1);
        assert!(KeySet::parse(&text, Purpose::Signature).is_err());
    }
}
