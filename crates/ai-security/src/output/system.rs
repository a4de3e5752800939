//! What an answer repeats of the system text.

use std::hash::{BuildHasher, Hasher};

use ahash::{AHashSet, RandomState};
use smallvec::SmallVec;

use crate::filter::bytes::ByteSet;
use crate::filter::candidate::{Candidate, Found, Window};

/// Words in a row that make a repetition.
const WORDS: usize = 8;
/// Longest word that counts; a longer one ends a row.
const LONGEST_WORD: usize = 64;
/// Most bytes between two words, beyond which they are no longer in a row.
const LONGEST_GAP: usize = 16;
/// Bytes of the system text that are remembered.
const MOST: usize = 256 * 1024;
/// Letters: everything outside ASCII counts as one.
const LETTERS: ByteSet = ByteSet::alphanumeric().range(0x80, 0xff);

/// What is remembered of a system text to notice that an answer repeats it: hashes of eight words in
/// a row, no words.
#[derive(Clone, Debug)]
pub struct SystemText {
    known: AHashSet<u64>,
    hashing: RandomState,
}

impl SystemText {
    /// Of `text`; of one longer than 256 KiB, the beginning.
    pub fn of(text: &str) -> Self {
        let mut system = Self {
            known: AHashSet::new(),
            hashing: RandomState::new(),
        };
        let bytes = text.as_bytes();
        let bytes = bytes.get(..bytes.len().min(MOST)).unwrap_or_default();
        let words: Vec<Word> = Words { bytes, at: 0 }.collect();
        let short = |row: &&[Word]| row.iter().all(|word| word.end - word.start <= LONGEST_WORD);
        let rows = words.windows(WORDS).filter(short);
        system.known = rows.map(|row| system.hash(bytes, row)).collect();
        system
    }

    /// Whether the text had fewer than eight words: then nothing is noticed.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Reports each row of eight words that is known, for the rule at place `rule`.
    pub(crate) fn find(&self, rule: usize, window: &Window<'_>, found: &mut Found) {
        let bytes = window.bytes;
        if self.known.is_empty() {
            return;
        }
        // A word that began before is known to have its beginning cut off.
        let cut = window.from > 0
            && bytes
                .get(window.from - 1)
                .is_some_and(|byte| LETTERS.has(*byte));
        let rest = bytes.get(window.from..).unwrap_or_default();
        let at = window.from + if cut { LETTERS.run(rest) } else { 0 };
        let mut row: SmallVec<[Word; WORDS]> = SmallVec::new();
        for word in (Words { bytes, at }) {
            let open = word.end == bytes.len() && !window.complete;
            if word.end - word.start > LONGEST_WORD {
                row.clear();
                continue;
            }
            if row
                .last()
                .is_some_and(|last| word.start - last.end > LONGEST_GAP)
            {
                row.clear();
            }
            if row.len() == WORDS {
                row.remove(0);
            }
            row.push(word);
            if row.len() == WORDS && !open && self.known.contains(&self.hash(bytes, &row)) {
                let span = row.first().map_or(0, |first| first.start)..word.end;
                found.push(Candidate::whole(rule, span));
            }
        }
        if !window.complete {
            Self::hold_tail(bytes, &row, found);
        }
    }

    /// Holds words at the end that more words could make a row of.
    fn hold_tail(bytes: &[u8], row: &[Word], found: &mut Found) {
        let recent = row
            .last()
            .is_some_and(|last| bytes.len() - last.end <= LONGEST_GAP);
        let open = row.last().is_some_and(|last| last.end == bytes.len());
        let begins = match (row, open) {
            ([first, .., _], true) if row.len() == WORDS => Some(first),
            ([_, second, ..], _) if row.len() == WORDS => Some(second),
            ([first, ..], _) => Some(first),
            _ => None,
        };
        if let Some(first) = begins.filter(|_| recent) {
            found.hold(first.start);
        }
    }

    fn hash(&self, bytes: &[u8], row: &[Word]) -> u64 {
        let mut hasher = self.hashing.build_hasher();
        for word in row {
            let letters = bytes.get(word.start..word.end).unwrap_or_default();
            for byte in letters {
                hasher.write_u8(byte.to_ascii_lowercase());
            }
            hasher.write_u8(b' ');
        }
        hasher.finish()
    }
}

#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
}

struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let rest = self.bytes.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| LETTERS.has(*byte))?;
        let run = LETTERS.run(self.bytes.get(start..)?);
        self.at = start + run;
        Some(Word {
            start,
            end: start + run,
        })
    }
}
