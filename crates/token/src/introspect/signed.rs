//! Signed answers (RFC 9701): the issuer vouches for them, whatever they came through.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Introspection;
use crate::algorithm::AlgorithmSet;
use crate::cache::Moment;
use crate::claims::Claims;
use crate::issuer::KeySource;
use crate::jws::{Signed, verify};
use crate::refusal::Refusal;

/// The type of such an answer.
const TYPE: &str = "token-introspection+jwt";
/// How long the difference between clocks may be, in seconds.
const SKEW: i64 = 60;
/// How old an answer may be, in seconds: it was made for us just now.
const MAX_AGE: i64 = 120;

/// The keys that answers are signed with.
#[derive(Debug)]
pub(super) struct SignedAnswers(pub(super) KeySource);

/// The member that holds the answer.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    token_introspection: &'a RawValue,
}

impl SignedAnswers {
    /// The answer in `text`, if the issuer made it for us.
    pub(super) async fn read(
        &self,
        text: &[u8],
        policy: &Introspection,
        now: Moment,
    ) -> Result<Claims, Refusal> {
        let text = std::str::from_utf8(text).map_err(|_| Refusal::Malformed)?;
        let signed = self.check(text).await?;
        if !signed.header().is_type(TYPE) {
            return Err(Refusal::TypeRefused);
        }
        // Read strictly first: of two members with one name none is right.
        let outer = Claims::parse(signed.payload().to_vec())?;
        judge(&outer, policy, now)?;
        let Wrapped {
            token_introspection,
        } = serde_json::from_slice(signed.payload()).map_err(|_| Refusal::ClaimsInvalid)?;
        Claims::parse(token_introspection.get().as_bytes().to_vec())
    }

    async fn check(&self, text: &str) -> Result<Signed, Refusal> {
        let check = || {
            let keys = self.0.current()?;
            verify(text, &keys, AlgorithmSet::ASYMMETRIC, text.len())
        };
        match check() {
            Err(refusal @ (Refusal::KeyUnknown | Refusal::KeysUnavailable)) => {
                if self.0.learn(text).await {
                    check()
                } else {
                    Err(refusal)
                }
            }
            checked => checked,
        }
    }
}

fn judge(outer: &Claims, policy: &Introspection, now: Moment) -> Result<(), Refusal> {
    if outer.text("iss")? != Some(&*policy.issuer) {
        return Err(Refusal::IssuerUnknown);
    }
    let us = policy.authentication.id();
    let ours =
        |audience: &str| audience == us || policy.audiences.iter().any(|own| own == audience);
    if !outer.holds("aud", ours)? {
        return Err(Refusal::AudienceRefused);
    }
    let made = outer.date("iat")?.ok_or(Refusal::ClaimMissing)?;
    let present = now.wall.seconds();
    if made > present + SKEW {
        return Err(Refusal::NotYetValid);
    }
    if made < present - MAX_AGE {
        return Err(Refusal::TooOld);
    }
    Ok(())
}
