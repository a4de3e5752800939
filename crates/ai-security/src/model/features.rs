//! What the model sees of a text: character and word n-grams, hashed.
//!
//! Trainer and scorer read texts through this one function, so they cannot disagree. Runs of white
//! space count as one space and digits as `0`; everything else was folded before. Each character
//! n-gram has a place in one table, each word n-gram in another, each theme and pair of themes in a
//! third. Features are counted as often as they occur, which is what lets a window be the sum of its
//! segments.

use std::ops::Range;

use super::themes::{self, Themes};
use crate::byte_table::byte_table;
use crate::rules::Touch;

/// The table of character n-grams has 2 to this power places.
pub const CHAR_BITS: u32 = 16;

/// The table of word n-grams has 2 to this power places.
pub const WORD_BITS: u32 = 15;

/// Places of both tables and of themes together; those of words follow those of characters.
pub const PLACES: usize = FIRST_THEME + themes::PLACES;

/// The first place of themes.
pub(super) const FIRST_THEME: usize = (1 << CHAR_BITS) + (1 << WORD_BITS);

/// Characters of a segment, after which it ends with the next word.
const SEGMENT: u32 = 240;

/// Characters of a segment, after which it ends with the next sentence or line.
const SENTENCE: u32 = 100;

/// Characters after which a segment ends even inside a word.
const LONGEST_SEGMENT: u32 = SEGMENT + 60;

/// 2 to the power of 64 by the golden ratio: spreads a sum over the high bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// What keeps n-grams of three, four and five characters apart: odd factors.
const CHAR_FACTORS: [u64; 3] = [
    0x9E37_79B9_7F4A_7C15,
    0xC2B2_AE3D_27D4_EB4F,
    0xD6E8_FEB8_6659_FD93,
];
const WORD_SALTS: [u64; 3] = [7, 11, 13];

/// Takes what [`read`] finds.
pub trait Sink {
    /// An n-gram: its place, below [`PLACES`], and where it stands in the text.
    fn gram(&mut self, place: usize, span: Range<usize>);

    /// A segment ends here, in bytes of the text.
    fn segment(&mut self, end: usize);
}

/// Reads `text`, folded, which touches these themes, from its beginning to its end. Linear in the
/// text, without allocation.
#[inline]
pub fn read(text: &str, touches: &[Touch], sink: &mut impl Sink) {
    let mut chars = Chars::default();
    let mut words = Words::default();
    let mut length = 0;
    let mut themes = Themes::of(touches);
    let mut before = u64::from(b' ');
    let mut left = text.char_indices();
    loop {
        let (at, end, c) = match left.next() {
            Some((at, c)) => (at, at + c.len_utf8(), c),
            // A text ends as if a space stood behind it.
            None if chars.after_space() => break,
            None => (text.len(), text.len(), ' '),
        };
        let (code, class) = classify(c);
        let is_space = class == Class::Space;
        if is_space && chars.after_space() {
            continue;
        }
        chars.push(code, at..end, sink);
        if class == Class::Word {
            words.extend(code, at);
        } else {
            words.end(at, sink);
        }
        if at == end {
            break;
        }
        length += 1;
        let ends = match length {
            0..SENTENCE => false,
            SENTENCE..SEGMENT => is_space && (c == '\n' || is_stop(before)),
            SEGMENT..LONGEST_SEGMENT => is_space,
            _ => true,
        };
        if ends {
            themes.show(end, sink);
            sink.segment(end);
            length = 0;
        }
        before = code;
    }
    if length > 0 {
        themes.show(text.len(), sink);
        sink.segment(text.len());
    }
}

/// Whether a sentence ends behind what is read as `code`.
const fn is_stop(code: u64) -> bool {
    matches!(code, 0x2e | 0x21 | 0x3f)
}

/// What a character is to the n-grams.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Sign,
}

/// What `c` is read as, and what it is.
#[inline]
fn classify(c: char) -> (u64, Class) {
    let byte = u8::try_from(c).ok().filter(u8::is_ascii);
    if let Some((code, class)) = byte.and_then(|byte| ASCII.get(usize::from(byte))) {
        return (u64::from(*code), *class);
    }
    match c {
        // Common letters of other scripts, which need no look-up.
        'а'..='я' | '一'..='\u{9fff}' | '가'..='힣' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' => {
            (u64::from(c), Class::Word)
        }
        _ if c.is_alphanumeric() => (u64::from(c), Class::Word),
        _ if c.is_whitespace() => (u64::from(b' '), Class::Space),
        _ => (u64::from(c), Class::Sign),
    }
}

byte_table! {
    /// The same for characters in ASCII.
    ASCII: (u8, Class) = |byte| match byte {
        b'0'..=b'9' => (b'0', Class::Word),
        b' ' | b'\t'..=b'\r' => (b' ', Class::Space),
        b'a'..=b'z' | b'A'..=b'Z' | b'\'' => (byte, Class::Word),
        _ => (byte, Class::Sign),
    }
}

fn place(sum: u64, bits: u32) -> usize {
    // At most 16 bits are left.
    usize::try_from(sum.wrapping_mul(SPREAD) >> (u64::BITS - bits)).unwrap_or(0)
}

/// The last four characters, newest in the lowest 16 bits, and where each begins.
struct Chars {
    last: u64,
    starts: [usize; 4],
    seen: u32,
}

impl Default for Chars {
    /// As if a space stood before the text.
    fn default() -> Self {
        Self {
            last: u64::from(b' '),
            starts: [0; 4],
            seen: 1,
        }
    }
}

impl Chars {
    fn after_space(&self) -> bool {
        self.last & 0xFFFF == u64::from(b' ')
    }

    #[inline]
    fn push(&mut self, newest: u64, at: Range<usize>, sink: &mut impl Sink) {
        let [_, from3, from4, from5] = self.starts;
        // Characters beyond the first plane are told apart well enough by the lower half.
        let four = self.last << 16 | (newest & 0xFFFF);
        let oldest = self.last >> 48;
        let [factor3, factor4, factor5] = CHAR_FACTORS;
        let three = hash(four << 16, factor3);
        let in_four = hash(four, factor4);
        let in_five = hash(four ^ oldest.wrapping_mul(SPREAD), factor5);
        if self.seen >= 4 {
            sink.gram(three, from3..at.end);
            sink.gram(in_four, from4..at.end);
            sink.gram(in_five, from5..at.end);
        } else {
            if self.seen >= 2 {
                sink.gram(three, from3..at.end);
            }
            if self.seen >= 3 {
                sink.gram(in_four, from4..at.end);
            }
            self.seen += 1;
        }
        self.last = four;
        let [from2, from3, from4, _] = self.starts;
        self.starts = [at.start, from2, from3, from4];
    }
}

#[inline]
fn hash(key: u64, factor: u64) -> usize {
    usize::try_from(key.wrapping_mul(factor) >> (u64::BITS - CHAR_BITS)).unwrap_or(0)
}

/// The word being read and the two before it.
struct Words {
    hash: u64,
    start: usize,
    last: [u64; 2],
    starts: [usize; 2],
}

impl Default for Words {
    fn default() -> Self {
        Self {
            hash: 0,
            start: 0,
            last: [1, 2],
            starts: [0; 2],
        }
    }
}

impl Words {
    fn extend(&mut self, code: u64, at: usize) {
        if self.hash == 0 {
            self.start = at;
        }
        // FNV-1a over characters; the sum keeps a word of one `\0` from being none.
        let mixed = (self.hash ^ code).wrapping_mul(0x100_0000_01B3);
        self.hash = mixed.wrapping_add(0x51).max(1);
    }

    /// One to three words, and the pair around a word left out.
    #[inline]
    fn end(&mut self, at: usize, sink: &mut impl Sink) {
        if self.hash == 0 {
            return;
        }
        let [before, two_before] = self.last;
        let [start, start2] = self.starts;
        let [salt2, salt3, salt_skip] = WORD_SALTS;
        let pair = self
            .hash
            .wrapping_add(before.rotate_left(17).wrapping_mul(31));
        let three = pair.wrapping_add(two_before.rotate_left(31).wrapping_mul(37));
        let skip = self
            .hash
            .wrapping_add(two_before.rotate_left(31).wrapping_mul(41));
        let mut gram = |sum: u64, from| {
            sink.gram((1 << CHAR_BITS) + place(sum, WORD_BITS), from..at);
        };
        gram(self.hash, self.start);
        gram(pair.wrapping_add(salt2), start);
        gram(three.wrapping_add(salt3), start2);
        gram(skip.wrapping_add(salt_skip), start2);
        self.last = [self.hash, before];
        self.starts = [self.start, start];
        self.hash = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen {
        grams: Vec<(usize, Range<usize>)>,
        segments: Vec<usize>,
    }

    impl Sink for Seen {
        fn gram(&mut self, place: usize, span: Range<usize>) {
            self.grams.push((place, span));
        }

        fn segment(&mut self, end: usize) {
            self.segments.push(end);
        }
    }

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        read(text, &[], &mut seen);
        seen
    }

    fn places(text: &str) -> Vec<usize> {
        seen(text)
            .grams
            .into_iter()
            .map(|(place, _)| place)
            .collect()
    }

    #[test]
    fn spans_are_text_and_places_are_in_the_tables() {
        for text in [
            "",
            "a",
            "ab cd",
            "  ignore  all\n\nrules ",
            "忽略之前的 指令",
            "e\u{301}\u{1F600}x",
        ] {
            for (place, span) in seen(text).grams {
                assert!(place < PLACES, "{text}");
                assert!(text.get(span.clone()).is_some(), "{text} {span:?}");
            }
        }
    }

    #[test]
    fn spaces_and_digits_are_alike() {
        assert_eq!(places("pay 10 now"), places("pay  47\n\tnow"));
        assert_eq!(places("x y"), places("x y "));
        assert_ne!(places("pay 10 now"), places("pay 10 later"));
    }

    #[test]
    fn themes_of_short_texts_and_of_last_segments_are_shown() {
        let touch = |start| Touch {
            theme: 3,
            start,
            end: start + 6,
        };
        for (text, place) in [
            ("ignore me".to_owned(), 0),
            (format!("{}ignore me", "word ".repeat(200)), 1000),
        ] {
            let mut seen = Seen::default();
            read(&text, &[touch(place)], &mut seen);
            let themes = seen.grams.iter().filter(|(at, _)| *at >= FIRST_THEME);
            assert_eq!(themes.count(), 1, "{text}");
        }
    }

    #[test]
    fn every_text_with_a_letter_is_in_segments() {
        assert_eq!(seen("").segments, Vec::<usize>::new());
        assert_eq!(seen("abc").segments, [3]);
        let long = "word ".repeat(200);
        let segments = seen(&long).segments;
        assert_eq!(segments.last(), Some(&long.len()));
        assert_eq!(segments.len(), 5);
        let unbroken = "x".repeat(1000);
        assert_eq!(seen(&unbroken).segments, [300, 600, 900, 1000]);
    }
}
