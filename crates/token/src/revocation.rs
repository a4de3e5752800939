//! Tokens that their issuers would still vouch for and that are refused all the same.

mod request;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
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
    issuers: RwLock<HashMap<Box<str>, OfIssuer, RandomState>>,
    capacity: usize,
    /// Whether anything was ever revoked: most lists stay empty, and are asked all the same.
    is_used: AtomicBool,
}

/// What is revoked of one issuer; looked up without making a key.
#[derive(Debug, Default)]
struct OfIssuer {
    all: Option<Entry>,
    tokens: HashMap<Box<str>, Entry, RandomState>,
    subjects: HashMap<Box<str>, Entry, RandomState>,
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
            issuers: RwLock::default(),
            capacity,
            is_used: AtomicBool::new(false),
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

    /// Revokes what was issued until `before`.
    fn revoke_before(
        &self,
        what: Revocation,
        before: Timestamp,
        keep: Duration,
        clock: &dyn Clock,
    ) -> Result<(), RevocationsFull> {
        let now = clock.now();
        let mut issuers = self.issuers.write();
        let room = |issuers: &Issuers| count(issuers) < self.capacity;
        if !room(&issuers) && find(&issuers, &what).is_none() {
            issuers.retain(|_, own| own.sweep(now));
            if !room(&issuers) {
                return Err(RevocationsFull);
            }
        }
        let entry = Entry {
            issued_before: before,
            until: now.plus(keep),
        };
        enter(&mut issuers, what, entry);
        self.is_used.store(true, Ordering::Release);
        Ok(())
    }

    /// Number of entries, those included that no longer matter.
    pub fn len(&self) -> usize {
        count(&self.issuers.read())
    }

    /// Whether nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `token` is revoked at `now`.
    pub(crate) fn covers(&self, token: &AcceptedToken, now: Timestamp) -> bool {
        if !self.is_used.load(Ordering::Acquire) {
            return false;
        }
        let issuers = self.issuers.read();
        let Some(own) = issuers.get(token.issuer()) else {
            return false;
        };
        let claims = token.claims();
        let text = |name: &str| claims.text(name).ok().flatten();
        let issued = claims.date("iat").ok().flatten();
        let issued = issued.map(Timestamp::from_seconds);
        let is_older =
            |entry: &Entry| entry.until > now && issued.is_none_or(|at| at <= entry.issued_before);
        let by_id = text("jti").and_then(|id| own.tokens.get(id));
        let by_subject = text("sub").and_then(|subject| own.subjects.get(subject));
        by_id.is_some_and(|entry| entry.until > now)
            || by_subject.is_some_and(is_older)
            || own.all.as_ref().is_some_and(is_older)
    }
}

impl OfIssuer {
    /// Forgets what no longer matters; answers whether anything is left.
    fn sweep(&mut self, now: Timestamp) -> bool {
        self.all = self.all.filter(|entry| entry.until > now);
        self.tokens.retain(|_, entry| entry.until > now);
        self.subjects.retain(|_, entry| entry.until > now);
        self.len() > 0
    }

    fn len(&self) -> usize {
        usize::from(self.all.is_some()) + self.tokens.len() + self.subjects.len()
    }
}

type Issuers = HashMap<Box<str>, OfIssuer, RandomState>;

fn count(issuers: &Issuers) -> usize {
    issuers.values().map(OfIssuer::len).sum()
}

fn find<'a>(issuers: &'a Issuers, what: &Revocation) -> Option<&'a Entry> {
    match what {
        Revocation::Token { issuer, id } => issuers.get(issuer)?.tokens.get(id),
        Revocation::Subject { issuer, subject } => issuers.get(issuer)?.subjects.get(subject),
        Revocation::Issuer { issuer } => issuers.get(issuer)?.all.as_ref(),
    }
}

/// Enters `entry`; an entry that goes further is not taken back.
fn enter(issuers: &mut Issuers, what: Revocation, entry: Entry) {
    let known = match what {
        Revocation::Token { issuer, id } => {
            let own = issuers.entry(issuer).or_default();
            own.tokens.entry(id).or_insert(entry)
        }
        Revocation::Subject { issuer, subject } => {
            let own = issuers.entry(issuer).or_default();
            own.subjects.entry(subject).or_insert(entry)
        }
        Revocation::Issuer { issuer } => {
            let own = issuers.entry(issuer).or_default();
            own.all.get_or_insert(entry)
        }
    };
    known.issued_before = known.issued_before.max(entry.issued_before);
    known.until = known.until.max(entry.until);
}
