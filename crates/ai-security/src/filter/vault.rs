//! What placeholders stand for, for as long as a request lasts.

use std::fmt;

use ahash::{AHashMap, RandomState};
use hashbrown::HashTable;
use zeroize::Zeroizing;
use ztag_types::SmolStr;

use super::candidate::LONG;

/// Values kept for one request. Later ones get a placeholder that cannot be reversed.
const MOST: usize = 4096;

/// What placeholders stand for: equal values have equal placeholders, and answers can be given back
/// their values. One for each request; what it holds is overwritten when it is dropped.
///
/// Restoring trusts whoever gets the text: somebody who can write `[EMAIL_1]` into it is shown the
/// address. Give restored text only to the one whose values these are.
#[derive(Default)]
pub struct Vault {
    kept: Vec<Kept>,
    /// Places in `kept` by kind and value.
    by_value: HashTable<usize>,
    /// Places in `kept` by placeholder.
    by_number: AHashMap<(SmolStr, u32), usize>,
    /// How many numbers each kind has given away.
    counts: AHashMap<SmolStr, u32>,
    hashing: RandomState,
}

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

    /// `text` with each placeholder of this vault replaced by what it stands for.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            restored.push_str(before);
            let value = after
                .split_once(']')
                .and_then(|(name, tail)| Some((self.value(name)?, tail)));
            rest = if let Some((value, tail)) = value {
                restored.push_str(&String::from_utf8_lossy(value));
                tail
            } else {
                restored.push('[');
                after
            };
        }
        restored.push_str(rest);
        restored
    }

    /// Appends the placeholder of `value` to `out`. What is longer than 8 KiB is not kept: each has a
    /// placeholder of its own that stays when others are restored.
    pub(crate) fn cover(&mut self, kind: &SmolStr, value: Option<&[u8]>, out: &mut Vec<u8>) {
        let kept = value.filter(|value| value.len() <= LONG && self.kept.len() < MOST);
        let number = match kept {
            Some(value) => self.number(kind, value),
            None => self.next(kind),
        };
        out.extend_from_slice(format!("[{kind}_{number}]").as_bytes());
    }

    /// What the placeholder `name`, without its brackets, stands for.
    fn value(&self, name: &str) -> Option<&[u8]> {
        let (kind, number) = name.rsplit_once('_')?;
        let number = number.parse().ok()?;
        let place = self.by_number.get(&(SmolStr::new(kind), number))?;
        self.kept.get(*place).map(|kept| kept.value.as_slice())
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
    }
}
