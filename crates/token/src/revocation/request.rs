//! Revocations as an operator writes them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::{Clock, DurationSpec, Timestamp};

use super::{Revocation, Revocations, RevocationsFull};

/// Longest text of an issuer, token id or subject, in bytes.
const MAX_TEXT: usize = 1_024;
/// How long an entry may be kept.
const KEEP: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24 * 366);
/// Seconds that a token may be dated ahead of us and still be one issued until now: what issuers
/// are forgiven, unless configured otherwise.
const MARGIN: i64 = 10;
/// How far ahead `before` may lie: what a clock may differ by, in seconds.
const MAX_AHEAD: i64 = 300;

/// What shall be revoked: one token (`jti`), all of a subject (`sub`) or, with neither, all of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationRequest {
    /// The issuer, exactly as in `iss`.
    pub issuer: String,
    /// The token with this `jti`.
    pub jti: Option<String>,
    /// Every token of this `sub`, issued until `before`.
    pub sub: Option<String>,
    /// Seconds since 1970: tokens issued later stay good. Without it: now, and the 10 seconds that an
    /// issuer's clock may be ahead. Not with `jti`.
    pub before: Option<i64>,
    /// How long to remember it: at least the longest life of a token. Without it: 24 hours.
    pub keep: Option<DurationSpec>,
}

/// Why a revocation was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// Not an object with the members expected.
    #[error("not a revocation: `issuer`, and at most one of `jti` and `sub`, are expected")]
    Syntax,
    /// A text is empty or too long.
    #[error("`issuer`, `jti` and `sub` must be 1 to 1024 bytes long")]
    Text,
    /// A time is out of range.
    #[error("`keep` must be 1 second to 366 days, `before` not in the future nor beside `jti`")]
    Time,
    /// The list is full.
    #[error(transparent)]
    Full(#[from] RevocationsFull),
}

impl RevocationRequest {
    /// Reads the JSON object in `body`.
    ///
    /// # Errors
    /// [`RevocationError::Syntax`], also for members that are unknown or repeated.
    pub fn parse(body: &[u8]) -> Result<Self, RevocationError> {
        serde_json::from_slice(body).map_err(|_| RevocationError::Syntax)
    }

    /// Carries it out: it takes effect with the next request.
    ///
    /// # Errors
    /// Why it was not; nothing is revoked then.
    pub fn apply(self, list: &Revocations, clock: &dyn Clock) -> Result<(), RevocationError> {
        let now = clock.now();
        let keep = self
            .keep
            .map_or(Duration::from_hours(24), DurationSpec::get);
        let until_now = Timestamp::from_seconds(now.seconds() + MARGIN);
        let before = self.before.map_or(until_now, Timestamp::from_seconds);
        let texts = [Some(&self.issuer), self.jti.as_ref(), self.sub.as_ref()];
        let fits = |text: &String| (1..=MAX_TEXT).contains(&text.len());
        if !texts.into_iter().flatten().all(fits) {
            return Err(RevocationError::Text);
        }
        let dated_token = self.jti.is_some() && self.before.is_some();
        if !KEEP.contains(&keep) || before.seconds() > now.seconds() + MAX_AHEAD || dated_token {
            return Err(RevocationError::Time);
        }
        list.revoke_before(self.into_revocation()?, before, keep, clock)?;
        Ok(())
    }

    fn into_revocation(self) -> Result<Revocation, RevocationError> {
        let issuer = self.issuer.into();
        match (self.jti, self.sub) {
            (None, None) => Ok(Revocation::Issuer { issuer }),
            (Some(id), None) => Ok(Revocation::Token {
                issuer,
                id: id.into(),
            }),
            (None, Some(subject)) => Ok(Revocation::Subject {
                issuer,
                subject: subject.into(),
            }),
            (Some(_), Some(_)) => Err(RevocationError::Syntax),
        }
    }
}

#[cfg(test)]
mod tests {
    use ztag_types::ManualClock;

    use super::*;

    fn apply(body: &str, list: &Revocations) -> Result<(), RevocationError> {
        RevocationRequest::parse(body.as_bytes())?.apply(list, &ManualClock::new())
    }

    #[test]
    fn what_is_not_understood_revokes_nothing() {
        let list = Revocations::new(10);
        let long = format!(r#"{{"issuer":"{}"}}"#, "x".repeat(1_025));
        for (body, expected) in [
            ("", RevocationError::Syntax),
            ("{}", RevocationError::Syntax),
            (r#"{"iss":"a"}"#, RevocationError::Syntax),
            (r#"{"issuer":"a","issuer":"b"}"#, RevocationError::Syntax),
            (r#"{"issuer":"a","jti":7}"#, RevocationError::Syntax),
            (
                r#"{"issuer":"a","jti":"1","sub":"b"}"#,
                RevocationError::Syntax,
            ),
            (r#"{"issuer":""}"#, RevocationError::Text),
            (r#"{"issuer":"a","sub":""}"#, RevocationError::Text),
            (&long, RevocationError::Text),
            (r#"{"issuer":"a","keep":"0s"}"#, RevocationError::Time),
            (
                r#"{"issuer":"a","before":99999999999}"#,
                RevocationError::Time,
            ),
            (
                r#"{"issuer":"a","jti":"1","before":1}"#,
                RevocationError::Time,
            ),
        ] {
            assert_eq!(apply(body, &list), Err(expected), "{body}");
        }
        assert!(list.is_empty());
    }

    #[test]
    fn a_full_list_says_so_and_an_entry_is_not_weakened() {
        let list = Revocations::new(2);
        for body in [r#"{"issuer":"a","jti":"1"}"#, r#"{"issuer":"a"}"#] {
            apply(body, &list).unwrap();
        }
        // Again, and with an earlier date: the wider revocation stays.
        apply(r#"{"issuer":"a","before":1,"keep":"1s"}"#, &list).unwrap();
        let now = ManualClock::new().now();
        let entry = list.issuers.read()["a"].all.unwrap();
        // Also those whose issuer is ahead of us.
        assert_eq!(entry.issued_before, now.plus(Duration::from_secs(10)));
        assert_eq!(entry.until, now.plus(Duration::from_hours(24)));
        let full = RevocationError::Full(RevocationsFull);
        assert_eq!(apply(r#"{"issuer":"b"}"#, &list), Err(full));
    }
}
