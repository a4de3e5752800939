//! Sets of bytes, and a cursor that knows whether it looked past the end.

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// No byte.
    pub(crate) const fn empty() -> Self {
        Self([0; 4])
    }

    /// Letters and digits of ASCII.
    pub(crate) const fn alphanumeric() -> Self {
        Self::empty()
            .range(b'0', b'9')
            .range(b'A', b'Z')
            .range(b'a', b'z')
    }

    /// The same with the bytes from `first` to `last`.
    pub(crate) const fn range(mut self, first: u8, last: u8) -> Self {
        let mut byte = first;
        loop {
            self = self.with(byte);
            if byte == last {
                return self;
            }
            byte += 1;
        }
    }

    /// The same with each byte of `bytes`.
    pub(crate) const fn all(mut self, bytes: &[u8]) -> Self {
        let mut rest = bytes;
        while let [first, others @ ..] = rest {
            self = self.with(*first);
            rest = others;
        }
        self
    }

    /// Every byte of either.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
        self
    }

    /// Every byte that is not in it.
    pub(crate) const fn inverted(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([!a, !b, !c, !d])
    }

    /// The same with `byte`.
    pub(crate) const fn with(self, byte: u8) -> Self {
        let [a, b, c, d] = self.0;
        let bit = 1_u64 << (byte & 63);
        Self(match byte >> 6 {
            0 => [a | bit, b, c, d],
            1 => [a, b | bit, c, d],
            2 => [a, b, c | bit, d],
            _ => [a, b, c, d | bit],
        })
    }

    /// Whether `byte` is in it.
    pub(crate) const fn has(self, byte: u8) -> bool {
        let [a, b, c, d] = self.0;
        let word = match byte >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        word & (1_u64 << (byte & 63)) != 0
    }

    /// How many bytes at the start of `text` are in it.
    pub(crate) fn run(self, text: &[u8]) -> usize {
        text.iter()
            .position(|byte| !self.has(*byte))
            .unwrap_or(text.len())
    }

    /// How many bytes at the end of `text` are in it.
    pub(crate) fn run_back(self, text: &[u8]) -> usize {
        text.iter()
            .rev()
            .position(|byte| !self.has(*byte))
            .unwrap_or(text.len())
    }
}

/// Reads forward. What it wanted to know of bytes that are not there yet is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    starved: bool,
}

impl<'a> Cursor<'a> {
    /// Begins at byte `at` of `text`.
    pub(crate) const fn new(text: &'a [u8], at: usize) -> Self {
        Self {
            text,
            at,
            starved: false,
        }
    }

    /// Where it stands.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Whether a byte behind the end was asked for.
    pub(crate) const fn starved(&self) -> bool {
        self.starved
    }

    /// All of the text.
    pub(crate) const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Moves to `at`.
    pub(crate) const fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// The byte at place `at` of the text, wherever this stands. It is not missed if it is not there.
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Remembers what `other`, which went ahead, wanted to know.
    pub(crate) const fn starve_with(&mut self, other: &Self) {
        self.starved |= other.starved;
    }

    /// The next byte, without moving.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let next = self.text.get(self.at).copied();
        self.starved |= next.is_none();
        next
    }

    /// Whether the next byte is in `set`.
    pub(crate) fn sees(&mut self, set: ByteSet) -> bool {
        self.peek().is_some_and(|byte| set.has(byte))
    }

    /// Moves one byte on.
    pub(crate) const fn step(&mut self) {
        self.at += 1;
    }

    /// Moves over `byte` if it comes next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Moves over `literal` if it comes next.
    pub(crate) fn eat_all(&mut self, literal: &[u8]) -> bool {
        let from = self.at;
        let found = literal.iter().all(|byte| self.eat(*byte));
        if !found {
            self.at = from;
        }
        found
    }

    /// Looks ahead with a copy and stays where it is, but remembers what was wanted.
    pub(crate) fn ahead<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let mut ahead = *self;
        let seen = look(&mut ahead);
        self.starved |= ahead.starved;
        seen
    }

    /// Moves over at most `most` bytes of `set` and returns how many there were.
    pub(crate) fn run(&mut self, set: ByteSet, most: usize) -> usize {
        let from = self.at;
        while self.at - from < most && self.sees(set) {
            self.at += 1;
        }
        self.at - from
    }
}

/// Where `literal` begins in `text` from `from` on, one place after the other.
pub(crate) fn openings<'t>(
    text: &'t [u8],
    from: usize,
    literal: &'t [u8],
) -> impl Iterator<Item = usize> + 't {
    let rest = text.get(from..).unwrap_or_default();
    memchr::memmem::find_iter(rest, literal).map(move |at| from + at)
}

/// Where the end of `text` may be the beginning of `literal`, not before `from`.
pub(crate) fn cut_opening(text: &[u8], from: usize, literal: &[u8]) -> Option<usize> {
    let longest = literal.len().saturating_sub(1);
    let first = text.len().saturating_sub(longest).max(from);
    (first..text.len()).find(|at| {
        text.get(*at..)
            .is_some_and(|tail| literal.starts_with(tail))
    })
}

/// The byte before `at`.
pub(crate) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|last| text.get(last)).copied()
}

/// Whether a word of letters and digits may begin at `at`: what stands before is no letter or digit,
/// or belongs to an escape such as `%3D` or `\n`. Anything else may begin anywhere.
pub(crate) fn starts_word(text: &[u8], at: usize) -> bool {
    if text
        .get(at)
        .is_some_and(|byte| !byte.is_ascii_alphanumeric())
    {
        return true;
    }
    let back = |steps: usize| at.checked_sub(steps).and_then(|i| text.get(i)).copied();
    match back(1) {
        Some(byte) if byte.is_ascii_alphanumeric() => {
            (matches!(byte, b'n' | b'r' | b't') && back(2) == Some(b'\\'))
                || (byte.is_ascii_hexdigit()
                    && back(2).is_some_and(|b| b.is_ascii_hexdigit())
                    && back(3) == Some(b'%'))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = ByteSet::alphanumeric().all(b"-_").with(0xFF);
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | 0xFF);
            assert_eq!(set.has(byte), expected, "{byte}");
        }
        assert_eq!(set.run(b"ab-c d"), 4);
        assert_eq!(set.run_back(b"ab c_d"), 3);
    }

    #[test]
    fn a_cursor_is_starved_by_what_it_asks_for_only() {
        let mut cursor = Cursor::new(b"ab", 0);
        assert!(cursor.eat_all(b"ab") && !cursor.starved());
        assert!(!cursor.eat(b'c') && cursor.starved());
    }

    #[test]
    fn words_begin_behind_signs_and_escapes() {
        for (text, at, expected) in [
            (&b"ghp"[..], 0, true),
            (b" ghp", 1, true),
            (b"xghp", 1, false),
            (b"_ghp", 1, true),
            (b"%3Dghp", 3, true),
            (b"a3Dghp", 3, false),
            (b"\\nghp", 2, true),
            ("\u{e9}ghp".as_bytes(), 2, true),
        ] {
            assert_eq!(starts_word(text, at), expected, "{text:?}");
        }
    }
}
