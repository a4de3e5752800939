//! The JOSE header (RFC 7515 section 4).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use smallvec::SmallVec;
use ztag_types::Value;

use crate::algorithm::Algorithm;
use crate::json::{Strict, Text};
use crate::refusal::Refusal;

/// Longest `kid`, in bytes. It is text of whoever sent the token: it is compared, never a path,
/// a query or a line of a log.
const MAX_KEY_ID: usize = 256;
/// Most members.
const MAX_MEMBERS: usize = 32;

/// The header of a signed token, as far as it is understood.
///
/// `jwk`, `jku`, `x5u`, `x5c` and the like are read past: a token does not say whom to trust
/// (RFC 8725 section 3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<Box<str>>,
    pub(crate) token_type: Option<Box<str>>,
    pub(crate) content_type: Option<Box<str>>,
    pub(crate) only_basic_members: bool,
}

impl Header {
    /// Reads the JSON object in `text`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let members: Members<'_> =
            serde_json::from_slice(text).map_err(|_| Refusal::HeaderInvalid)?;
        if members.critical {
            return Err(Refusal::HeaderCritical);
        }
        let name = members.alg.ok_or(Refusal::HeaderInvalid)?;
        let algorithm = Algorithm::from_name(&name).ok_or(Refusal::AlgorithmRefused)?;
        Ok(Self {
            algorithm,
            key_id: members.kid.map(Into::into),
            token_type: members.typ.map(Into::into),
            content_type: members.cty.map(Into::into),
            only_basic_members: members.only_basic,
        })
    }

    /// `alg`.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// `typ`, as written.
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// Whether `typ` is `expected`: letter case and the prefix `application/` do not count
    /// (RFC 7515 section 4.1.9).
    pub fn is_type(&self, expected: &str) -> bool {
        self.token_type()
            .is_some_and(|own| media_type(own).eq_ignore_ascii_case(media_type(expected)))
    }

    /// Whether the payload is itself a token (RFC 7519 section 5.2).
    pub(crate) fn is_nested(&self) -> bool {
        self.content_type
            .as_deref()
            .is_some_and(|own| media_type(own).eq_ignore_ascii_case("jwt"))
    }
}

fn media_type(text: &str) -> &str {
    const PREFIX: &str = "application/";
    match text.split_at_checked(PREFIX.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => text,
    }
}

#[derive(Default)]
struct Members<'a> {
    alg: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    cty: Option<Cow<'a, str>>,
    critical: bool,
    only_basic: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members {
            only_basic: true,
            ..Members::default()
        };
        let mut seen: SmallVec<[Cow<'de, str>; 8]> = SmallVec::new();
        while let Some(Text(name)) = source.next_key()? {
            if seen.contains(&name) || seen.len() >= MAX_MEMBERS {
                return Err(A::Error::custom("repeated or too many members"));
            }
            match &*name {
                "alg" => members.alg = Some(source.next_value::<Text<'de>>()?.0),
                "kid" => members.kid = Some(key_id(source.next_value::<Text<'de>>()?.0)?),
                "typ" => members.typ = Some(source.next_value::<Text<'de>>()?.0),
                "cty" => members.cty = Some(source.next_value::<Text<'de>>()?.0),
                other => {
                    // `enc` and `zip` belong to encrypted tokens: their place is not here.
                    members.critical |= matches!(other, "crit" | "b64" | "enc" | "zip");
                    let _: Value = source.next_value_seed(Strict::default())?;
                }
            }
            members.only_basic &= matches!(&*name, "alg" | "kid" | "typ");
            seen.push(name);
        }
        Ok(members)
    }
}

fn key_id<E: Error>(text: Cow<'_, str>) -> Result<Cow<'_, str>, E> {
    if text.len() > MAX_KEY_ID {
        return Err(E::custom("`kid` is too long"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Algorithm, Refusal>) {
        let read = Header::parse(text.as_bytes()).map(|header| header.algorithm);
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn attack_27_headers_that_two_readers_read_differently_are_refused() {
        check(r#"{"alg":"ES256"}"#, Ok(Algorithm::Es256));
        check(
            r#"{"alg":"ES256","jwk":{"kty":"EC"},"jku":"http://127.0.0.1"}"#,
            Ok(Algorithm::Es256),
        );
        for bad in [
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"kid":"a","alg":"ES256","kid":"b"}"#,
            r#"{"alg":"ES256","jwk":{"a":1,"a":2}}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"alg":256}"#,
            r#"{"alg":null}"#,
            r#"{"alg":"ES256","kid":7}"#,
            r#"{"alg":"ES256","typ":["JWT"]}"#,
            r#"{"kid":"a"}"#,
            "{}",
            "[]",
            "",
            r#"{"alg":"ES256"} x"#,
        ] {
            check(bad, Err(Refusal::HeaderInvalid));
        }
        let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(65_536));
        check(&long, Err(Refusal::HeaderInvalid));
    }

    #[test]
    fn attack_27_crit_is_never_understood() {
        for bad in [
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"ES256","crit":[]}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"ES256","b64":false}"#,
            r#"{"alg":"ES256","b64":true}"#,
            r#"{"alg":"ES256","crit":null}"#,
            r#"{"alg":"none","crit":["x"]}"#,
        ] {
            check(bad, Err(Refusal::HeaderCritical));
        }
        for bad in ["none", "None", "nOnE", "", "ES256K", "es256"] {
            check(
                &format!(r#"{{"alg":"{bad}"}}"#),
                Err(Refusal::AlgorithmRefused),
            );
        }
    }

    #[test]
    fn types_compare_as_media_types() {
        for typ in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/AT+jwt",
        ] {
            let header = Header::parse(format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#).as_bytes());
            assert!(header.unwrap().is_type("at+jwt"), "{typ}");
        }
        for typ in ["at+jwt ", "text/at+jwt", "application/a/at+jwt", "jwt"] {
            let header = Header::parse(format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#).as_bytes());
            assert!(!header.unwrap().is_type("at+jwt"), "{typ}");
        }
    }
}
