//! Tokens that a rule accepts, by what their issuer says of the bearer.

use http::{HeaderValue, StatusCode};
use ztag_expr::TextPattern;
use ztag_token::StepUp;
use ztag_types::{Challenge, Credential, Object, Principal, Timestamp, Value, View};

use super::Fit;
use super::certificate::one_of;

/// What a token must say; a list without entries asks for nothing.
#[derive(Clone, Debug)]
pub(crate) struct TokenMatcher {
    /// Whether it is for tokens that their issuer was asked about, not for signed ones.
    pub(crate) introspected: bool,
    pub(crate) issuers: Box<[Box<str>]>,
    pub(crate) subjects: Box<[TextPattern]>,
    pub(crate) actors: Box<[TextPattern]>,
    pub(crate) claims: Box<[ClaimMatcher]>,
    pub(crate) scopes: Box<[Box<str>]>,
    pub(crate) scope_claim: Box<str>,
    pub(crate) step_up: Option<StepUp>,
}

/// A claim, and the values of which it must have one.
#[derive(Clone, Debug)]
pub(crate) struct ClaimMatcher {
    /// The name as written: that of a claim, or of claims within claims, joined by dots.
    pub(crate) name: Box<str>,
    pub(crate) values: Box<[ClaimPattern]>,
}

/// One allowed value of a claim. Types are kept apart: `true` is not `"true"`.
#[derive(Clone, Debug)]
pub(crate) enum ClaimPattern {
    Text(TextPattern),
    Bool(bool),
    Int(i64),
}

/// What a token lacks that its owner can get.
#[derive(Clone, Copy)]
pub(crate) struct Lack<'a> {
    matcher: &'a TokenMatcher,
    principal: &'a dyn Principal,
    what: Missing,
}

#[derive(Clone, Copy)]
enum Missing {
    Scopes,
    Authentication,
}

impl TokenMatcher {
    /// `jwt` or `introspection`.
    pub(super) const fn kind(&self) -> &'static str {
        if self.introspected {
            "introspection"
        } else {
            "jwt"
        }
    }

    pub(super) fn fits<'a>(&'a self, credential: &'a Credential, now: Timestamp) -> Fit<'a> {
        let principal = match (credential, self.introspected) {
            (Credential::Jwt { principal, .. }, false)
            | (Credential::Introspected { principal, .. }, true) => &**principal,
            _ => return Fit::No,
        };
        if !self.is_for(principal) {
            return Fit::No;
        }
        let lacks = |what| {
            Fit::Lacks(Lack {
                matcher: self,
                principal,
                what,
            })
        };
        if !self.holds_scopes(principal.claims()) {
            return lacks(Missing::Scopes);
        }
        match &self.step_up {
            None => Fit::Yes(None),
            // A claim of the wrong type says nothing, and saying nothing does not suffice.
            Some(rule) if rule.is_met(principal.claims(), now) != Ok(true) => {
                lacks(Missing::Authentication)
            }
            Some(rule) => Fit::Yes(rule.holds_for(principal.claims(), now)),
        }
    }

    /// Whether the token is of the issuer, subject and actor, and with the claims, asked for.
    fn is_for(&self, principal: &dyn Principal) -> bool {
        let mut issuers = self.issuers.iter();
        let issued = self.issuers.is_empty() || issuers.any(|own| **own == *principal.issuer());
        let claims = principal.claims();
        let subject = || one_of(&self.subjects, text(claims.field("sub")));
        let actor = || {
            let actor = principal.actor().and_then(|actor| actor.get("sub"));
            one_of(&self.actors, actor.and_then(Value::as_str))
        };
        // What nothing is asked of is not looked for.
        issued
            && (self.subjects.is_empty() || subject())
            && (self.actors.is_empty() || actor())
            && self.claims.iter().all(|own| own.fits(claims))
    }

    /// Whether the token carries every scope asked for: a text of several separated by blanks (RFC
    /// 6749 section 3.3), or a list of texts.
    fn holds_scopes(&self, claims: &dyn Object) -> bool {
        if self.scopes.is_empty() {
            return true;
        }
        let mut asked = self.scopes.iter();
        match claims.field(&self.scope_claim) {
            Some(View::Str(held)) => asked.all(|own| held.split(' ').any(|held| *held == **own)),
            Some(View::List(held)) => {
                asked.all(|own| held.iter().any(|held| held.as_str() == Some(&**own)))
            }
            _ => false,
        }
    }
}

impl ClaimMatcher {
    fn fits(&self, claims: &dyn Object) -> bool {
        let found = claims.field(&self.name).or_else(|| {
            let steps = self.name.contains('.').then(|| self.name.split('.'))?;
            View::Object(claims).at_path(steps)
        });
        match found {
            None => false,
            Some(View::List(items)) => items.iter().any(|item| self.allows(item.view())),
            Some(view) => self.allows(view),
        }
    }

    fn allows(&self, view: View<'_>) -> bool {
        self.values.iter().any(|value| match (value, view) {
            (ClaimPattern::Text(pattern), View::Str(text)) => pattern.fits(text),
            (ClaimPattern::Bool(own), View::Bool(value)) => *own == value,
            (ClaimPattern::Int(own), View::Int(value)) => *own == value,
            _ => false,
        })
    }
}

fn text(view: Option<View<'_>>) -> Option<&str> {
    match view {
        Some(View::Str(text)) => Some(text),
        _ => None,
    }
}

impl Lack<'_> {
    /// What the client must get: `insufficient_scope` (RFC 6750 section 3.1) or
    /// `insufficient_user_authentication` (RFC 9470 section 3).
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        let (status, parameters) = match self.what {
            Missing::Scopes => {
                let scope = ("scope", self.matcher.scopes.join(" "));
                (
                    None,
                    vec![("error", "insufficient_scope".to_owned()), scope],
                )
            }
            Missing::Authentication => {
                let rule = self.matcher.step_up.as_ref()?;
                (Some(StatusCode::UNAUTHORIZED), rule.challenge())
            }
        };
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let text = format!("{} {}", self.scheme(), parameters.join(", "));
        let value = HeaderValue::try_from(text).ok()?;
        Some(Challenge { status, value })
    }

    /// The scheme under which the token came: one that is bound to a proof key comes with proofs
    /// (RFC 9449 section 7.1).
    fn scheme(&self) -> &'static str {
        let bound = View::Object(self.principal.claims()).at_path(["cnf", "jkt"]);
        if bound.is_some() { "DPoP" } else { "Bearer" }
    }
}
