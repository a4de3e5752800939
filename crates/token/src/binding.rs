//! Tokens bound to a key of their sender: `cnf` (RFC 7800, RFC 8705 section 3.1, RFC 9449
//! section 6.1).

use aws_lc_rs::digest::{self, SHA256};
use ztag_types::{Key, Map, Value};

use crate::claims::Claims;
use crate::encoding;
use crate::refusal::Refusal;

/// The key that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation<'a> {
    /// The SHA-256 hash of the sender's TLS certificate in base64url: `x5t#S256`.
    Certificate(&'a str),
    /// The thumbprint of the key that signs the sender's `DPoP` proofs in base64url: `jkt`.
    ProofKey(&'a str),
}

impl<'a> Confirmation<'a> {
    /// The key that a token with these claims is bound to; `None` for a bearer token.
    ///
    /// # Errors
    /// [`Refusal::BindingMissing`] when the token is bound in a way that is not understood, or in
    /// two: it is not a bearer token then, whatever else it is.
    pub fn of(claims: &'a Claims) -> Result<Option<Self>, Refusal> {
        let Some(members) = claims.map("cnf")? else {
            return Ok(None);
        };
        Self::read(members).map(Some)
    }

    fn read(members: &'a Map) -> Result<Self, Refusal> {
        let mut members = members.iter();
        let (Some((Key::String(name), value)), None) = (members.next(), members.next()) else {
            return Err(Refusal::BindingMissing);
        };
        let hash = value.as_str().ok_or(Refusal::ClaimType)?;
        let whole = encoding::decode(hash).is_some_and(|hash| hash.len() == 32);
        match &**name {
            "x5t#S256" if whole => Ok(Self::Certificate(hash)),
            "jkt" if whole => Ok(Self::ProofKey(hash)),
            _ => Err(Refusal::BindingMissing),
        }
    }

    /// Checks that the sender's certificate, DER of the leaf, is the one the token is bound to.
    ///
    /// # Errors
    /// [`Refusal::BindingMismatch`] for another certificate, none, or a token bound otherwise.
    pub fn check_certificate(self, certificate: Option<&[u8]>) -> Result<(), Refusal> {
        let presented = certificate.map(certificate_thumbprint);
        self.check_thumbprint(presented.as_deref())
    }

    /// The same for a certificate of which only the [thumbprint](certificate_thumbprint) is at
    /// hand.
    ///
    /// # Errors
    /// As [`Self::check_certificate`].
    pub fn check_thumbprint(self, presented: Option<&str>) -> Result<(), Refusal> {
        match (self, presented) {
            (Self::Certificate(own), Some(presented)) if own == presented => Ok(()),
            _ => Err(Refusal::BindingMismatch),
        }
    }
}

/// The `x5t#S256` of a certificate in DER (RFC 8705 section 3.1).
pub fn certificate_thumbprint(der: &[u8]) -> String {
    encoding::encode(digest::digest(&SHA256, der))
}

/// The actor of a token: the outermost `act` (RFC 8693 section 4.1), the only one that counts
/// for decisions; what is nested in it is history.
///
/// # Errors
/// [`Refusal::ClaimType`] when `act` is no chain of maps, or longer than `max_depth`.
pub fn actor(claims: &Claims, max_depth: usize) -> Result<Option<&Map>, Refusal> {
    let Some(outermost) = claims.map("act")? else {
        return Ok(None);
    };
    let mut link = Some(outermost);
    let mut depth = 0;
    while let Some(actor) = link {
        depth += 1;
        let named = actor.get("sub").is_some_and(|sub| sub.as_str().is_some());
        if depth > max_depth || !named {
            return Err(Refusal::ClaimType);
        }
        link = match actor.get("act") {
            None => None,
            Some(Value::Map(inner)) => Some(inner),
            Some(_) => return Err(Refusal::ClaimType),
        };
    }
    Ok(Some(outermost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::parse(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn attack_a_binding_that_is_not_understood_is_no_bearer_token() {
        let hash = certificate_thumbprint(b"certificate");
        let check = |cnf: &str, expected: Result<(), Refusal>| {
            let claims = claims(&format!(r#"{{"cnf":{cnf}}}"#));
            let found = Confirmation::of(&claims).map(|own| assert!(own.is_some()));
            assert_eq!(found, expected, "{cnf}");
        };
        check(&format!(r#"{{"jkt":"{hash}"}}"#), Ok(()));
        check(&format!(r#"{{"x5t#S256":"{hash}"}}"#), Ok(()));
        let missing = Err(Refusal::BindingMissing);
        check(
            &format!(r#"{{"jkt":"{hash}","x5t#S256":"{hash}"}}"#),
            missing,
        );
        check(&format!(r#"{{"jkt":"{hash}","new":1}}"#), missing);
        check(r#"{"jkt":"short"}"#, missing);
        check(r#"{"kid":"a"}"#, Err(Refusal::BindingMissing));
        check("{}", missing);
        for wrong in [r#""jkt""#, "null", "[]", r#"{"jkt":7}"#] {
            check(wrong, Err(Refusal::ClaimType));
        }
        assert_eq!(Confirmation::of(&claims("{}")), Ok(None));
    }

    #[test]
    fn attack_a_stolen_token_is_refused_under_another_certificate() {
        let own = certificate_thumbprint(b"own");
        let bound = Confirmation::Certificate(&own);
        let mismatch = Err(Refusal::BindingMismatch);
        assert_eq!(bound.check_certificate(Some(b"own")), Ok(()));
        assert_eq!(bound.check_certificate(Some(b"other")), mismatch);
        assert_eq!(bound.check_certificate(None), mismatch);
        let proof = Confirmation::ProofKey(&own);
        assert_eq!(proof.check_certificate(Some(b"own")), mismatch);
    }

    #[test]
    fn attack_nested_actors_do_not_act() {
        let nested = claims(r#"{"act":{"sub":"bot","act":{"sub":"admin"}}}"#);
        let outermost = actor(&nested, 5).unwrap().unwrap();
        assert_eq!(outermost.get("sub").unwrap().as_str(), Some("bot"));
        assert_eq!(actor(&claims("{}"), 5), Ok(None));
        for bad in [
            r#"["a"]"#,
            r#""a""#,
            "{}",
            r#"{"sub":7}"#,
            r#"{"sub":"a","act":"b"}"#,
        ] {
            let claims = claims(&format!(r#"{{"act":{bad}}}"#));
            assert_eq!(actor(&claims, 5), Err(Refusal::ClaimType), "{bad}");
        }
        let deep = (0..6).fold(r#"{"sub":"a"}"#.to_owned(), |inner, _| {
            format!(r#"{{"sub":"a","act":{inner}}}"#)
        });
        let deep = claims(&format!(r#"{{"act":{deep}}}"#));
        assert_eq!(actor(&deep, 5), Err(Refusal::ClaimType));
        assert!(actor(&deep, 7).is_ok());
    }
}
