//! Match groups: which credentials a rule accepts, and which of its groups they win.

use regex::Regex;
use smallvec::SmallVec;
use ztag_types::{Admitted, Credential, Secret};

use crate::forward::Forwards;

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
}

impl Auth {
    /// The first group that fits what the request presented; `None` when the rule has groups and
    /// none fits.
    pub(crate) fn select<'a>(&'a self, admitted: &'a Admitted) -> Option<Won<'a>> {
        if self.groups.is_empty() {
            return Some(Won::default());
        }
        self.groups.iter().enumerate().find_map(|(index, group)| {
            Some(Won {
                credentials: self.fit(group, &admitted.credentials)?,
                group: Some(group),
                index,
            })
        })
    }

    fn fit<'a>(
        &self,
        group: &Group,
        presented: &'a [Credential],
    ) -> Option<SmallVec<[&'a Credential; 2]>> {
        let mut found: SmallVec<[&Credential; 2]> = SmallVec::new();
        if group.matchers.is_empty() {
            return self.admits_none.then_some(found);
        }
        for matcher in &group.matchers {
            let credential = presented.iter().find(|own| matcher.fits(own))?;
            if !found.iter().any(|own| std::ptr::eq(*own, credential)) {
                found.push(credential);
            }
        }
        Some(found)
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
        };
        serde_json::json!({ "type": kind, "name": name })
    }

    fn fits(&self, credential: &Credential) -> bool {
        match (self, credential) {
            (Self::Basic { users, passwords }, Credential::Basic { user, password }) => {
                // Both are looked at, so that timing does not tell a wrong user from a wrong password.
                users.allow(user) & passwords.allow(password.expose())
            }
            (Self::Bearer { tokens }, Credential::Bearer { token }) => tokens.allow(token.expose()),
            (Self::Header { name, values }, Credential::Header { name: own, value })
            | (Self::Query { name, values }, Credential::Query { name: own, value }) => {
                name == own && values.allow(value.expose())
            }
            _ => false,
        }
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
