//! One issuer: what its tokens must say.

use std::sync::Arc;
use std::time::Duration;

use ztag_types::{Timestamp, View};

use crate::accepted::Lifetime;
use crate::algorithm::AlgorithmSet;
use crate::binding::Confirmation;
use crate::claims::Claims;
use crate::header::Header;
use crate::jws::Compact;
use crate::key::KeySet;
use crate::profile::Profile;
use crate::refusal::Refusal;
use crate::remote::RemoteKeys;

/// Claims that only other kinds of tokens have: identity tokens and security events. Some of
/// those come with the same `typ` as access tokens (RFC 8725 section 3.12).
const FOREIGN_CLAIMS: [&str; 4] = ["at_hash", "c_hash", "s_hash", "events"];

/// An issuer whose tokens are judged.
#[derive(Debug)]
pub struct Issuer {
    name: Arc<str>,
    rules: Rules,
    keys: KeySource,
}

/// What the tokens of an issuer must be like.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) profile: Profile,
    pub(crate) audiences: Box<[Box<str>]>,
    pub(crate) types: Box<[Box<str>]>,
    pub(crate) untyped: bool,
    pub(crate) required: Box<[Box<str>]>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) skew: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) bound: bool,
}

/// Where the keys are.
#[derive(Debug)]
pub(crate) enum KeySource {
    Fixed(Arc<KeySet>),
    Remote(Arc<RemoteKeys>),
}

impl KeySource {
    /// The keys to verify with now. Never waits.
    pub(crate) fn current(&self) -> Result<Arc<KeySet>, Refusal> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::Remote(keys) => keys.current().ok_or(Refusal::KeysUnavailable),
        }
    }

    /// Whether keys were fetched that may include the one of `token`.
    pub(crate) async fn learn(&self, token: &str) -> bool {
        let Self::Remote(keys) = self else {
            return false;
        };
        let header = Compact::split(token, token.len()).and_then(|compact| compact.header());
        match header {
            Ok(header) => keys.learn(header.key_id()).await,
            Err(_) => false,
        }
    }
}

impl Issuer {
    pub(crate) const fn new(name: Arc<str>, rules: Rules, keys: KeySource) -> Self {
        Self { name, rules, keys }
    }

    /// Its name, as in `iss`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its dialect.
    pub const fn profile(&self) -> Profile {
        self.rules.profile
    }

    pub(crate) const fn algorithms(&self) -> AlgorithmSet {
        self.rules.algorithms
    }

    pub(crate) const fn remote(&self) -> Option<&Arc<RemoteKeys>> {
        match &self.keys {
            KeySource::Remote(keys) => Some(keys),
            KeySource::Fixed(_) => None,
        }
    }

    /// The keys to verify with now. Never waits.
    pub(crate) fn keys(&self) -> Result<Arc<KeySet>, Refusal> {
        self.keys.current()
    }

    /// Whether a token with these claims says that it is of this issuer.
    pub(crate) fn is_named_by(&self, claims: &Claims) -> bool {
        if let Some(View::Str(name)) = claims.claim("iss")
            && name == &*self.name
        {
            return true;
        }
        self.rules.profile == Profile::Spiffe && self.holds_subject(claims)
    }

    /// Judges the header, all but its algorithm.
    pub(crate) fn judge_header(&self, header: &Header) -> Result<(), Refusal> {
        let spiffe = self.rules.profile == Profile::Spiffe;
        if header.is_nested() || spiffe && !header.only_basic_members {
            return Err(Refusal::TypeRefused);
        }
        let fits = match header.token_type() {
            None => self.rules.untyped,
            Some(_) => self.rules.types.iter().any(|own| header.is_type(own)),
        };
        if fits {
            Ok(())
        } else {
            Err(Refusal::TypeRefused)
        }
    }

    /// Judges the claims at `now`. Answers how long the token is good for.
    pub(crate) fn judge_claims(
        &self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<Lifetime, Refusal> {
        let mut required = self.rules.required.iter();
        if required.any(|name| claims.claim(name).is_none()) {
            return Err(Refusal::ClaimMissing);
        }
        if FOREIGN_CLAIMS
            .iter()
            .any(|name| claims.claim(name).is_some())
        {
            return Err(Refusal::TypeRefused);
        }
        if claims.text("iss")?.is_some_and(|name| name != &*self.name)
            && self.rules.profile != Profile::Spiffe
        {
            return Err(Refusal::IssuerUnknown);
        }
        let ours = |audience: &str| self.rules.audiences.iter().any(|own| **own == *audience);
        if !claims.holds("aud", ours)? {
            return Err(Refusal::AudienceRefused);
        }
        self.judge_subject(claims)?;
        for name in ["client_id", "jti"] {
            claims.text(name)?;
        }
        // Elsewhere issuers also write lists here.
        if matches!(self.rules.profile, Profile::Rfc9068 | Profile::Fapi2) {
            claims.text("scope")?;
        }
        let lifetime = self.judge_times(claims, now)?;
        let confirmation = Confirmation::of(claims)?;
        if self.rules.bound && confirmation.is_none() {
            return Err(Refusal::BindingMissing);
        }
        Ok(lifetime)
    }

    fn judge_subject(&self, claims: &Claims) -> Result<(), Refusal> {
        let subject = claims.text("sub")?;
        let fits = match self.rules.profile {
            Profile::Spiffe => self.holds_subject(claims),
            _ => subject.is_none_or(is_name),
        };
        if fits {
            Ok(())
        } else {
            Err(Refusal::SubjectRefused)
        }
    }

    /// Whether `sub` is a SPIFFE id in the trust domain that is this issuer.
    fn holds_subject(&self, claims: &Claims) -> bool {
        let Some(View::Str(subject)) = claims.claim("sub") else {
            return false;
        };
        let path = subject.strip_prefix(&*self.name);
        path.and_then(|path| path.strip_prefix('/'))
            .is_some_and(|path| {
                path.split('/').all(|segment| {
                    let legal = |byte: u8| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
                    };
                    !matches!(segment, "" | "." | "..") && segment.bytes().all(legal)
                })
            })
    }

    fn judge_times(&self, claims: &Claims, now: Timestamp) -> Result<Lifetime, Refusal> {
        let skew = i64::try_from(self.rules.skew.as_secs()).unwrap_or(i64::MAX);
        let now = now.seconds();
        let expires = claims.date("exp")?.ok_or(Refusal::ClaimMissing)?;
        let mut until = expires.saturating_add(skew);
        if now >= until {
            return Err(Refusal::Expired);
        }
        let issued = claims.date("iat")?;
        for since in [claims.date("nbf")?, issued].into_iter().flatten() {
            if since > now.saturating_add(skew) {
                return Err(Refusal::NotYetValid);
            }
        }
        claims.date("auth_time")?;
        if let Some(oldest) = self.rules.max_age {
            let oldest = i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX);
            let issued = issued.ok_or(Refusal::ClaimMissing)?;
            let oldest = oldest.saturating_add(skew);
            if now.saturating_sub(issued) > oldest {
                return Err(Refusal::TooOld);
            }
            until = until.min(issued.saturating_add(oldest).saturating_add(1));
        }
        Ok(Lifetime { expires, until })
    }
}

/// Whether a text names somebody, and nobody else for a reader who drops blanks at its ends or
/// stops at a control character.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim().len() == text.len() && !text.chars().any(char::is_control)
}
