//! Tokens that were accepted.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;

use ztag_types::{Map, Object, Principal, Timestamp};

use crate::binding::{self, Confirmation};
use crate::claims::Claims;
use crate::commons::Commons;
use crate::encoding::{self, spelt_length};
use crate::refusal::Refusal;

/// Most actors of one token, one acting for the other; as many as issuers write.
const MAX_ACTORS: usize = 5;

/// A token that was accepted: whoever holds one knows that its issuer vouches for the claims.
///
/// Only this crate makes one. Whether its sender may use it, when it is bound to a key, is for
/// [`Confirmation`](crate::Confirmation) to say, request by request.
#[derive(Debug)]
pub struct AcceptedToken {
    issuer: Arc<str>,
    claims: Claims,
    /// Until when it is accepted, in seconds since 1970.
    until: i64,
    /// How many seconds later it says it expires, or earlier; next to the flags it takes no room.
    rest: i32,
    /// Whether it says to whose key it is bound. Most do not, and are asked with every request.
    is_bound: bool,
    /// Whether it names an actor; most do not either.
    has_actor: bool,
    form: Form,
}

/// How long a token is good for, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// When it expires.
    pub(crate) expires: i64,
    /// When whoever verifies it begins to refuse it: later by the clock skew, earlier by the greatest
    /// age.
    pub(crate) until: i64,
}

impl Lifetime {
    /// One that ends when it expires.
    pub(crate) const fn ending(expires: i64) -> Self {
        let until = expires;
        Self { expires, until }
    }

    /// How long after the end it says it expires. Decades may count for less: it is refused by then.
    fn rest(self) -> i32 {
        let rest = self.expires.saturating_sub(self.until);
        i32::try_from(rest).unwrap_or(if rest < 0 { i32::MIN } else { i32::MAX })
    }
}

/// What it takes to know the token again, letter by letter. The payload of a signed one stands in
/// the claims already, and base64url has one spelling for it.
pub(crate) enum Form {
    Signed {
        /// One text for all tokens with this header, which are many.
        header: Arc<str>,
        signature: Box<[u8]>,
    },
    Opaque(Box<str>),
}

impl AcceptedToken {
    /// Accepts a token whose claims were judged.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] when its chain of actors cannot be read: it would not be known then
    /// who acts.
    pub(crate) fn new(
        issuer: Arc<str>,
        claims: Claims,
        lifetime: Lifetime,
        form: Form,
    ) -> Result<Self, Refusal> {
        let has_actor = binding::actor(&claims, MAX_ACTORS)?.is_some();
        Ok(Self {
            issuer,
            is_bound: claims.claim("cnf").is_some(),
            has_actor,
            claims,
            until: lifetime.until,
            rest: lifetime.rest(),
            form,
        })
    }

    /// The issuer, as configured.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the issuer says.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// When it expires.
    pub fn expires(&self) -> Timestamp {
        let expires = self.until.saturating_add(self.rest.into());
        Timestamp::from_seconds(expires)
    }

    /// Until when it is accepted: a little longer than it says, where the clock of its issuer may be
    /// behind, or less long, where it may not grow as old as it says.
    pub const fn valid_until(&self) -> Timestamp {
        Timestamp::from_seconds(self.until)
    }

    /// The key that it is bound to; `None` for a bearer token.
    ///
    /// # Errors
    /// As [`Confirmation::of`].
    pub fn confirmation(&self) -> Result<Option<Confirmation<'_>>, Refusal> {
        if self.is_bound {
            Confirmation::of(&self.claims)
        } else {
            Ok(None)
        }
    }

    /// Whether `token` is this one, all of it.
    pub(crate) fn is(&self, token: &str) -> bool {
        match &self.form {
            Form::Opaque(own) => **own == *token,
            Form::Signed { header, signature } => {
                self.is_signed(token, header, signature).unwrap_or(false)
            }
        }
    }

    fn is_signed(&self, token: &str, header: &str, signature: &[u8]) -> Option<bool> {
        // Where many tokens are remembered, these are in no cache of the processor. Asked for now,
        // both come while the payload is decoded, and not one after the other when they are needed.
        black_box((self.claims.first_byte(), signature.first().copied()));
        let rest = token.strip_prefix(header)?.strip_prefix('.')?;
        let payload = rest.len().checked_sub(spelt_length(signature.len()) + 1)?;
        let (payload, rest) = rest.split_at_checked(payload)?;
        let same = encoding::read(payload, |payload| self.claims.came_in(payload))?;
        Some(same && encoding::strip_spelling(rest.strip_prefix('.')?, signature) == Some(""))
    }

    /// The same token, with what it has in common with others taken from `commons`.
    pub(crate) fn sharing(self, commons: &Commons) -> Self {
        Self {
            claims: commons.share_claims(self.claims),
            form: match self.form {
                Form::Signed { header, signature } => Form::Signed {
                    header: commons.share_header(header),
                    signature,
                },
                Form::Opaque(token) => Form::Opaque(token),
            },
            ..self
        }
    }

    /// Bytes held, about, without the mould, where it is shared.
    pub(crate) fn size(&self) -> usize {
        let form = match &self.form {
            Form::Signed { header, signature } => header.len() + signature.len(),
            Form::Opaque(token) => token.len(),
        };
        size_of::<Self>() + self.claims.size_behind() + form
    }
}

impl Principal for AcceptedToken {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn claims(&self) -> &dyn Object {
        &self.claims
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.claims.to_json())
    }

    fn actor(&self) -> Option<&Map> {
        if !self.has_actor {
            return None;
        }
        // The chain was read when the token was accepted.
        binding::actor(&self.claims, MAX_ACTORS).ok().flatten()
    }

    fn expires(&self) -> Timestamp {
        self.expires()
    }

    fn valid_until(&self) -> Timestamp {
        self.valid_until()
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signed { .. } => "Signed",
            Self::Opaque(_) => "Opaque",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(claims: &str, form: Form) -> AcceptedToken {
        let claims = Claims::parse(claims.as_bytes().to_vec()).unwrap();
        AcceptedToken::new(Arc::from("issuer"), claims, Lifetime::ending(0), form).unwrap()
    }

    /// `payload` signed, and the token that it makes.
    fn signed(payload: &str) -> (AcceptedToken, String) {
        let (header, signature) = ("eyJh", [7_u8; 64]);
        let form = Form::Signed {
            header: header.into(),
            signature: signature.into(),
        };
        let own = accepted(payload, form);
        let [payload, signature] = [encoding::encode(payload), encoding::encode(signature)];
        (own, format!("{header}.{payload}.{signature}"))
    }

    /// One like it came before, and another after: the mould is shared.
    fn sharing(payload: &str) -> (AcceptedToken, String) {
        let commons = Commons::new(64 * 1024);
        let _before = signed(payload).0.sharing(&commons);
        let (own, token) = signed(payload);
        let size = own.size();
        let own = own.sharing(&commons);
        assert!(own.size() < size);
        let after = signed(payload).0.sharing(&commons);
        assert_eq!(own.size(), after.size());
        (after, token)
    }

    /// Two tokens with one hash are two tokens: whoever finds a collision gains nothing.
    #[test]
    fn attack_37_a_token_is_known_by_every_letter() {
        let long = format!(r#"{{"sub":"ada","x":"{}","jti":"1"}}"#, "x".repeat(1_000));
        for payload in [
            r#"{"sub":"ada"}"#,
            r#" {"iss":"i", "sub":"ada","jti":"","exp" :17,"roles":["a"],"name":"a\/"} "#,
            "{}",
            long.as_str(),
        ] {
            for (own, token) in [signed(payload), sharing(payload)] {
                is_known_by_every_letter(&own, &token);
            }
        }
        let opaque = accepted("{}", Form::Opaque("opaque".into()));
        assert!(opaque.is("opaque") && !opaque.is("opaqu") && !opaque.is("opaque1"));
    }

    fn is_known_by_every_letter(own: &AcceptedToken, token: &str) {
        assert!(own.is(token));
        let mut other = token.to_owned().into_bytes();
        for at in 0..token.len() {
            let letter = other[at];
            other[at] = if letter == b'B' { b'C' } else { b'B' };
            assert!(!own.is(std::str::from_utf8(&other).unwrap()), "{at}");
            other[at] = letter;
            assert!(!own.is(token.split_at(at).0), "{at}");
        }
        for other in [
            format!("{token}A"),
            format!("{token}="),
            format!(" {token}"),
        ] {
            assert!(!own.is(&other), "{other}");
        }
    }

    /// The same letters in another claim make another token, whatever the tokens share.
    #[test]
    fn attack_37_tokens_whose_values_are_shifted_are_told_apart() {
        let commons = Commons::new(64 * 1024);
        let tokens = [
            ("ab", "c"),
            ("a", "bc"),
            ("abc", ""),
            ("", "abc"),
            ("b", "ac"),
        ];
        let tokens = tokens.map(|(sub, jti)| {
            let (own, token) = signed(&format!(r#"{{"sub":"{sub}","jti":"{jti}"}}"#));
            (own.sharing(&commons), token)
        });
        for (at, (own, _)) in tokens.iter().enumerate() {
            for (other_at, (_, token)) in tokens.iter().enumerate() {
                assert_eq!(own.is(token), at == other_at, "{token}");
            }
        }
    }

    #[test]
    fn a_payload_of_any_length_is_compared() {
        for length in [0, 3_000, 3_040, 3_060, 3_100, 10_000] {
            let payload = format!(r#"{{"x":"{}","sub":"ada"}}"#, "x".repeat(length));
            let (own, token) = signed(&payload);
            assert!(own.is(&token), "{length}");
            let (_, other) = signed(&payload.replace("ada", "bob"));
            assert!(!own.is(&other), "{length}");
        }
    }

    #[test]
    fn attack_only_the_outermost_actor_acts() {
        let own = accepted(
            r#"{"sub":"ada","act":{"sub":"bot","act":{"sub":"admin"}}}"#,
            Form::Opaque("opaque".into()),
        );
        let actor = Principal::actor(&own).and_then(|actor| actor.get("sub"));
        assert_eq!(actor.and_then(|sub| sub.as_str()), Some("bot"));
        for broken in [
            r#"{"act":"bot"}"#,
            r#"{"act":{}}"#,
            r#"{"act":{"sub":"a","act":[]}}"#,
        ] {
            let claims = Claims::parse(broken.as_bytes().to_vec()).unwrap();
            let form = Form::Opaque("opaque".into());
            let accepted =
                AcceptedToken::new(Arc::from("issuer"), claims, Lifetime::ending(0), form);
            assert_eq!(accepted.map(drop), Err(Refusal::ClaimType), "{broken}");
        }
    }
}
