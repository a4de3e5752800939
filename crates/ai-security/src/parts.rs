//! Which parts of a long text are read.

use std::iter;
use std::ops::Range;

/// Windows between head and tail.
const WINDOWS: usize = 8;

/// Parts of `text` that are at most `limit` bytes together: all of it, or its head, its tail and
/// windows at even distances between. Borders are those of characters.
pub(crate) fn parts(text: &str, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let is_whole = text.len() <= limit;
    let head = if is_whole {
        text.len()
    } else {
        text.floor_char_boundary(limit / 2)
    };
    let tail = text.ceil_char_boundary((text.len() - limit.min(text.len()) / 4).max(head));
    let window = limit / 4 / WINDOWS;
    let distance = (tail - head) / (WINDOWS + 1);
    let between = (1..=WINDOWS).map(move |number| {
        let start = text.ceil_char_boundary(head + number * distance);
        start..text.floor_char_boundary(start + window)
    });
    // Never over each other: what is read is counted.
    let between =
        between.filter(move |part| !is_whole && part.start < part.end && part.end <= tail);
    let tail = (!is_whole).then_some(tail..text.len());
    iter::once(0..head).chain(between).chain(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_read_whole_and_a_long_one_in_parts() {
        assert!(parts("", 16).eq(iter::once(0..0)));
        assert!(parts("0123456789", 10).eq(iter::once(0..10)));
        for text in ["x".repeat(10_000), "é".repeat(5_000), "€".repeat(3_000)] {
            let parts: Vec<_> = parts(&text, 4096).collect();
            assert_eq!(parts.first().unwrap().start, 0);
            assert_eq!(parts.last().unwrap().end, text.len());
            assert!(parts.iter().all(|part| text.get(part.clone()).is_some()));
            assert!(parts.is_sorted_by(|a, b| a.end <= b.start), "{parts:?}");
            let read: usize = parts.iter().map(Range::len).sum();
            assert!((3000..=4096).contains(&read), "{read}");
        }
    }
}
