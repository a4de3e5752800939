//! Whether a word of the rules may begin at a place of a text, at a glance.

use super::book::Spotted;
use super::stream;

/// Bytes that are looked at: two letters of Chinese, most of an English word.
const BYTES: usize = 6;
/// Two to this power of them are told apart.
const BITS: u32 = 17;
/// Stands for whatever ends a word, and what follows.
const END: u8 = 0;

/// The first bytes of words, as sets of bits.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// By hash of the first bytes, up to the end of the first word of a phrase.
    long: Box<[u64]>,
    /// By hash of the first three bytes: of words so short that not all six are known.
    middle: Box<[u64]>,
    /// By the first two bytes: of words of one or two.
    short: Box<[u64]>,
}

impl Prefixes {
    /// Those of `words`.
    pub(super) fn of(words: &[Spotted]) -> Self {
        let mut prefixes = Self {
            long: vec![0; 1 << (BITS - 6)].into(),
            middle: vec![0; 1 << (BITS - 6)].into(),
            short: vec![0; 1 << 10].into(),
        };
        for word in words {
            prefixes.add(word);
        }
        prefixes
    }

    /// Whether a word may begin at `at`; never `false` where one does.
    #[inline]
    pub(super) fn may_begin(&self, text: &[u8], at: usize) -> bool {
        let bytes = first(text.get(at..).unwrap_or_default());
        let [one, two, three, ..] = bytes;
        has(&self.long, hash(key(bytes)))
            || has(&self.middle, hash(three_of([one, two, three])))
            || has(&self.short, pair(one, two))
    }

    /// Bytes of memory that they take.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.long) + size_of_val(&*self.middle) + size_of_val(&*self.short)
    }

    fn add(&mut self, word: &Spotted) {
        let text = word.word.text.as_bytes();
        let bytes = first(text);
        let [one, two, three, ..] = bytes;
        // Where a word of ASCII must end, its end is known as well.
        let is_known = word.closed_end && one.is_ascii();
        let mut behind_first = text.iter().take(BYTES).skip(1);
        let is_phrase = behind_first.any(|byte| follows(one, *byte) == END);
        match text.len() {
            1 if !is_known => {
                for second in 0..=u8::MAX {
                    set(&mut self.short, pair(one, second));
                }
            }
            2 if !is_known && !is_phrase => set(&mut self.short, pair(one, two)),
            3..BYTES if !is_known && !is_phrase => {
                set(&mut self.middle, hash(three_of([one, two, three])));
            }
            _ => set(&mut self.long, hash(key(bytes))),
        }
    }
}

/// The first bytes of `text`.
#[inline]
fn first(text: &[u8]) -> [u8; BYTES] {
    if let Some(bytes) = text.first_chunk() {
        return *bytes;
    }
    let mut bytes = [b' '; BYTES];
    for (place, byte) in bytes.iter_mut().zip(text) {
        *place = *byte;
    }
    bytes
}

/// The bytes as one number; behind the end of a word nothing counts.
#[inline]
fn key(bytes: [u8; BYTES]) -> u64 {
    let [first, rest @ ..] = bytes;
    let mut key = u64::from(first);
    let mut goes_on = true;
    for byte in rest {
        let byte = follows(first, byte);
        goes_on &= byte != END;
        key = key << 8 | if goes_on { u64::from(byte) } else { 0 };
    }
    key
}

#[inline]
fn three_of([one, two, three]: [u8; 3]) -> u64 {
    u64::from(one) << 16 | u64::from(two) << 8 | u64::from(three)
}

/// What `byte` is read as in a word that begins with `first`. Letters that are not in ASCII are the end
/// of a word that begins with one that is: whether they belong to it is not known yet.
#[inline]
fn follows(first: u8, byte: u8) -> u8 {
    let goes_on = byte.is_ascii_alphanumeric() || (!byte.is_ascii() && !first.is_ascii());
    if goes_on { byte } else { END }
}

#[inline]
fn hash(key: u64) -> usize {
    // At most 17 bits are left.
    usize::try_from(key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BITS)).unwrap_or(0)
}

#[inline]
fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(stream::read(second))
}

#[inline]
fn has(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64)
        .is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}
