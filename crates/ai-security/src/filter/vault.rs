//! What placeholders stand for, for as long as a request lasts.

use std::fmt;

use ahash::{AHashMap, RandomState};
use hashbrown::HashTable;
use zeroize::Zeroizing;
use ztag_types::SmolStr;

use super::candidate::LONG;
use super::restoring::Restoring;

/// Values kept for one request. Later ones get a placeholder that cannot be reversed.
const MOST: usize = 4096;
/// Bytes of all values kept for one request; the same goes for what does not fit.
const MOST_BYTES: usize = 1024 * 1024;

/// What placeholders stand for: equal values have equal placeholders, and answers can be given back
/// their values. One for each request; what it holds is overwritten when it is dropped.
///
/// Restoring trusts whoever gets the text: somebody who can write `[EMAIL_1]` into it is shown the
/// address. Give restored text only to the one whose values these are.
#[derive(Clone, Default)]
pub struct Vault {
    kept: Vec<Kept>,
    /// Bytes of all values.
    bytes: usize,
    /// How many of them are given back, once no more are to be.
    sealed: Option<usize>,
    /// Places in `kept` by kind and value.
    by_value: HashTable<usize>,
    /// Places in `kept` by placeholder.
    by_number: AHashMap<(SmolStr, u32), usize>,
    /// How many numbers each kind has given away.
    counts: AHashMap<SmolStr, u32>,
    hashing: RandomState,
}

#[derive(Clone)]
struct Kept {
    kind: SmolStr,
    number: u32,
    value: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Gives back no value that comes from now on: those so far are a request's, later ones are of
    /// its answer.
    pub fn seal(&mut self) {
        self.sealed.get_or_insert(self.kept.len());
    }

    /// Gives back nothing any more.
    pub fn close(&mut self) {
        self.sealed = Some(0);
    }

    /// Whether there is something to give back.
    pub fn gives_back(&self) -> bool {
        self.sealed.unwrap_or(self.kept.len()) > 0
    }

    /// `text` with each placeholder of this vault replaced by what it stands for, but for those in
    /// addresses: a page that shows a picture tells its host whatever stands there.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = Vec::with_capacity(text.len());
        let mut restoring = Restoring::default();
        restoring.push(text.as_bytes(), self, &mut restored);
        restoring.finish(&mut restored);
        String::from_utf8_lossy(&restored).into_owned()
    }

    /// Appends the placeholder of `value` to `out`. What is longer than 8 KiB is not kept: each has a
    /// placeholder of its own that stays when others are restored.
    pub(crate) fn cover(&mut self, kind: &SmolStr, value: Option<&[u8]>, out: &mut Vec<u8>) {
        let kept = value.filter(|value| self.has_room_for(value));
        let number = match kept {
            Some(value) => self.number(kind, value),
            None => self.next(kind),
        };
        out.extend_from_slice(format!("[{kind}_{number}]").as_bytes());
    }

    fn has_room_for(&self, value: &[u8]) -> bool {
        let bytes = self.bytes.saturating_add(value.len());
        value.len() <= LONG && self.kept.len() < MOST && bytes <= MOST_BYTES
    }

    /// What the placeholder `name`, without its brackets, stands for, if that is given back.
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        let (kind, number) = name.rsplit_once('_')?;
        let number = number.parse().ok()?;
        let place = *self.by_number.get(&(SmolStr::new(kind), number))?;
        let given = self.sealed.is_none_or(|sealed| place < sealed);
        let kept = self.kept.get(place).filter(|_| given);
        kept.map(|kept| kept.value.as_slice())
    }

    fn number(&mut self, kind: &SmolStr, value: &[u8]) -> u32 {
        let hash = self.hashing.hash_one(Some((kind, value)));
        let known = self.by_value.find(hash, |place| {
            let kept = self.kept.get(*place);
            kept.is_some_and(|kept| kept.kind == *kind && kept.value.as_slice() == value)
        });
        if let Some(kept) = known.and_then(|place| self.kept.get(*place)) {
            return kept.number;
        }
        let number = self.next(kind);
        let place = self.kept.len();
        self.bytes += value.len();
        self.kept.push(Kept {
            kind: kind.clone(),
            number,
            value: Zeroizing::new(value.to_vec()),
        });
        self.by_number.insert((kind.clone(), number), place);
        let (kept, hashing) = (&self.kept, &self.hashing);
        self.by_value.insert_unique(hash, place, |place| {
            let kept = kept.get(*place);
            hashing.hash_one(kept.map(|kept| (&kept.kind, kept.value.as_slice())))
        });
        number
    }

    fn next(&mut self, kind: &SmolStr) -> u32 {
        let count = self.counts.entry(kind.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("values", &self.kept.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(vault: &mut Vault, kind: &'static str, value: &str) -> String {
        let mut out = Vec::new();
        vault.cover(&SmolStr::new_static(kind), Some(value.as_bytes()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_values_have_equal_placeholders() {
        let mut vault = Vault::new();
        assert_eq!(cover(&mut vault, "EMAIL", "a@b.c"), "[EMAIL_1]");
        assert_eq!(cover(&mut vault, "EMAIL", "d@e.f"), "[EMAIL_2]");
        assert_eq!(cover(&mut vault, "EMAIL", "a@b.c"), "[EMAIL_1]");
        assert_eq!(cover(&mut vault, "PHONE", "a@b.c"), "[PHONE_1]");
    }

    #[test]
    fn placeholders_are_restored_and_others_stay() {
        let mut vault = Vault::new();
        cover(&mut vault, "EMAIL", "a@b.c");
        let restored = vault.restore("to [EMAIL_1], [EMAIL_2] and [[EMAIL_1]");
        assert_eq!(restored, "to a@b.c, [EMAIL_2] and [a@b.c");
    }

    #[test]
    fn attack_52_only_what_came_before_the_answer_is_given_back() {
        let mut vault = Vault::new();
        cover(&mut vault, "EMAIL", "mine@b.c");
        vault.seal();
        assert_eq!(cover(&mut vault, "EMAIL", "theirs@b.c"), "[EMAIL_2]");
        assert_eq!(cover(&mut vault, "EMAIL", "mine@b.c"), "[EMAIL_1]");
        let restored = vault.restore("[EMAIL_1] and [EMAIL_2]");
        assert_eq!(restored, "mine@b.c and [EMAIL_2]");
        vault.close();
        assert_eq!(vault.restore("[EMAIL_1]"), "[EMAIL_1]");
        assert!(!vault.gives_back());
    }

    #[test]
    fn nothing_of_a_value_is_printed() {
        let mut vault = Vault::new();
        cover(&mut vault, "EMAIL", "a@b.c");
        assert!(!format!("{vault:?}").contains("a@b"));
    }

    #[test]
    fn what_is_over_the_limits_is_covered_and_not_kept() {
        let mut vault = Vault::new();
        let long = "x".repeat(LONG + 1);
        assert_eq!(cover(&mut vault, "KEY", &long), "[KEY_1]");
        assert_eq!(cover(&mut vault, "KEY", &long), "[KEY_2]");
        assert!(vault.is_empty());
        for value in 0..MOST + 2 {
            cover(&mut vault, "N", &value.to_string());
        }
        assert_eq!(vault.len(), MOST);
        let mut vault = Vault::new();
        for value in 0..MOST {
            cover(&mut vault, "N", &format!("{value:0>8192}"));
        }
        assert_eq!(vault.len(), MOST_BYTES / LONG);
    }
}
