//! Answers that are remembered, for a while.

use std::time::Duration;

use ahash::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::key::Key;

/// Bytes of the longest key that is remembered: questions with many tuples are asked anew.
const LONGEST_KEY: usize = 2_048;

/// A bounded memory of answers. Keys are compared byte by byte.
#[derive(Debug)]
pub(super) struct Memory {
    answers: Cache<Key, Remembered, UnitWeighter, RandomState>,
    ttl: Duration,
    denial_ttl: Duration,
}

/// An answer. Times are monotonic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub(super) allowed: bool,
    pub(super) since: Duration,
    pub(super) until: Duration,
}

impl Memory {
    pub(super) fn new(ttl: Duration, denial_ttl: Duration, max_entries: usize) -> Self {
        Self {
            answers: Cache::with(
                max_entries,
                u64::try_from(max_entries).unwrap_or(u64::MAX),
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            ttl,
            denial_ttl,
        }
    }

    /// How long an answer is remembered.
    pub(super) const fn lifetime(&self, allowed: bool) -> Duration {
        if allowed { self.ttl } else { self.denial_ttl }
    }

    /// The answer, unless it is too old.
    pub(super) fn find(&self, key: &Key, now: Duration) -> Option<Remembered> {
        if self.ttl.is_zero() {
            return None;
        }
        self.answers.get(key).filter(|known| known.until > now)
    }

    /// Remembers an answer to a question that was asked at `asked`.
    pub(super) fn remember(&self, key: &Key, allowed: bool, asked: Duration) {
        let lifetime = self.lifetime(allowed);
        if lifetime.is_zero() || key.len() > LONGEST_KEY {
            return;
        }
        let remembered = Remembered {
            allowed,
            since: asked,
            until: asked.saturating_add(lifetime),
        };
        self.answers.insert(key.clone(), remembered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Check, Given};

    fn key(user: &str) -> Key {
        let check = Check {
            user: user.into(),
            ..Check::default()
        };
        Key::of(&[], &check, &Given::default())
    }

    #[test]
    fn a_no_is_forgotten_sooner() {
        let seconds = Duration::from_secs;
        let memory = Memory::new(seconds(8), seconds(2), 10);
        memory.remember(&key("yes"), true, seconds(1));
        memory.remember(&key("no"), false, seconds(1));
        let finds = |user, now| memory.find(&key(user), seconds(now)).map(|own| own.allowed);
        assert_eq!((finds("yes", 2), finds("no", 2)), (Some(true), Some(false)));
        assert_eq!((finds("yes", 3), finds("no", 3)), (Some(true), None));
        assert_eq!(finds("yes", 9), None);
        assert_eq!(finds("other", 2), None);
    }

    #[test]
    fn nothing_is_kept_without_a_lifetime_or_for_long_questions() {
        let memory = Memory::new(Duration::ZERO, Duration::ZERO, 10);
        memory.remember(&key("a"), true, Duration::ZERO);
        assert!(memory.find(&key("a"), Duration::ZERO).is_none());
        let memory = Memory::new(Duration::from_secs(9), Duration::ZERO, 2);
        let long = key(&"x".repeat(3_000));
        memory.remember(&long, true, Duration::ZERO);
        assert!(memory.find(&long, Duration::ZERO).is_none());
        for number in 0..100 {
            memory.remember(&key(&number.to_string()), true, Duration::ZERO);
        }
        assert!(memory.answers.len() <= 2);
    }
}
