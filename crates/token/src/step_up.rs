//! How well, and how recently, the user was authenticated (RFC 9470).

use std::time::Duration;

use ztag_types::Timestamp;

use crate::claims::Claims;
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
    pub fn is_met(&self, claims: &Claims, now: Timestamp) -> Result<bool, Refusal> {
        let acr = claims.text("acr")?;
        let known = |acr: &str| self.acr_values.iter().any(|own| own == acr);
        if !self.acr_values.is_empty() && !acr.is_some_and(known) {
            return Ok(false);
        }
        let Some(max_age) = self.max_age else {
            return Ok(true);
        };
        let authenticated = claims.date("auth_time")?.map(Timestamp::from_seconds);
        // A moment in the future is no proof of a recent one.
        Ok(authenticated.is_some_and(|at| at <= now && now.since(at) <= max_age))
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

#[cfg(test)]
mod tests {
    use super::*;

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
