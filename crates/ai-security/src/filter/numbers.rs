//! One pass over the digits of a text, for everything that is made of digits.

use std::fmt::Debug;

use super::bytes::{ByteSet, before, starts_word};
use super::candidate::{Finder, Found, Window};

/// Digits of ASCII.
pub(super) const DIGITS: ByteSet = ByteSet::empty().range(b'0', b'9');
/// Letters of ASCII.
pub(super) const LETTERS: ByteSet = ByteSet::empty().range(b'A', b'Z').range(b'a', b'z');

/// Reads one sort of number.
///
/// The invariant of [`Finder`] holds for it, too.
pub(crate) trait NumberReader: Send + Sync + Debug {
    /// Reports what is there if the first digit of a run of digits stands at `digit`; what it reads
    /// may begin up to three bytes before.
    fn read_at(&self, window: &Window<'_>, digit: usize, found: &mut Found);
}

/// Finds numbers.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// What is read at each run of digits.
    pub(crate) readers: Vec<Box<dyn NumberReader>>,
}

impl Finder for Numbers {
    fn find(&self, window: &Window<'_>, found: &mut Found) {
        for digit in starts(window) {
            for reader in &self.readers {
                reader.read_at(window, digit, found);
            }
        }
        if !window.complete {
            hold_tail(window, found);
        }
    }
}

/// Where runs of digits begin in `window`.
fn starts<'a>(window: &Window<'a>) -> impl Iterator<Item = usize> + 'a {
    let bytes = window.bytes;
    let inside = before(bytes, window.from).is_some_and(|byte| byte.is_ascii_digit());
    let rest = bytes.get(window.from..).unwrap_or_default();
    let mut at = window.from + if inside { DIGITS.run(rest) } else { 0 };
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let skip = rest.iter().position(u8::is_ascii_digit)?;
        let start = at + skip;
        at = start + DIGITS.run(rest.get(skip..).unwrap_or_default());
        Some(start)
    })
}

/// Holds what may stand before the first digit of a number at the end: a sign, or one or two letters
/// with a space or a dash behind them.
fn hold_tail(window: &Window<'_>, found: &mut Found) {
    let bytes = window.bytes;
    let last = before(bytes, bytes.len());
    if last.is_some_and(|byte| matches!(byte, b'+' | b'(')) {
        found.hold(bytes.len() - 1);
    }
    let sign = usize::from(last.is_some_and(|byte| matches!(byte, b' ' | b'-')));
    let end = bytes.len() - sign;
    let near = bytes.get(end.saturating_sub(3)..end).unwrap_or_default();
    let letters = LETTERS.run_back(near);
    if matches!(letters, 1 | 2) && starts_word(bytes, end - letters) {
        found.hold(end - letters);
    }
}
