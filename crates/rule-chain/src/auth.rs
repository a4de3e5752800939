//! Match groups: which credentials a rule accepts, and which of its groups they win.

use std::time::Duration;

use regex::Regex;
use smallvec::SmallVec;
use ztag_types::{Admitted, Credential, Secret, Timestamp};

use crate::forward::Forwards;
use crate::judged::shorter;

mod certificate;
mod token;

pub(crate) use certificate::CertificateMatcher;
pub(crate) use token::{ClaimMatcher, ClaimPattern, Lack, TokenMatcher};

/// The match groups of a rule. Without any the rule is for everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    pub(crate) groups: Box<[Group]>,
    /// Whether the endpoint admits nobody in particular: `type: none` fits only then.
    pub(crate) admits_none: bool,
}

/// Matchers that must all fit.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Type of the first matcher: `auth.selected`.
    pub(crate) kind: &'static str,
    /// Empty in a group of `type: none`.
    pub(crate) matchers: Box<[Matcher]>,
    pub(crate) forwards: Forwards,
}

#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Basic {
        users: Patterns,
        passwords: Patterns,
    },
    Bearer {
        tokens: Patterns,
    },
    Header {
        name: Box<str>,
        values: Patterns,
    },
    Query {
        name: Box<str>,
        values: Patterns,
    },
    Token(Box<TokenMatcher>),
    Certificate(Box<CertificateMatcher>),
}

/// Whether a matcher fits a credential.
#[derive(Clone, Copy)]
pub(crate) enum Fit<'a> {
    /// It does not.
    No,
    /// It is the right token, and lacks something that its owner can get.
    Lacks(Lack<'a>),
    /// It does, for this long at least; `None` for as long as the credential lives.
    Yes(Option<Duration>),
}

/// Allowed values; without any every value is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(pub(crate) Box<[Pattern]>);

#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Compared in constant time: it is likely a shared secret.
    Literal(Secret<Box<[u8]>>),
    /// Searched for, not anchored.
    Regex(Regex),
}

/// The group that won, with the credentials its matchers found and no others.
#[derive(Default)]
pub(crate) struct Won<'a> {
    /// None in a rule for everybody.
    pub(crate) group: Option<&'a Group>,
    /// Place of the group.
    pub(crate) index: usize,
    pub(crate) credentials: SmallVec<[&'a Credential; 2]>,
    /// How long the group goes on fitting; `None` for as long as the credentials live.
    pub(crate) holds_for: Option<Duration>,
}

impl Auth {
    /// The first group that fits what the request presented. Where none fits, what the credentials
    /// lack for the first group that is otherwise met.
    pub(crate) fn select<'a>(
        &'a self,
        admitted: &'a Admitted,
        now: Timestamp,
    ) -> Result<Won<'a>, Option<Lack<'a>>> {
        if self.groups.is_empty() {
            return Ok(Won::default());
        }
        let mut lacking = None;
        for (index, group) in self.groups.iter().enumerate() {
            match self.fit(group, &admitted.credentials, now) {
                Ok(won) => {
                    return Ok(Won {
                        group: Some(group),
                        index,
                        ..won
                    });
                }
                Err(lack) => lacking = lacking.or(lack),
            }
        }
        Err(lacking)
    }

    fn fit<'a>(
        &self,
        group: &'a Group,
        presented: &'a [Credential],
        now: Timestamp,
    ) -> Result<Won<'a>, Option<Lack<'a>>> {
        if group.matchers.is_empty() {
            return if self.admits_none {
                Ok(Won::default())
            } else {
                Err(None)
            };
        }
        let (mut won, mut lacking) = (Won::default(), None);
        for matcher in &group.matchers {
            match matcher.find(presented, now)? {
                Found::Fits(credential, holds_for) => won.add(credential, holds_for),
                Found::Lacks(lack) => lacking = lacking.or(Some(lack)),
            }
        }
        match lacking {
            None => Ok(won),
            lack => Err(lack),
        }
    }
}

/// What a matcher finds among the credentials.
enum Found<'a> {
    Fits(&'a Credential, Option<Duration>),
    Lacks(Lack<'a>),
}

impl<'a> Won<'a> {
    fn add(&mut self, credential: &'a Credential, holds_for: Option<Duration>) {
        if !self
            .credentials
            .iter()
            .any(|own| std::ptr::eq(*own, credential))
        {
            self.credentials.push(credential);
        }
        self.holds_for = shorter(self.holds_for, holds_for);
    }
}

impl Matcher {
    /// The type and, of headers and query parameters, the name.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let (kind, name) = match self {
            Self::Basic { .. } => ("basic", None),
            Self::Bearer { .. } => ("bearer", None),
            Self::Header { name, .. } => ("header", Some(name)),
            Self::Query { name, .. } => ("query", Some(name)),
            Self::Token(matcher) => (matcher.kind(), None),
            Self::Certificate(_) => ("certificate", None),
        };
        serde_json::json!({ "type": kind, "name": name })
    }

    /// The first credential that fits; where none does, what the first lacks that could.
    fn find<'a>(
        &'a self,
        presented: &'a [Credential],
        now: Timestamp,
    ) -> Result<Found<'a>, Option<Lack<'a>>> {
        let mut lacking = None;
        for credential in presented {
            match self.fits(credential, now) {
                Fit::Yes(holds_for) => return Ok(Found::Fits(credential, holds_for)),
                Fit::Lacks(lack) => lacking = lacking.or(Some(lack)),
                Fit::No => {}
            }
        }
        lacking.map(Found::Lacks).ok_or(None)
    }

    fn fits<'a>(&'a self, credential: &'a Credential, now: Timestamp) -> Fit<'a> {
        let fits = match (self, credential) {
            (Self::Basic { users, passwords }, Credential::Basic { user, password }) => {
                // Both are looked at, so that timing does not tell a wrong user from a wrong password.
                users.allow(user) & passwords.allow(password.expose())
            }
            (Self::Bearer { tokens }, Credential::Bearer { token }) => tokens.allow(token.expose()),
            (Self::Header { name, values }, Credential::Header { name: own, value })
            | (Self::Query { name, values }, Credential::Query { name: own, value }) => {
                name == own && values.allow(value.expose())
            }
            (Self::Token(matcher), credential) => return matcher.fits(credential, now),
            (Self::Certificate(matcher), Credential::Certificate { certificate }) => {
                matcher.fits(certificate)
            }
            _ => false,
        };
        if fits { Fit::Yes(None) } else { Fit::No }
    }
}

impl Patterns {
    fn allow(&self, value: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.fits(value))
    }
}

impl Pattern {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.matches(value.as_bytes()),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}
