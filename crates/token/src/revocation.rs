//! Tokens that their issuers would still vouch for and that are refused all the same.

mod request;

use std::collections::HashMap;
use std::time::Duration;

use ahash::RandomState;
use parking_lot::RwLock;
use ztag_types::{Clock, Timestamp};

use crate::accepted::AcceptedToken;

pub use request::{RevocationError, RevocationRequest};

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// One token of an issuer, by its `jti`.
    Token {
        /// The issuer.
        issuer: Box<str>,
        /// The `jti`.
        id: Box<str>,
    },
    /// Every token of a subject that was issued before, or does not say when.
    Subject {
        /// The issuer.
        issuer: Box<str>,
        /// The `sub`.
        subject: Box<str>,
    },
    /// Every token of an issuer that was issued before, or does not say when.
    Issuer {
        /// The issuer.
        issuer: Box<str>,
    },
}

/// The revocation list: asked for each token of each request, so that a revocation takes effect
/// with the next request.
///
/// Bounded: a list that is full refuses further entries and never drops one that still matters.
#[derive(Debug)]
pub struct Revocations {
    entries: RwLock<HashMap<Revocation, Entry, RandomState>>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    issued_before: Timestamp,
    /// When every token meant has expired by itself.
    until: Timestamp,
}

/// The revocation list is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the revocation list is full")]
pub struct RevocationsFull;

impl Revocations {
    /// An empty list with room for `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: RwLock::default(),
            capacity,
        }
    }

    /// Revokes what was issued until now, for `keep`: at least the longest life of a token.
    ///
    /// # Errors
    /// When the list is full.
    pub fn revoke(
        &self,
        what: Revocation,
        keep: Duration,
        clock: &dyn Clock,
    ) -> Result<(), RevocationsFull> {
        self.revoke_before(what, clock.now(), keep, clock)
    }

    /// Revokes what was issued until `before`. An entry that goes further is not taken back.
    fn revoke_before(
        &self,
        what: Revocation,
        before: Timestamp,
        keep: Duration,
        clock: &dyn Clock,
    ) -> Result<(), RevocationsFull> {
        let now = clock.now();
        let mut entries = self.entries.write();
        if entries.len() >= self.capacity && !entries.contains_key(&what) {
            entries.retain(|_, entry| entry.until > now);
            if entries.len() >= self.capacity {
                return Err(RevocationsFull);
            }
        }
        let until = now.plus(keep);
        let entry = entries.entry(what).or_insert(Entry {
            issued_before: before,
            until,
        });
        entry.issued_before = entry.issued_before.max(before);
        entry.until = entry.until.max(until);
        Ok(())
    }

    /// Number of entries, those included that no longer matter.
    pub fn len(&self) -> usize {
        self.entries.read().len()
    }

    /// Whether nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `token` is revoked at `now`.
    pub(crate) fn covers(&self, token: &AcceptedToken, now: Timestamp) -> bool {
        let entries = self.entries.read();
        if entries.is_empty() {
            return false;
        }
        let claims = token.claims();
        let issuer = || Box::from(token.issuer());
        let text = |name: &str| claims.text(name).ok().flatten().map(Box::from);
        let issued = claims
            .date("iat")
            .ok()
            .flatten()
            .map(Timestamp::from_seconds);
        let in_force = |what: &Revocation| entries.get(what).filter(|entry| entry.until > now);
        let is_older = |what: &Revocation| {
            in_force(what).is_some_and(|entry| issued.is_none_or(|at| at <= entry.issued_before))
        };
        let by_id = text("jti").map(|id| Revocation::Token {
            issuer: issuer(),
            id,
        });
        let by_subject = text("sub").map(|subject| Revocation::Subject {
            issuer: issuer(),
            subject,
        });
        by_id.is_some_and(|what| in_force(&what).is_some())
            || by_subject.is_some_and(|what| is_older(&what))
            || is_older(&Revocation::Issuer { issuer: issuer() })
    }
}
