//! How well, and how recently, the user was authenticated (RFC 9470).

use std::time::Duration;

use ztag_types::{Object, Timestamp, View};

use crate::claims::date;
use crate::refusal::Refusal;

/// What a resource asks of the authentication behind a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// Authentication contexts accepted in `acr`, best first; empty accepts any.
    pub acr_values: Vec<String>,
    /// Longest time since the user was authenticated, by `auth_time`.
    pub max_age: Option<Duration>,
}

impl StepUp {
    /// Whether the authentication behind these claims suffices at `now`. A token that does not
    /// say how, or when, does not.
    ///
    /// # Errors
    /// [`Refusal::ClaimType`] when `acr` or `auth_time` is of another type.
    pub fn is_met(&self, claims: &dyn Object, now: Timestamp) -> Result<bool, Refusal> {
        let acr = match claims.field("acr") {
            None => None,
            Some(View::Str(acr)) => Some(acr),
            Some(_) => return Err(Refusal::ClaimType),
        };
        let known = |acr: &str| self.acr_values.iter().any(|own| own == acr);
        if !self.acr_values.is_empty() && !acr.is_some_and(known) {
            return Ok(false);
        }
        let Some(max_age) = self.max_age else {
            return Ok(true);
        };
        // A moment in the future is no proof of a recent one.
        Ok(authenticated(claims)?.is_some_and(|at| at <= now && now.since(at) <= max_age))
    }

    /// How long after `now` the authentication behind these claims suffices at the most; `None`
    /// where its age does not matter.
    pub fn holds_for(&self, claims: &dyn Object, now: Timestamp) -> Option<Duration> {
        let max_age = self.max_age?;
        let at = authenticated(claims).ok().flatten();
        Some(at.map_or(Duration::ZERO, |at| at.plus(max_age).since(now)))
    }

    /// The parameters of the challenge (RFC 9470 section 3): names and values, not yet quoted.
    pub fn challenge(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("error", "insufficient_user_authentication".to_owned())];
        if !self.acr_values.is_empty() {
            parameters.push(("acr_values", self.acr_values.join(" ")));
        }
        if let Some(max_age) = self.max_age {
            parameters.push(("max_age", max_age.as_secs().to_string()));
        }
        parameters
    }
}

/// When the user was authenticated.
fn authenticated(claims: &dyn Object) -> Result<Option<Timestamp>, Refusal> {
    let at = claims.field("auth_time").map(date).transpose()?;
    Ok(at.map(Timestamp::from_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    #[test]
    fn authentication_must_be_strong_and_recent() {
        let rule = StepUp {
            acr_values: vec!["gold".into(), "silver".into()],
            max_age: Some(Duration::from_mins(1)),
        };
        let check = |claims: &str, expected: Result<bool, Refusal>| {
            let read = Claims::parse(claims.as_bytes().to_vec()).unwrap();
            assert_eq!(
                rule.is_met(&read, Timestamp::from_seconds(1_000)),
                expected,
                "{claims}"
            );
        };
        check(r#"{"acr":"silver","auth_time":940}"#, Ok(true));
        check(r#"{"acr":"bronze","auth_time":940}"#, Ok(false));
        check(r#"{"acr":"silver","auth_time":939}"#, Ok(false));
        check(r#"{"acr":"silver","auth_time":1001}"#, Ok(false));
        check(r#"{"acr":"silver"}"#, Ok(false));
        check(r#"{"auth_time":999}"#, Ok(false));
        check(
            r#"{"acr":["gold"],"auth_time":999}"#,
            Err(Refusal::ClaimType),
        );
        let held = Claims::parse(br#"{"auth_time":990}"#.to_vec()).unwrap();
        let left = rule.holds_for(&held, Timestamp::from_seconds(1_000));
        assert_eq!(left, Some(Duration::from_secs(50)));
        assert_eq!(
            rule.challenge(),
            [
                ("error", "insufficient_user_authentication".to_owned()),
                ("acr_values", "gold silver".to_owned()),
                ("max_age", "60".to_owned()),
            ]
        );
        let anything = Claims::parse(b"{}".to_vec()).unwrap();
        assert_eq!(
            StepUp::default().is_met(&anything, Timestamp::default()),
            Ok(true)
        );
    }
}
