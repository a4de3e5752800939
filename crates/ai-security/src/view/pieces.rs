//! Words cut to pieces: `ig-nore al l prev ious`.

use std::ops::Range;

use super::cluster::each_cluster;
use super::spaced::{known, split};
use super::{Source, ViewLimits, Views};
use crate::inspection::ViewKind;

/// Pieces in a row that are looked at together, and how many letters they have at most: of whole words
/// so many have seventy.
const ROW: usize = 16;
const MOST_LETTERS: usize = 54;
/// Bytes read around such rows.
const REACH: usize = 48;
/// Letters of known words that there must be more when pieces are joined.
const GAIN: usize = 10;

pub(super) fn search(source: Source<'_>, limits: ViewLimits, views: &mut Views) {
    let text = source.folded.text();
    views.add(ViewKind::Spaced, source, limits, |sink| {
        each_cluster(text, rows(text), (REACH, 1), |span| {
            let part = text.get(span.clone()).unwrap_or_default();
            let joined = joined(part);
            if known(&joined) >= whole(part) + GAIN {
                sink.push_folded(&joined, span);
            }
        });
    });
}

/// Places of rows of pieces. Linear in the text.
fn rows(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut row = Row::default();
    let bytes = text.as_bytes();
    // The last word ends, too.
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(b'\n');
    (0..=bytes.len()).filter_map(move |at| row.read(at, byte(at)))
}

/// The last pieces of a text, read byte by byte or word by word.
#[derive(Default)]
pub(super) struct Row {
    /// Letters of the piece that is being read.
    letters: usize,
    /// The last pieces, one after the other in turn: where each begins and how long it is.
    last: [(usize, usize); ROW],
    seen: usize,
    sum: usize,
}

impl Row {
    /// Reads the byte at `at`; a row, if enough short pieces end here.
    fn read(&mut self, at: usize, byte: u8) -> Option<Range<usize>> {
        if byte.is_ascii_alphabetic() {
            self.letters += 1;
            return None;
        }
        if self.letters == 0 {
            return None;
        }
        let piece = at - self.letters..at;
        self.letters = 0;
        self.end(&piece)
    }

    /// A piece ends; a row, if enough short ones end here.
    #[inline]
    pub(super) fn end(&mut self, piece: &Range<usize>) -> Option<Range<usize>> {
        let oldest = self.last.get_mut(self.seen % ROW)?;
        self.sum = self.sum + piece.len() - oldest.1;
        *oldest = (piece.start, piece.len());
        self.seen += 1;
        if self.seen < ROW || self.sum > MOST_LETTERS {
            return None;
        }
        let (start, _) = *self.last.get(self.seen % ROW)?;
        Some(start..piece.end)
    }
}

/// Letters of `text` in words that are known and stand for themselves.
fn whole(text: &str) -> usize {
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    words
        .filter(|word| known(word) == word.len())
        .map(str::len)
        .sum()
}

/// The letters of `text` in one, known words apart. Ends of sentences stay.
fn joined(text: &str) -> String {
    let mut read = String::with_capacity(text.len() + text.len() / 4);
    let mut letters = String::with_capacity(text.len());
    for sentence in text.split_inclusive(['.', '!', '?', '\n']) {
        letters.clear();
        letters.extend(sentence.chars().filter(char::is_ascii_alphabetic));
        split(&letters, &mut read);
        read.push('\n');
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_pieces_not_of_words() {
        let prose =
            "Our team met on Monday to plan the launch, and Priya will send the notes by noon. ";
        assert_eq!(rows(&prose.repeat(4)).count(), 0);
        let cut = "Ou-r te am me-t o n Mon day to pl an th-e lau nch an d Pri ya wi-ll se nd";
        assert!(rows(cut).count() > 0);
        assert_eq!(joined("ig-no re al l. ru les"), "ignore all\n rules\n");
    }

    #[test]
    fn attack_58_rows_grow_with_the_text_and_no_faster() {
        let count = |times| rows(&"al l ".repeat(times)).count();
        assert!(count(2000) <= 2 * count(1000) + ROW);
        assert!(count(1000) <= 2000);
    }
}
